"""Speed of gmm_em against scikit-learn, as ratios in one run: ``gmm-compare bench em``.

Every fit goes through the public classes, from the same start, for the same ten iterations, and
the two final log-likelihoods are compared. Times are the best of a few runs. The two libraries take
turns, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from experiments.benchmarks.cases import Case, make_data, seconds
from experiments.benchmarks.default_fit import race_default_fits
from experiments.benchmarks.device import main as race_on_device
from experiments.benchmarks.onedal import race_onedal
from experiments.core.processor import processor_line
from experiments.core.types import FloatArray
from gmm_em import GaussianMixtureEM

ITERATIONS = 10


SPEED = (
    Case(1_000, 2, 3, target=5, aim=14),
    Case(10_000, 2, 5, target=9, aim=19),
    Case(100_000, 2, 5, target=15, aim=27),
    Case(1_000_000, 4, 8, target=18, aim=28),
    Case(100_000, 10, 10, target=18, aim=20),
    Case(100_000, 32, 16, target=7, aim=9),
    Case(20_000, 64, 20, target=3.8, aim=4),
)
STRUCTURES = tuple(
    Case(100_000, 10, 10, covariance_type) for covariance_type in ("tied", "diag", "spherical")
)
MEMORY = (Case(100_000, 10, 10), Case(20_000, 64, 20), Case(1_000_000, 4, 8))
# Cases up to this size are in the quick run: each of their fits takes a second at most.
_QUICK_ELEMENTS = 3_000_000


def main(quick: bool = False, device: str | None = None) -> int:
    """Print all tables.

    Parameters
    ----------
    quick : bool, default False
        Leave out the large cases, and repeat less.
    device : str, optional
        Of PyTorch: race there instead, with rows that are there already.

    Returns
    -------
    int
        0, or 2 where scikit-learn is not installed.
    """
    try:
        import sklearn  # noqa: PLC0415 - where it is missing, a sentence says so
    except ImportError:
        print("bench em compares with scikit-learn: pip install scikit-learn", file=sys.stderr)
        return 2
    if device is not None:
        return race_on_device(device, quick)
    peak = _dgemm_peak()
    print(f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}; DGEMM {peak:.0f} GFLOP/s")
    print(processor_line())
    speed = [case for case in SPEED if not quick or case.elements <= _QUICK_ELEMENTS]
    print(f"\nSame start, same {ITERATIONS} iterations, full covariances (seconds)")
    _speed_table(speed, peak, quick)
    print(f"\nOther covariance structures, {ITERATIONS} iterations (seconds)")
    structures = STRUCTURES if not quick else tuple(_shrunk(case) for case in STRUCTURES)
    _speed_table(structures, None, quick)
    print("\nAgainst Intel oneDAL, full covariances, from random rows with identity covariances")
    race_onedal(quick)
    print("\nPeak memory of the fit beyond the data (MiB)")
    _memory_table([case for case in MEMORY if not quick or case.elements <= _QUICK_ELEMENTS])
    print("\nDefault fits (seconds), how much lower scikit-learn's ends, and as high as ours")
    race_default_fits(quick)
    return 0


# Starts ---------------------------------------------------------------------------------


def make_start(case: Case, X: FloatArray, means: FloatArray) -> dict[str, Any]:
    """Start near the truth with unit covariances: no component of either library degenerates."""
    k, d = case.n_components, case.n_features
    noise = 0.5 * np.random.default_rng(1).normal(size=means.shape)
    precisions = {
        "full": np.repeat(np.eye(d)[None], k, axis=0),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }
    return {
        "weights_init": np.full(k, 1.0 / k),
        "means_init": means + noise,
        "precisions_init": precisions[case.covariance_type],
    }


def _shrunk(case: Case) -> Case:
    return Case(20_000, case.n_features, case.n_components, case.covariance_type, case.target)


# Speed -------------------------------------------------------------------------------------------


def _speed_table(cases: Any, peak: float | None, quick: bool) -> None:
    print(
        f"{'N':>9} {'D':>3} {'K':>3}  {'type':<10}{'sklearn':>9}{'gmm_em':>9}{'ratio':>8}"
        f"{'target':>8}{'aim':>6}{'':>6}{'GFLOP/s':>9}{'of DGEMM':>9}  log-likelihood differs by"
    )
    for case in cases:
        theirs, ours, difference = _race(case, quick)
        ratio = theirs / ours
        verdict = "ok" if ratio >= case.target else "below"
        aim = f"{case.aim:g}" if case.aim else "-"
        flops = ""
        if peak is not None:
            achieved = _flops(case) / ours / 1e9
            flops = f"{achieved:9.1f}{achieved / peak:9.0%}"
        print(
            f"{case.label}  {case.covariance_type:<10}{theirs:9.4f}{ours:9.4f}{ratio:7.1f}x"
            f"{case.target:7g}x{aim:>6}{verdict:>6}{flops or ' ' * 18}  {difference:.1e}",
            flush=True,
        )


def _flops(case: Case) -> float:
    """Multiplications and additions of the two matrix products of each E-step."""
    size = 1 + case.n_features + case.n_features * (case.n_features + 1) / 2
    return (ITERATIONS + 1) * 4.0 * size * case.n_components * case.n_samples


def _race(case: Case, quick: bool) -> tuple[float, float, float]:
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415 - `main` says where it is missing

    X, means = make_data(case)
    options = {
        "n_components": case.n_components,
        "covariance_type": case.covariance_type,
        "tol": 0.0,
        "reg_covar": 0.0,
        "max_iter": ITERATIONS,
        **make_start(case, X, means),
    }
    repeats = max(1 if quick else 2, min(50, 4_000_000 // case.elements))
    models = (GaussianMixture(**options), GaussianMixtureEM(**options))
    best = [np.inf, np.inf]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(repeats):
            for i, model in enumerate(models):
                # Our runs are far shorter, so that one disturbance changes more of their time: we
                # take the best of three of them for each one of theirs.
                for _ in range(1 + 2 * i):
                    best[i] = min(best[i], seconds(partial(model.fit, X)))
        theirs = float(models[0].score(X))
    ours = float(models[1].log_likelihood_) / case.n_samples
    return best[0], best[1], abs(ours - theirs) / abs(theirs)


def _dgemm_peak() -> float:
    n = 2048
    a = np.random.default_rng(0).normal(size=(n, n))
    best = min(seconds(lambda: a @ a) for _ in range(5))
    return 2.0 * n**3 / best / 1e9


# Memory ------------------------------------------------------------------------------------------

_STATUS = "/proc/self/status"
_MEMORY_PROBE = """
import sys, warnings
from experiments.benchmarks.cases import Case, make_data
from experiments.benchmarks.em import GaussianMixtureEM, make_start, peak_mib
warnings.simplefilter("ignore")
case = Case(*map(int, sys.argv[2:5]))
X, means = make_data(case)
start = make_start(case, X, means)
if sys.argv[1] == "sklearn":
    from sklearn.mixture import GaussianMixture as Model
