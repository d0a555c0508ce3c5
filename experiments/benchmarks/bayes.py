"""Speed of gmm_bayes against the textbook PyMC model: ``gmm-compare bench bayes``.

The measure is the smallest bulk effective sample size over the aligned parameters (Vehtari et al.
2021) per second of sampling. Tuning is included, compilation is not. The samplers run one after
another on the same data, with four chains and half as much tuning as draws. Seconds are those of
the clock. The processor's are printed beside them, because on a busy machine the clock runs on
while a sampler waits for its turn.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from arviz_stats.base import array_stats

from experiments.benchmarks.cases import Case, make_data
from experiments.core.processor import processor_line
from experiments.core.types import FloatArray
from gmm_bayes import LKJPrior, MixtureDraws, NIWPrior, relabel
from gmm_bayes.core.cores import processors
from gmm_bayes.samplers.contract import Sampler, Task
from gmm_bayes.samplers.registry import get_sampler

CHAINS = 4
# On standardised data these priors are those of the textbook model.
PRIORS: dict[str, LKJPrior | NIWPrior] = {"nuts": LKJPrior(scale="data"), "gibbs": NIWPrior()}
STAN_RATE = 51.0
"""Effective draws a second of Stan on `WIDE`, where this project's targets were set."""
SMALL = Case(1_000, 2, 3)
WIDE = Case(1_000, 5, 4)
LARGE = Case(100_000, 2, 3)
TEXTBOOK_TARGETS = {"nuts": 40.0, "gibbs": 200.0}
"""How many times the textbook's rate a sampler must reach on `SMALL`."""
STAN_TARGETS = {"nuts": 10.0, "gibbs": 60.0}
"""How many times Stan's rate a sampler must reach on `WIDE`."""
MINUTES = 5.0
"""How long a sampler may take on `LARGE`."""
_REPEATS = 3
_DRAWS = 1000
_QUICK_DRAWS = 200


@dataclass(frozen=True)
class SamplerTiming:
    """One sampler on one data set.

    Attributes
    ----------
    first : float
        Seconds of a call for a handful of draws: compilation, or reading it from disk.
    seconds : float
        Of sampling and tuning.
    cpu : float
        Seconds of processors that they took; NaN where the system does not tell.
    ess, r_hat : float
        The smallest bulk ESS and the largest R-hat over the aligned parameters.
    """

    first: float
    seconds: float
    cpu: float
    ess: float
    r_hat: float

    @property
    def rate(self) -> float:
        """Effective draws a second."""
        return self.ess / self.seconds


def main(quick: bool = False) -> int:
    """Print the tables.

    Parameters
    ----------
    quick : bool, default False
        Fewer draws of the textbook model, one run of ours, and no large data.

    Returns
    -------
    int
        0.
    """
    theirs, repeats = (_QUICK_DRAWS, 1) if quick else (_DRAWS, _REPEATS)
    print(
        f"{CHAINS} chains of {_DRAWS} draws after {_DRAWS // 2} of tuning; of ours, the median of "
        f"{repeats} {'run' if repeats == 1 else 'runs'}.\n"
        "ESS/s: the smallest bulk ESS of a parameter per second of sampling and tuning.\n"
        f"Takes about {'three' if quick else 'eight'} minutes where 2 processors have nothing else "
        "to do, most of them for the textbook."
    )
    if quick:
        print(f"Quick: the textbook model has {theirs} draws after {theirs // 2}, and tunes worse.")
    print(processor_line())
    print(_busy(), end="")
    print("\nOurs, on the data of the textbook model")
    _header()
    small = {}
    for name in TEXTBOOK_TARGETS:
        small[name] = time_sampler(SMALL, name, _DRAWS, repeats)
        _row(SMALL, name, small[name])
    print(f"\nAgainst Stan's {STAN_RATE:g} a second, measured where the targets were set")
    _header("Stan")
    for name, target in STAN_TARGETS.items():
        ours = time_sampler(WIDE, name, _DRAWS, repeats)
        _row(WIDE, name, ours, _AgainstTarget(ours.rate / STAN_RATE, target))
    if not quick:
        print(f"\nMany rows: in minutes, at most {MINUTES:g}")
        _header("minutes")
        for name in PRIORS:
            ours = time_sampler(LARGE, name, _DRAWS, 1)
            _row(LARGE, name, ours, _AgainstTarget(ours.seconds / 60.0, MINUTES, at_most=True))
    # It takes most of the time, so that it comes last.
    print("\nAgainst the textbook PyMC model: a pm.Mixture of K MvNormal, K LKJCholeskyCov")
    print(f"It draws {CHAINS * (theirs + theirs // 2)} times, which takes minutes ...", flush=True)
    textbook = time_textbook(SMALL, theirs)
    _header("textbook")
    _row(SMALL, "textbook", textbook)
    for name, target in TEXTBOOK_TARGETS.items():
        ratio = small[name].rate / textbook.rate
        _row(SMALL, name, small[name], _AgainstTarget(ratio, target))
    return 0


