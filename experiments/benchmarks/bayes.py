"""Speed of gmm_bayes against the textbook PyMC model: ``gmm-compare bench bayes``.

What counts is the smallest bulk effective sample size over the aligned parameters (Vehtari et al.
2021), per second of sampling: tuning included, compilation not. Everything runs in one process
after another on the same data, four chains with half as much tuning as draws.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray

from experiments.benchmarks.em import Case, make_data
from gmm_bayes import LKJPrior, MixtureDraws, NIWPrior, relabel
from gmm_bayes.sampling import Sampler, Task, get_sampler

FloatArray = NDArray[np.float64]

CHAINS = 4
# On standardised data these say the same as the textbook model's priors.
PRIORS: dict[str, LKJPrior | NIWPrior] = {"nuts": LKJPrior(scale="data"), "gibbs": NIWPrior()}
STAN_RATE = 51.0
"""Effective draws a second of Stan on `WIDE`, where this project's targets were set."""
SMALL, WIDE, LARGE = Case(1_000, 2, 3), Case(1_000, 5, 4), Case(100_000, 2, 3)
TEXTBOOK_TARGETS = {"nuts": 40.0, "gibbs": 200.0}
STAN_TARGETS = {"nuts": 10.0, "gibbs": 60.0}
MINUTES = 5.0
"""What "minutes" are for `LARGE`."""
_REPEATS = 3


@dataclass(frozen=True)
class Timing:
    """One sampler on one data set.

    Attributes
    ----------
    n_draws : int
        Kept, of each chain.
    first : float
        Seconds of a call for a handful of draws: compilation, or reading it from disk.
    seconds : float
        Of sampling and tuning.
    ess : float
        The smallest over the aligned parameters.
    """

    n_draws: int
    first: float
    seconds: float
    ess: float

    @property
    def rate(self) -> float:
        """Effective draws a second."""
        return self.ess / self.seconds


def main(quick: bool = False) -> int:
    """Print the tables.

    Parameters
    ----------
    quick : bool, default False
        Fewer draws and no large data, to see that it runs.

    Returns
    -------
    int
        0.
    """
    draws = 200 if quick else 1000
    print(f"{CHAINS} chains of {draws} draws after {draws // 2} of tuning; ESS: smallest bulk one")
    print("\nAgainst the textbook PyMC model: a pm.Mixture of K MvNormal, K LKJCholeskyCov")
    _header("textbook")
    textbook = time_textbook(SMALL, 100 if quick else draws)
    _row(SMALL, "textbook", textbook)
    for name, target in TEXTBOOK_TARGETS.items():
        ours = time_sampler(SMALL, name, draws, 1 if quick else _REPEATS)
        _row(SMALL, name, ours, ours.rate / textbook.rate, target)
    print(f"\nAgainst Stan's {STAN_RATE:g} a second, measured where the targets were set")
    _header("Stan")
    for name, target in STAN_TARGETS.items():
        ours = time_sampler(WIDE, name, draws, 1 if quick else _REPEATS)
        _row(WIDE, name, ours, ours.rate / STAN_RATE, target)
    if not quick:
        print(f"\nMany rows: minutes (less than {MINUTES:g})")
        _header("minutes")
        for name in PRIORS:
            ours = time_sampler(LARGE, name, draws, 1)
            _row(LARGE, name, ours, ours.seconds / 60.0, MINUTES, at_most=True)
    return 0


# Ours --------------------------------------------------------------------------------------------


def time_sampler(case: Case, name: str, draws: int, repeats: int) -> Timing:
    """Time one of our samplers; of several runs, return that with the median rate."""
    sampler, X = get_sampler(name), standardised_data(case)
    first = _timed(lambda: _sample(sampler, name, case, X, 4, seed=0))[1]
    timings = []
    for seed in range(1, repeats + 1):
        found, seconds = _timed(partial(_sample, sampler, name, case, X, draws, seed))
        timings.append(Timing(draws, first, seconds, smallest_ess(found)))
    return sorted(timings, key=lambda timing: timing.rate)[len(timings) // 2]


def _sample(
    sampler: Sampler, name: str, case: Case, X: FloatArray, draws: int, seed: int
) -> MixtureDraws:
    task = Task(
        X, case.n_components, PRIORS[name], draws, max(draws // 2, 40), CHAINS, None,
        np.random.SeedSequence(seed), lambda done, total: None,
    )  # fmt: skip
    return sampler.sample(task).draws


def standardised_data(case: Case) -> FloatArray:
    """Return a case's data with mean 0 and standard deviation 1 in every column."""
    X = make_data(case)[0]
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))


def smallest_ess(draws: MixtureDraws) -> float:
    """Return the smallest bulk ESS over aligned weights, means and covariances."""
    aligned, _ = relabel(draws)
    shape = (aligned.n_chains, aligned.n_draws, -1)
    rows, columns = np.tril_indices(aligned.n_features)
    lower = aligned.covariances[..., rows, columns]
    flat = (aligned.weights, aligned.means.reshape(shape), lower.reshape(shape))
    values = np.concatenate(flat, axis=2)
    return float(array_stats.ess(np.moveaxis(values, 2, 0), method="bulk").min())


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


# The textbook ------------------------------------------------------------------------------------


def textbook_model(X: FloatArray, n_components: int) -> Any:
    """Return the model that PyMC's own examples would lead one to write."""
    import pymc as pm

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


def time_textbook(case: Case, draws: int) -> Timing:
    """Time the textbook model by PyMC's own sampler."""
    import pymc as pm

    X = standardised_data(case)
    with warnings.catch_warnings(), textbook_model(X, case.n_components):
        # Its own complaints are no part of the table.
        warnings.simplefilter("ignore")
        trace, total = _timed(
            lambda: pm.sample(
                draws=draws, tune=draws // 2, chains=CHAINS, random_seed=1, progressbar=False,
                quiet=True, compute_convergence_checks=False, nuts_sampler="pymc",
            )
        )  # fmt: skip
    posterior = trace["posterior"]
    names = [f"covariance{k}" for k in range(case.n_components)]
    found = MixtureDraws(
        posterior["weights"].to_numpy(),
        posterior["means"].to_numpy(),
        np.stack([posterior[name].to_numpy() for name in names], axis=2),
    )
    seconds = float(posterior.attrs["sampling_time"])
    return Timing(draws, total - seconds, seconds, smallest_ess(found))


# The table ---------------------------------------------------------------------------------------


def _header(against: str) -> None:
    print(
        f"{'N':>9} {'D':>3} {'K':>3}  {'sampler':<9}{'draws':>6}{'first (s)':>11}"
        f"{'sampling (s)':>14}{'ESS':>7}{'ESS/s':>10}{against:>11}{'target':>8}"
    )


def _row(
    case: Case,
    name: str,
    timing: Timing,
    figure: float | None = None,
    target: float | None = None,
    at_most: bool = False,
) -> None:
    judged = ""
    if figure is not None and target is not None:
        unit = "" if at_most else "x"
        met = figure <= target if at_most else figure >= target
        verdict = "ok" if met else "missed"
        judged = f"{figure:10.1f}{unit or ' '}{target:7g}{unit or ' '}  {verdict}"
    print(
        f"{case.label}  {name:<9}{timing.n_draws:6d}{timing.first:11.1f}{timing.seconds:14.2f}"
        f"{timing.ess:7.0f}{timing.rate:10.1f}{judged}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv))
