"""The exact E-step for rows in which values are missing at random.

A row's density is the marginal density of what was observed; given the component, what is missing
follows a normal distribution whose moments complete the sufficient statistics (Ghahramani &
Jordan 1994, equations 12 to 17; Little & Rubin 2019, section 11.3).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from gmm_em.core.numbers import as_numbers
from gmm_em.core.types import LOG_2PI, FloatArray, IndexArray, Second
from gmm_em.covariance.layout import reduce_second
from gmm_em.e_step.features import SingularError, refuse_collapsed
from gmm_em.e_step.totals import Totals, support_of
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import LARGEST, Parameters, Samples, mixture_units


class Pattern(NamedTuple):
    """Rows in which the same features were observed.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Their numbers.
    observed : ndarray of int, shape (O,)
        The features that were observed.
    values : ndarray, shape (n, O)
        The observed values.
    """

    rows: IndexArray
    observed: IndexArray
    values: FloatArray


def read_with_missing(X: ArrayLike) -> FloatArray:
    """Return `X` as a float64 matrix, in which NaN stands for a missing value.

    Raises
    ------
    ValueError
        If it is no matrix, holds infinity, or has a column without any observed value.
    """
    array = np.asarray(as_numbers(X), dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"X must be two-dimensional (n, d), got shape {array.shape}")
    if np.isinf(array).any():
        raise ValueError("Input X contains infinity")
    empty = np.isnan(array).all(axis=0)
    if empty.any():
        raise ValueError(f"feature {int(empty.argmax())} has no observed value")
    return array


def imputed(X: FloatArray) -> FloatArray:
    """Return `X` with column means in place of missing values, for units and starts."""
    return np.where(np.isnan(X), np.nanmean(X, axis=0), X)


def patterns_of(X: FloatArray) -> list[Pattern]:
    """Return the rows of `X` (N, D) by what was observed of them; NaN is a missing value."""
    kinds, which = np.unique(~np.isnan(X), axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    edges = np.cumsum(np.bincount(which.ravel(), minlength=kinds.shape[0]))[:-1]
    return [
        Pattern(rows, np.flatnonzero(kind), X[np.ix_(rows, np.flatnonzero(kind))])
        for rows, kind in zip(np.split(order, edges), kinds, strict=True)
    ]


class MissingEStep:
    """Expected sufficient statistics of rows with missing values.

    Parameters
    ----------
    X : ndarray, shape (N, D)
        In the inner units, with NaN where values are missing.
    weight : ndarray, shape (N,), optional
    second : {"full", "diagonal", "pooled"}
        Shape of the second moments that the structure asks for.
    n_components : int
    """

    def __init__(
        self, X: FloatArray, weight: FloatArray | None, second: Second, n_components: int
    ) -> None:
        self.n_components = n_components
        self._weight = np.ones(X.shape[0]) if weight is None else weight
        self._second = second
        self._n_samples = X.shape[0]
        self._patterns = patterns_of(X)

    def expect(self, parameters: Parameters) -> Totals:
        """Return log-likelihood of the observed values and completed moments about the means."""
        k, d = parameters.means.shape
        try:
            factors = np.linalg.cholesky(parameters.covariances)
        except np.linalg.LinAlgError:
            raise SingularError("a component collapsed onto a hyperplane") from None
        refuse_collapsed(parameters.covariances, factors.diagonal(0, 1, 2))
        log_likelihood = 0.0
        counts, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
        for pattern in self._patterns:
            weight = self._weight[pattern.rows]
            log_prob, responsibilities = _posterior(pattern, parameters)
            log_likelihood += float(weight @ log_prob)
            R = responsibilities * weight
            counts += R.sum(axis=1)
            for j in range(k):
                regression, remainder = _conditional(parameters.covariances[j], pattern.observed)
                deviations = pattern.values - parameters.means[j, pattern.observed]
                filled = deviations @ regression.T
                first[j] += R[j] @ filled
                second[j] += (filled * R[j, :, None]).T @ filled + R[j].sum() * remainder
        moments = reduce_second(self._second, second)
        return Totals(log_likelihood, counts, first, moments, parameters.means.copy())

    def support(self, parameters: Parameters) -> FloatArray:
        """Return how many rows each component rests on, shape (K,)."""
        _, responsibilities = self.evaluate(parameters)
        first = responsibilities @ self._weight
        second = responsibilities**2 @ self._weight
        return support_of(np.array([first, second]))

    def evaluate(self, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
        """Log-density of the observed values (N,) and responsibilities (K, N)."""
        log_prob = np.empty(self._n_samples)
        responsibilities = np.empty((parameters.weights.shape[0], self._n_samples))
        for pattern in self._patterns:
            log_prob[pattern.rows], responsibilities[:, pattern.rows] = _posterior(
                pattern, parameters
            )
        return log_prob, responsibilities


def evaluate_missing(mixture: Mixture, X: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Log-density of what is observed of each row (N,), and responsibilities (N, K)."""
    array = np.asarray(as_numbers(X), dtype=np.float64)
    centre, scale = mixture_units(mixture)
    if (np.abs(array - centre) > LARGEST * scale).any():
        raise ValueError("X holds values too large for float64 arithmetic")
    estep = MissingEStep((array - centre) / scale, None, "full", mixture.n_components)
    covariances = mixture.covariances / (scale[:, None] * scale)
    parameters = Parameters(mixture.weights, (mixture.means - centre) / scale, covariances)
    log_prob, responsibilities = estep.evaluate(parameters)
    log_prob -= (~np.isnan(array)) @ np.log(scale)
    return log_prob, responsibilities.T


