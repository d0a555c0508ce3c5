"""Time and memory of comparing two ready fits: ``gmm-compare bench comparison``.

The fits are real: EM with its bootstrap, and Gibbs draws of the posterior. The truth is known, so
that every distance is computed. Seconds are the best of a few runs. On a busy machine the
processor's seconds, summed over all threads, say more than the clock's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from experiments.analysis import analyse
from experiments.api.comparing import compare_fits
from experiments.benchmarks.cases import Case, make_data
from experiments.benchmarks.em import peak_mib
from experiments.datasets.dataset import Dataset, from_arrays
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines

SECONDS = 5.0
"""How long the large case may take."""
MIB = 500.0
"""How much memory it may take."""
LARGE = Case(10_000, 5, 5)
SMALL = Case(1_000, 2, 3)
CHAINS = 4
# What `analyse` calls, by the names under which its module knows them.
STAGES = (
    "in_one_order",
    "DensityComparison",
    "engine_result",
    "score",
    "log_likelihoods",
    "joint_distance",
    "agree",
    "certify",
    "check_shape",
    "decided_by_outliers",
    "support",
    "judge",
    "illustrate",
    "summarise",
    "null_reasons",
)
_REPEATS = 3


@dataclass(frozen=True)
class ComparisonTiming:
    """One comparison.

    Attributes
    ----------
    clock, processor : float
        Seconds.
    """

    clock: float
    processor: float

    def __add__(self, other: ComparisonTiming) -> ComparisonTiming:
        return ComparisonTiming(self.clock + other.clock, self.processor + other.processor)

    def __sub__(self, other: ComparisonTiming) -> ComparisonTiming:
        return ComparisonTiming(self.clock - other.clock, self.processor - other.processor)


def main(quick: bool = False) -> int:
    """Print the tables.

    Parameters
    ----------
    quick : bool, default False
        A small data set and few draws, to see that it runs.

    Returns
    -------
    int
        0.
    """
    case, draws = (SMALL, 100) if quick else (LARGE, 1000)
    dataset, fits = ready_fits(case, draws)
    n_draws = CHAINS * draws
    print(f"Two fits, ready: EM and {n_draws} draws of the posterior")

    def work() -> object:
        return compare_fits(dataset, fits)

    # The peak is measured in the first call, so that what it imports and reads from disk counts.
    mib = peak_mib(work) if os.path.exists("/proc/self/clear_refs") else None
    timings = [_timed(work) for _ in range(1 if quick else _REPEATS)]
    best = min(timings, key=lambda timing: timing.clock)
    processor = min(timing.processor for timing in timings)
    print(
        f"\n{'N':>9} {'D':>3} {'K':>3}{'draws':>7}{'seconds':>9}{'processor':>11}{'allowed':>9}"
        f"{'':>4}{'MiB':>8}{'allowed':>9}"
    )
    memory = f"{'-':>8}{'-':>9}"
    if mib is not None:
        memory = f"{mib:8.0f}{MIB:9g}  {'ok' if mib <= MIB else 'more'}"
    verdict = "ok" if best.clock <= SECONDS else "slow"
    print(
        f"{case.label}{n_draws:7d}{best.clock:9.2f}{processor:11.2f}{SECONDS:9g}{verdict:>6}"
        f"{memory[2:]}"
    )
    print(f"\n{'Where the seconds go':<24}{'seconds':>9}{'processor':>11}")
    for name, timing in stages(work):
        print(f"  {name:<24}{timing.clock:7.2f}{timing.processor:11.2f}")
    return 0


def ready_fits(case: Case, draws: int) -> tuple[Dataset, dict[str, Fit]]:
    """Fit a case by EM and by Gibbs, and call EM's estimate the truth."""
    X, _ = make_data(case)
    options: dict[str, Any] = {
        "em": {"n_init": 5, "n_bootstrap": 50},
        "bayes": {
            "sampler": "gibbs",
            "prior": {"kind": "niw"},
            "draws": draws,
            "tune": 100,
            "chains": CHAINS,
        },
    }
    fits = fit_engines(from_arrays(X, None, None), case.n_components, ["em", "bayes"], options, 0)
    return from_arrays(X, None, fits["em"].mixture), fits


def stages(work: Callable[[], object]) -> list[tuple[str, ComparisonTiming]]:
    """Return what comparing calls, by name, with the seconds of each; the slowest first."""
    found: dict[str, ComparisonTiming] = {}

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            result = []
            timing = _timed(lambda: result.append(function(*arguments, **options)))
            found[name] = found.get(name, ComparisonTiming(0.0, 0.0)) + timing
            return result[0]

        return call

    with ExitStack() as stack:
        for name in STAGES:
            function = getattr(analyse, name)
            stack.enter_context(patch.object(analyse, name, watched(name, function)))
        total = _timed(work)
    found["the rest"] = total - sum(found.values(), ComparisonTiming(0.0, 0.0))
    return sorted(found.items(), key=lambda item: -item[1].clock)


def _timed(work: Callable[[], object]) -> ComparisonTiming:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return ComparisonTiming(time.perf_counter() - clock, time.process_time() - processor)


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv))