def _busy() -> str:
    """Return a warning where others are at work on the machine, or nothing."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < 0.5 * processors():
        return ""
    return (
        f"This machine is busy (load {load:.1f} on {processors()} processors): ratios by the clock "
        "are rough, CPU seconds are not,\nand against Stan, which had no company, they are too "
        "low.\n"
    )


# Ours --------------------------------------------------------------------------------------------


def time_sampler(case: Case, name: str, draws: int, repeats: int) -> SamplerTiming:
    """Time one of our samplers; of several runs, return that with the median rate."""
    sampler, X = get_sampler(name), standardised_data(case)
    first = _timed(lambda: _sample(sampler, name, case, X, 4, seed=0))[1]
    timings = []
    for seed in range(1, repeats + 1):
        found, seconds, cpu = _timed(partial(_sample, sampler, name, case, X, draws, seed))
        timings.append(SamplerTiming(first, seconds, cpu, *worst(found)))
    return sorted(timings, key=lambda timing: timing.rate)[len(timings) // 2]


def _sample(
    sampler: Sampler, name: str, case: Case, X: FloatArray, draws: int, seed: int
) -> MixtureDraws:
    tune, seeds = max(draws // 2, 40), np.random.SeedSequence(seed)
    size = (case.n_components, PRIORS[name], draws, tune, CHAINS)
    task = Task(X, *size, None, seeds, lambda done, total: None)
    return sampler.sample(task).draws


def standardised_data(case: Case) -> FloatArray:
    """Return a case's data with mean 0 and standard deviation 1 in every column."""
    X = make_data(case)[0]
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))


def worst(draws: MixtureDraws) -> tuple[float, float]:
    """Return the smallest bulk ESS and the largest R-hat of aligned weights, means, covariances."""
    aligned, _ = relabel(draws)
    shape = (aligned.n_chains, aligned.n_draws, -1)
    rows, columns = np.tril_indices(aligned.n_features)
    lower = aligned.covariances[..., rows, columns]
    flat = (aligned.weights, aligned.means.reshape(shape), lower.reshape(shape))
    values = np.moveaxis(np.concatenate(flat, axis=2), 2, 0)
    return (
        float(array_stats.ess(values, method="bulk").min()),
        float(array_stats.rhat(values).max()),
    )


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what work makes, its seconds by the clock, and those of processors."""
    start, before = time.perf_counter(), sum(os.times()[:4])
    found = work()
    return found, time.perf_counter() - start, sum(os.times()[:4]) - before


# The textbook ------------------------------------------------------------------------------------


def textbook_model(X: FloatArray, n_components: int) -> Any:
    """Return the model that PyMC's own examples would lead one to write."""
    import pymc as pm  # noqa: PLC0415 - PyMC takes two seconds, and only this benchmark uses it

    d = X.shape[1]
    with pm.Model() as model:
        weights = pm.Dirichlet("weights", np.full(n_components, 2.0))
        means = pm.Normal("means", 0.0, 1.0, shape=(n_components, d))
        components = []
        for k in range(n_components):
            factor, _, _ = pm.LKJCholeskyCov(
                f"factor{k}", n=d, eta=1.0, sd_dist=pm.HalfNormal.dist(1.0, shape=d)
            )
            pm.Deterministic(f"covariance{k}", factor @ factor.T)
            components.append(pm.MvNormal.dist(mu=means[k], chol=factor))
        pm.Mixture("x", w=weights, comp_dists=components, observed=X)
    return model


def time_textbook(case: Case, draws: int) -> SamplerTiming:
    """Time the textbook model by PyMC's own sampler."""
    import pymc as pm  # noqa: PLC0415 - PyMC takes two seconds, and only this benchmark uses it

    X = standardised_data(case)
    with warnings.catch_warnings(), textbook_model(X, case.n_components):
        # PyMC's warnings would stand between the lines of the table.
        warnings.simplefilter("ignore")
        before = sum(os.times()[2:4])
        trace, total, _ = _timed(
            partial(
                pm.sample,
                draws=draws,
                tune=draws // 2,
                chains=CHAINS,
                cores=min(CHAINS, processors()),
                random_seed=1,
                nuts_sampler="pymc",
                compute_convergence_checks=False,
                # A terminal is shown how far it is; a file holds the tables alone.
                progressbar=sys.stdout.isatty(),
                quiet=not sys.stdout.isatty(),
            )
        )
    # Chains run in processes of their own, and compilation in this one: the children's seconds are
    # those of sampling.
    cpu = sum(os.times()[2:4]) - before or np.nan
    posterior = trace["posterior"]
    names = [f"covariance{k}" for k in range(case.n_components)]
    found = MixtureDraws(
        posterior["weights"].to_numpy(),
        posterior["means"].to_numpy(),
        np.stack([posterior[name].to_numpy() for name in names], axis=2),
    )
    seconds = float(posterior.attrs["sampling_time"])
    return SamplerTiming(total - seconds, seconds, cpu, *worst(found))


# The table ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _AgainstTarget:
    """A number that was measured beside the one that was promised."""

    figure: float
    target: float
    at_most: bool = False

    def __str__(self) -> str:
        met = self.figure <= self.target if self.at_most else self.figure >= self.target
        unit = " " if self.at_most else "x"
        verdict = "ok" if met else "missed"
        return f"{self.figure:10.1f}{unit}{self.target:7g}{unit}  {verdict}"


def _header(against: str = "") -> None:
    print(
        f"{'N':>9} {'D':>3} {'K':>3}  {'sampler':<9}{'first (s)':>9}{'sampling (s)':>14}"
        f"{'CPU (s)':>9}{'R-hat':>7}{'ESS':>7}{'ESS/s':>10}"
        + (f"{against:>11}{'target':>8}" if against else "")
    )


def _row(case: Case, name: str, timing: SamplerTiming, judged: _AgainstTarget | str = "") -> None:
    print(
        f"{case.label}  {name:<9}{timing.first:9.1f}{timing.seconds:14.2f}{timing.cpu:9.2f}"
        f"{timing.r_hat:7.2f}{timing.ess:7.0f}{timing.rate:10.1f}{judged}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv))