def missing_log_jacobian(X: FloatArray, samples: Samples) -> float:
    """Return what the change of units adds to the observed values' log-likelihood."""
    weight = np.ones(X.shape[0]) if samples.weight is None else samples.weight
    return float(weight @ ((~np.isnan(X)) @ np.log(samples.scale)))


def _posterior(pattern: Pattern, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
    """Log-density of the observed values (n,) and responsibilities (K, n) of a pattern's rows."""
    o = pattern.observed
    joint = np.empty((parameters.weights.shape[0], pattern.rows.shape[0]))
    for k, (weight, mean, covariance) in enumerate(zip(*parameters, strict=True)):
        try:
            factor = np.linalg.cholesky(covariance[np.ix_(o, o)])
        except np.linalg.LinAlgError:
            raise SingularError(f"component {k} collapsed onto a hyperplane") from None
        z = np.linalg.solve(factor, (pattern.values - mean[o]).T)
        constant = -0.5 * o.shape[0] * LOG_2PI - np.log(np.diagonal(factor)).sum()
        with np.errstate(divide="ignore"):
            joint[k] = np.log(weight) + constant - 0.5 * (z**2).sum(axis=0)
    log_prob = np.asarray(logsumexp(joint, axis=0))
    return log_prob, np.exp(joint - log_prob)


def _conditional(covariance: FloatArray, observed: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Distribution of all features given the observed ones, for one component.

    Returns
    -------
    regression : ndarray, shape (D, O)
        ``S_do S_oo^-1``: the conditional mean is ``mean + regression @ (x_o - mean_o)``.
    remainder : ndarray, shape (D, D)
        The conditional covariance ``S - S_do S_oo^-1 S_od``.
    """
    cross = covariance[:, observed]
    regression = np.linalg.solve(covariance[np.ix_(observed, observed)], cross.T).T
    # A feature that was observed is its own prediction, without any rounding error.
    regression[observed] = np.eye(observed.shape[0])
    remainder = covariance - regression @ cross.T
    remainder[observed, :] = 0.0
    remainder[:, observed] = 0.0
    return regression, 0.5 * (remainder + remainder.T)
