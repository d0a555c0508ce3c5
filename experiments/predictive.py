"""How well fits predict: log scores row by row, their differences, and leave-one-out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws

Floats = NDArray[np.float64]

# Pareto k above which an importance-sampling estimate is unreliable (Vehtari et al. 2024).
HIGH_PARETO_K = 0.7
# At most this many densities are held at a time; leave-one-out uses this many in all.
BLOCK_VALUES = 2_000_000
MAX_VALUES = 10_000_000
MIN_DRAWS = 500


@dataclass(frozen=True)
class LeaveOneOut:
    """Pareto-smoothed importance-sampling leave-one-out cross-validation.

    Attributes
    ----------
    elpd : ndarray of shape (n_samples,)
        Expected log predictive density of each row given the others.
    n_effective : float
        Effective number of parameters, ``lppd - elpd`` summed.
    pareto_k : ndarray of shape (n_samples,)
        Above `HIGH_PARETO_K` the row's `elpd` is unreliable.
    n_draws : int
        Posterior draws used.
    """

    elpd: Floats
    n_effective: float
    pareto_k: Floats
    n_draws: int


@dataclass(frozen=True)
class Scores:
    """Densities of some rows under a posterior.

    Attributes
    ----------
    draws : ndarray of shape (C, S)
        Log-likelihood of all rows at each draw.
    predictive : ndarray of shape (n_samples,)
        Log of each row's posterior predictive density, the mean over draws of its density.
    """

    draws: Floats
    predictive: Floats


def score(draws: MixtureDraws, X: Floats) -> Scores:
    """Evaluate every draw at every row, once and in blocks of rows.

    Parameters
    ----------
    draws : MixtureDraws
    X : ndarray of shape (n_samples, n_features)
    """
    totals = np.zeros(draws.weights.shape[:2])
    predictive = np.empty(len(X))
    for rows, log_prob in _blocks(draws, X):
        totals += log_prob.sum(axis=-1)
        top = log_prob.max(axis=(0, 1))
        log_prob -= top
        np.exp(log_prob, out=log_prob)
        predictive[rows] = np.log(log_prob.mean(axis=(0, 1))) + top
    return Scores(totals, predictive)


def leave_one_out(draws: MixtureDraws, X: Floats) -> LeaveOneOut:
    """Estimate leave-one-out predictive densities (Vehtari, Gelman & Gabry 2017).

    Draws are thinned evenly where rows times draws would exceed `MAX_VALUES`, down to
    `MIN_DRAWS`, and rows taken in blocks, so that memory stays bounded whatever the data.

    Parameters
    ----------
    draws : MixtureDraws
    X : ndarray of shape (n_samples, n_features)
        The rows that the posterior was fitted to.
    """
    from arviz_stats.base import array_stats

    every = len(draws)
    wanted = min(every, max(MIN_DRAWS, MAX_VALUES // len(X)))
    chosen = _thinned(draws, -(-every // wanted))
    elpd, k, p = np.empty(len(X)), np.empty(len(X)), np.empty(len(X))
    for rows, log_prob in _blocks(chosen, X):
        elpd[rows], k[rows], p[rows] = array_stats.loo(log_prob, chain_axis=0, draw_axis=1)
    return LeaveOneOut(elpd, float(p.sum()), k, len(chosen))


def _blocks(draws: MixtureDraws, X: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield rows and every draw's log density there, (C, S, rows), a bounded number at a time."""
    n_rows = max(1, BLOCK_VALUES // len(draws))
    for start in range(0, len(X), n_rows):
        rows = slice(start, start + n_rows)
        yield rows, draws.log_prob(X[rows])


def _thinned(draws: MixtureDraws, step: int) -> MixtureDraws:
    if step == 1:
        return draws
    parts = (draws.weights, draws.means, draws.covariances)
    return type(draws)(*(part[:, ::step] for part in parts))


@dataclass(frozen=True)
class Difference:
    """Mean difference of log scores per row, and its standard error.

    The error is that of a mean of paired differences, so what rows have in common cancels.
    """

    first: str
    second: str
    mean: float
    se: float


def paired_differences(scores: Mapping[str, Floats]) -> list[Difference]:
    """Compare every two of several vectors of log scores of the same rows."""
    names = list(scores)
    differences = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            gap = scores[first] - scores[second]
            se = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else 0.0
            differences.append(Difference(first, second, float(gap.mean()), se))
    return differences