else:
    Model = GaussianMixtureEM
small = Model(1, max_iter=1).fit(X[:100])
model = Model(
    case.n_components, tol=0.0, reg_covar=0.0, max_iter=3, **start
)
print(peak_mib(lambda: model.fit(X)))
"""


def _memory_table(cases: list[Case]) -> None:
    if not os.path.exists(_STATUS):
        print("needs Linux's /proc")
        return
    print(f"{'N':>9} {'D':>3} {'K':>3}{'sklearn':>12}{'gmm_em':>12}{'':>8}")
    for case in cases:
        theirs, ours = (_peak_memory(name, case) for name in ("sklearn", "gmm_em"))
        verdict = "ok" if ours <= theirs else "more"
        print(f"{case.label}{theirs:12.1f}{ours:12.1f}{verdict:>8}", flush=True)


def _peak_memory(name: str, case: Case) -> float:
    """Peak memory of a fit beyond what a fresh process held before it, MiB."""
    numbers = (case.n_samples, case.n_features, case.n_components)
    command = [sys.executable, "-c", _MEMORY_PROBE, name, *map(str, numbers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def peak_mib(work: Callable[[], object]) -> float:
    """Peak resident memory while working beyond that before, MiB; Linux only."""
    # This resets the largest resident memory so far to what is resident now.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status_kib("VmRSS")
    work()
    return (status_kib("VmHWM") - before) / 1024


def status_kib(name: str) -> int:
    """Return an entry of this process's status, such as ``VmHWM``, in KiB; Linux only."""
    with open(_STATUS) as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {name}")


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv))
