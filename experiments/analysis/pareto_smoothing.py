"""Pareto-smoothed importance sampling of many rows at once.

The weights of leave-one-out are ``1 / p(x | draw)``: their right tail may be heavy, so it is
replaced by the quantiles of a generalised Pareto distribution fitted to it (Vehtari, Simpson,
Gelman, Yao & Gabry 2024, *Pareto smoothed importance sampling*, JMLR 25(72), algorithm 1). All
rows of a block are worked on together; the arithmetic is that of `arviz_stats` for one row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.core.types import FloatArray

# The weakly informative prior of the shape: worth 10 observations of 1/2 (appendix C).
PRIOR_SHAPE, PRIOR_WEIGHT = 0.5, 10
# Fewer values are no tail to fit.
MIN_TAIL = 5
MIN_DRAWS = 5 * MIN_TAIL
# Values of the profile likelihood held at a time.
BLOCK_VALUES = 100_000


class LeftOut(NamedTuple):
    """Leave-one-out of some rows.

    Attributes
    ----------
    elpd : ndarray of shape (n,)
        Log predictive density of each row given the others.
    log_predictive : ndarray of shape (n,)
        Log of the mean density of each row over the draws.
    pareto_k : ndarray of shape (n,)
        Shape of the fitted tail; infinite where no generalised Pareto distribution fits.
    """

    elpd: FloatArray
    log_predictive: FloatArray
    pareto_k: FloatArray


def leave_out(log_prob: FloatArray) -> LeftOut:
    """Leave each of some rows out in turn.

    Parameters
    ----------
    log_prob : ndarray of shape (n, S)
        Log density of each row at each draw; at least `MIN_DRAWS` draws.

    Raises
    ------
    ValueError
        If there are too few draws.
    """
    n_draws = log_prob.shape[1]
    if n_draws < MIN_DRAWS:
        raise ValueError(f"{n_draws} draws, allowed is at least {MIN_DRAWS} to have a tail")
    n_tail = tail_length(n_draws)
    # Weights are largest where densities are smallest, and only sorted values matter: no index.
    ordered = np.partition(log_prob, n_tail, axis=1)
    lowest = np.sort(ordered[:, :n_tail], axis=1)
    least, cutoff = lowest[:, :1], ordered[:, n_tail, None]
    body = ordered[:, n_tail:]
    # Log weights relative to the largest, ascending.
    tail = least - lowest[:, ::-1]
    edge = np.exp(least - cutoff)
    shape, scale = fit_pareto(np.exp(tail) - edge)
    smoothed = _smooth(tail, edge, shape, scale)
    # Weight times density, of the tail and of the body, where each draw's is exp(least): in logs,
    # for densities may differ by more than a number's range.
    gained = smoothed - tail
    gained = np.append(gained, np.full((len(gained), 1), np.log(body.shape[1])), axis=1)
    np.subtract(least, body, out=body)
    weights = np.exp(smoothed).sum(axis=1) + np.exp(body, out=body).sum(axis=1)
    return LeftOut(
        log_sum_exp(gained) - np.log(weights) + least[:, 0],
        log_sum_exp(log_prob) - np.log(n_draws),
        shape,
    )


def log_sum_exp(values: FloatArray) -> FloatArray:
    """Return ``log(sum(exp(values)))`` along the rows of (n, M)."""
    top = values.max(axis=1, keepdims=True)
    shifted = values - top
    return np.asarray(np.log(np.exp(shifted, out=shifted).sum(axis=1)) + top[:, 0])


def tail_length(n_draws: int) -> int:
    """Return how many of the largest weights are the tail: ``min(S / 5, 3 sqrt(S))``."""
    return int(3 * n_draws**0.5) if n_draws > 225 else n_draws // 5


def _smooth(tail: FloatArray, edge: FloatArray, shape: FloatArray, scale: FloatArray) -> FloatArray:
    """Replace each tail of log weights by log quantiles, none above the largest raw weight."""
    fitted = np.isfinite(shape) & (scale > 0)
    n_tail = tail.shape[1]
    log_above = np.log1p(-np.arange(0.5, n_tail) / n_tail)
    k = np.where(fitted, shape, 1.0)[:, None]
    sigma = np.where(fitted, scale, 1.0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quantiles = np.where(k == 0, -log_above, np.expm1(-k * log_above) / k)
        raised = np.log(np.minimum(edge + sigma * quantiles, 1.0))
    return np.where(fitted[:, None], raised, tail)


def fit_pareto(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit a generalised Pareto distribution to each of several sorted samples.

    The empirical Bayes estimate of Zhang & Stephens (2009, *Technometrics* 51, 316-325, eq. 4-8),
    with the shape drawn towards 1/2 (Vehtari et al. 2024, appendix C).

    Parameters
    ----------
    values : ndarray of shape (n, M)
        Not negative, ascending along the rows.

    Returns
    -------
    shape, scale : ndarray of shape (n,)
        Infinity and NaN where the first quartile is no larger than the minimum: no such
        distribution.
    """
    rows = max(1, BLOCK_VALUES // (values.shape[1] * (30 + int(values.shape[1] ** 0.5))))
    parts = [_fit_pareto(values[i : i + rows]) for i in range(0, len(values), rows)]
    shape, scale = zip(*parts, strict=True)
    return np.concatenate(shape), np.concatenate(scale)


def _fit_pareto(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    n = values.shape[1]
    n_points = 30 + int(n**0.5)
    quartile, largest = values[:, int(n / 4 + 0.5) - 1], values[:, -1]
    spread = quartile > values[:, 0]
    quartile, largest = np.where(spread, quartile, 1.0), np.where(spread, largest, 2.0)
    values = np.where(spread[:, None], values, np.linspace(0.5, 2.0, n))
    grid = 1 - np.sqrt(n_points / (np.arange(1, n_points + 1) - 0.5))
    # Where the quartile has all but underflowed, what overflows is told from the result.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        theta = grid / (3 * quartile[:, None]) + 1 / largest[:, None]
        terms = -theta[:, :, None] * values[:, None, :]
        shapes = np.log1p(terms, out=terms).mean(axis=2)
        profile = n * (np.log(-theta / shapes) - shapes - 1)
        profile -= profile.max(axis=1, keepdims=True)
        weights = np.exp(profile)
        weights /= weights.sum(axis=1, keepdims=True)
        weights[weights < 10 * np.finfo(np.float64).eps] = 0.0
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (theta * weights).sum(axis=1)
        shape = np.log1p(-mean[:, None] * values).mean(axis=1)
        scale = -shape / mean
    shape = (n * shape + PRIOR_WEIGHT * PRIOR_SHAPE) / (n + PRIOR_WEIGHT)
    fits = spread & np.isfinite(shape)
    return np.where(fits, shape, np.inf), np.where(fits, scale, np.nan)
