"""How well fits predict: log scores row by row, their differences, and leave-one-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis.draw_densities import map_densities
from experiments.analysis.pareto_smoothing import LeftOut, leave_out, log_sum_exp
from experiments.core.types import FloatArray

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws


# Pareto smoothing fits the tail of the weights, which needs this many draws.
MIN_LOO_DRAWS = 100


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
        Above `MAX_PARETO_K` the row's `elpd` is unreliable.
    """

    elpd: FloatArray
    n_effective: float
    pareto_k: FloatArray


@dataclass(frozen=True)
class Scores:
    """Densities of some rows under a posterior.

    Attributes
    ----------
    draws : ndarray of shape (C, S)
        Log-likelihood of all rows at each draw.
    predictive : ndarray of shape (n_samples,)
        Log of each row's posterior predictive density, the mean over draws of its density.
    loo : LeaveOneOut or None
        Where it was asked for, and there are `MIN_LOO_DRAWS` draws at least.
    """

    draws: FloatArray
    predictive: FloatArray
    loo: LeaveOneOut | None = None


def score(draws: MixtureDraws, X: FloatArray, *, leave_one_out: bool = False) -> Scores:
    """Evaluate every draw at every row, once and in blocks of rows.

    Parameters
    ----------
    draws : MixtureDraws
    X : ndarray of shape (n_samples, n_features)
        NaN where a value is missing.
    leave_one_out : bool
        Whether to leave each row out in turn (Vehtari, Gelman & Gabry 2017): for the rows that
        the posterior was fitted to.
    """
    totals = np.zeros(len(draws))
    predictive, elpd, pareto_k = (np.empty(len(X)) for _ in range(3))
    smoothed = leave_one_out and len(draws) >= MIN_LOO_DRAWS

    def summarise(log_prob: FloatArray) -> tuple[FloatArray, LeftOut]:
        total = log_prob.sum(axis=0)
        if smoothed:
            return total, leave_out(log_prob)
        mean = log_sum_exp(log_prob) - np.log(len(draws))
        return total, LeftOut(mean, mean, np.zeros(len(mean)))

    for rows, (total, found) in map_densities(draws, X, summarise):
        totals += total
        elpd[rows], predictive[rows], pareto_k[rows] = found
    # A row of which nothing was observed has the density 1 in every draw: no weight is extreme.
    pareto_k[np.isnan(X).all(axis=1)] = 0.0
    loo = None
    if smoothed:
        loo = LeaveOneOut(elpd, float((predictive - elpd).sum()), pareto_k)
    return Scores(totals.reshape(draws.weights.shape[:2]), predictive, loo)


@dataclass(frozen=True)
class Difference:
    """Mean difference of log scores per row, and its standard error.

    The error is that of a mean of paired differences, so what rows have in common cancels.
    """

    first: str
    second: str
    mean: float
    se: float


def paired_differences(scores: Mapping[str, FloatArray]) -> list[Difference]:
    """Compare every two of several vectors of log scores of the same rows."""
    names = list(scores)
    return [
        paired_difference(first, second, scores[first] - scores[second])
        for i, first in enumerate(names)
        for second in names[i + 1 :]
    ]


def paired_difference(first: str, second: str, gap: FloatArray) -> Difference:
    """Summarise differences of log scores, row by row."""
    se = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else 0.0
    return Difference(first, second, float(gap.mean()), se)
