"""How well fits predict: log scores row by row, their differences, and leave-one-out.

Where the rows are many, a sample of them is scored. Sums over all rows then come from the
difference estimator: the density at one mixture is known for all rows, and only how the scores
differ from it is estimated (Särndal, Swensson & Wretman 1992, *Model Assisted Survey Sampling*,
section 6.3; for leave-one-out Magnusson, Riis Andersen, Jonasson & Vehtari 2020, AISTATS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis.draw_densities import map_densities
from experiments.analysis.pareto_smoothing import LeftOut, leave_out, log_sum_exp
from experiments.core.types import FloatArray, IntArray

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
        Effective number of parameters, ``lppd - elpd`` summed over these rows.
    pareto_k : ndarray of shape (n_samples,)
        Above `MAX_PARETO_K` the row's `elpd` is unreliable.
    """

    elpd: FloatArray
    n_effective: float
    pareto_k: FloatArray


@dataclass(frozen=True)
class RowSample:
    """Rows that were drawn at random, without replacement, to stand for all.

    Attributes
    ----------
    rows : ndarray of int, shape (m,)
        Their places among all, ascending.
    known : ndarray of shape (N,)
        What is known of every row and close to what is asked of some.
    """

    rows: IntArray
    known: FloatArray

    @classmethod
    def draw(cls, n: int, known: FloatArray, seed: np.random.SeedSequence) -> RowSample:
        """Draw `n` rows of those that `known` has a number of."""
        chosen = np.random.default_rng(seed).choice(len(known), n, replace=False)
        return cls(np.sort(chosen).astype(np.int64), known)

    def total(self, values: FloatArray) -> tuple[float, float]:
        """Estimate the sum over all rows of what is known of the sample.

        Parameters
        ----------
        values : ndarray of shape (m,)

        Returns
        -------
        total, error : float
            The error is that of having a sample.
        """
        gaps, n = values - self.known[self.rows], len(self.known)
        left_out = (1.0 - len(gaps) / n) / len(gaps)
        error = n * float(gaps.std(ddof=1)) * np.sqrt(left_out)
        return float(self.known.sum() + n * gaps.mean()), float(error)


@dataclass(frozen=True)
class Scores:
    """Densities of rows under a posterior.

    Attributes
    ----------
    draws : ndarray of shape (C, S)
        Log-likelihood of all rows at each draw.
    predictive : ndarray of shape (n_scored,)
        Log of each row's posterior predictive density, the mean over draws of its density.
    loo : LeaveOneOut or None
        Where it was asked for, and there are `MIN_LOO_DRAWS` draws at least.
    sample : RowSample or None
        The rows that were scored; None where all were.
    """

    draws: FloatArray
    predictive: FloatArray
    loo: LeaveOneOut | None = None
    sample: RowSample | None = None

    @property
    def n_rows(self) -> int:
        """Number of all rows."""
        return len(self.predictive if self.sample is None else self.sample.known)

    def total(self, values: FloatArray) -> tuple[float, float]:
        """Return the sum over all rows of what the scored rows have, and its sampling error."""
        if self.sample is None:
            return float(values.sum()), 0.0
        return self.sample.total(values)


def score_sample(
    draws: MixtureDraws,
    X: FloatArray,
    sample: RowSample,
    log_likelihood: FloatArray | None,
    *,
    leave_one_out: bool = False,
) -> Scores:
    """Evaluate every draw at a sample of the rows.

    Parameters
    ----------
    draws : MixtureDraws
    X : ndarray of shape (n_samples, n_features)
        All rows, NaN where a value is missing.
    sample : RowSample
    log_likelihood : ndarray of shape (C, S) or None
        Of all rows at each draw; None where it is not known and has to be computed.
    leave_one_out : bool
    """
    found = score(draws, X[sample.rows], leave_one_out=leave_one_out)
    if log_likelihood is None:
        log_likelihood = draws.log_likelihood(X, "mar")
    return replace(found, draws=log_likelihood, sample=sample)


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


def paired_differences(
    scores: Mapping[str, FloatArray], rows: IntArray | None = None
) -> list[Difference]:
    """Compare every two of several vectors of log scores of the same rows.

    Parameters
    ----------
    scores : mapping of str to ndarray
        Of all rows, shape (N,), or of `rows` only, shape (m,).
    rows : ndarray of int, shape (m,), optional
        The places of the rows that some vectors are limited to.
    """
    names = list(scores)
    return [
        paired_difference(first, second, paired_gap(scores[first], scores[second], rows))
        for i, first in enumerate(names)
        for second in names[i + 1 :]
    ]


def paired_gap(first: FloatArray, second: FloatArray, rows: IntArray | None) -> FloatArray:
    """Subtract on the rows that both have.

    Parameters
    ----------
    first, second : ndarray
        Of all rows, shape (N,), or of `rows` only, shape (m,).
    rows : ndarray of int, shape (m,) or None
    """
    if rows is None or len(first) == len(second):
        return first - second
    first, second = (s if len(s) == len(rows) else s[rows] for s in (first, second))
    return first - second


def paired_difference(first: str, second: str, gap: FloatArray) -> Difference:
    """Summarise differences of log scores, row by row."""
    se = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else 0.0
    return Difference(first, second, float(gap.mean()), se)
