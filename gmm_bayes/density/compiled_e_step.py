"""The E-step of EM, compiled: each row is read once, and nothing of size N x K is written.

NumPy's E-step (:mod:`gmm_em.e_step.blocked`) calls NumPy some twenty times for each block of rows.
On few rows these calls take longer than what they compute, and between them threads wait for the
interpreter's lock. The loops here are those of the posterior's density
(:mod:`gmm_bayes.density.moments`), which have neither cost. They whiten every component, so that
none loses digits. With many features matrix products are faster, and NumPy's E-step is taken.
"""

from __future__ import annotations

import math
from typing import override

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.density.moments import (
    BLOCK_ROWS,
    FactorisedMixture,
    Sums,
    moments_of_part,
    zero_sums,
)
from gmm_bayes.density.row_loops import load_moments
from gmm_bayes.density.triangular import cholesky, invert_lower
from gmm_em.core.threads import run_all, single_threaded_blas
from gmm_em.core.types import LOG_2PI, FloatArray, Second
from gmm_em.covariance.layout import reduce_second
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.features import COLLAPSED, FLAT
from gmm_em.e_step.totals import Totals
from gmm_em.rows.samples import Parameters, Samples

# Rows that a thread adds up at a time. The last digits of the sums depend on it.
_LANE_ROWS = 128 * BLOCK_ROWS
# A second thread is worth waking for this many lanes.
_LANES_PER_THREAD = 2

# Weights or counts (K,), means or first moments (K, D), and matrices (K, D, D).
_Arrays = tuple[FloatArray, FloatArray, FloatArray]


@njit()
def _factorise(parameters, factors, components):  # type: ignore[no-untyped-def]
    """Write Cholesky factors, their inverses and log-densities at the means, less the constant.

    Return whether no covariance is singular, as far as float64 can tell.
    """
    n_components, n_features = parameters.means.shape
    for k in range(n_components):
        factors[k] = parameters.covariances[k]
        cholesky(factors[k])
        components.log_const[k] = math.log(parameters.weights[k])
        for i in range(n_features):
            pivot = factors[k, i, i]
            # Written with "not >", so that NaN is refused, too.
            if not pivot * pivot > FLAT * parameters.covariances[k, i, i] + COLLAPSED:
                return False
            components.log_const[k] -= math.log(pivot)
        invert_lower(factors[k], components.whiteners[k])
    return True


@inlined()
def _fill_upper_triangle(matrix):  # type: ignore[no-untyped-def]
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[j, i] = matrix[i, j]


@inlined()
def _dot(a, b, n):  # type: ignore[no-untyped-def]
    """Return the product of the first n entries of two vectors."""
    acc = 0.0
    for i in range(n):
        acc += a[i] * b[i]
    return acc


@njit()
def _write_moments(factors, whitened, out):  # type: ignore[no-untyped-def]
    """Write the moments of ``x - m = L z``, given those of z: ``L s`` and ``L S L^T``."""
    n_features = factors.shape[1]
    product = np.empty((n_features, n_features))
    for k in range(factors.shape[0]):
        factor, moments = factors[k], whitened.second[k]
        _fill_upper_triangle(moments)
        out.counts[k] = whitened.counts[k]
        for i in range(n_features):
            out.first[k, i] = _dot(factor[i], whitened.first[k], i + 1)
            for j in range(n_features):
                product[i, j] = _dot(factor[i], moments[j], i + 1)
        for i in range(n_features):
            for j in range(i + 1):
                out.second[k, i, j] = _dot(product[i], factor[j], j + 1)
        _fill_upper_triangle(out.second[k])


@njit()
def moments_of_rows(data, row_weights, start, stop, mixture, products, sums):  # type: ignore[no-untyped-def]
    """Write the expected moments about the means of some rows; return their log-likelihood.

    The log-likelihood lacks the constant; it is NaN, and nothing is written, where a covariance is
    singular. What consists of several arrays is given as a plain tuple, which Numba takes apart in
    half the time of a named one.

    Parameters
    ----------
    data : ndarray, shape (D, N)
    row_weights : ndarray, shape (N,)
        Of shape (0,) where all rows count once.
    start, stop : int
        Which rows.
    mixture : tuple of ndarray
        Weights (K,), means (K, D) and covariances (K, D, D).
    products : bool
        Whether second moments off the diagonal are wanted; without them the covariances must be
        diagonal.
    sums : tuple of ndarray
        What is written to: counts (K,), first moments (K, D) and second ones (K, D, D), as whole
        matrices.
    """
    parameters = Parameters(mixture[0], mixture[1], mixture[2])
    out = Sums(sums[0], sums[1], sums[2])
    n_components, n_features = parameters.means.shape
    factors = np.zeros((n_components, n_features, n_features))
    whiteners = np.zeros((n_components, n_features, n_features))
    components = FactorisedMixture(np.empty(n_components), parameters.means, whiteners)
    if not _factorise(parameters, factors, components):
        return np.nan
    whitened = zero_sums(n_components, n_features)
    none = np.empty(0)
    value = moments_of_part(data, row_weights, none, start, stop, components, whitened, products)
    _write_moments(factors, whitened, out)
    return value


class CompiledEStep(BlockedEStep):
    """The E-step of a fit, whose sums over rows are compiled.

    Whatever else it is asked, NumPy's E-step answers.

    Parameters
    ----------
    samples : Samples
        With a copy of the rows in memory, `samples.columns`.
    n_components : int
    second : {"full", "diagonal", "pooled"}
    n_threads : int, optional
        At most this many threads; by default as many as BLAS would use.
    """

    def __init__(
        self,
        samples: Samples,
        n_components: int,
        second: Second = "full",
        *,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(samples, n_components, second, strict=True, n_threads=n_threads)
        if samples.columns is None:
            raise ValueError("a compiled E-step reads rows of float64 in memory only")
        load_moments()
        self._second: Second = second
        self._products = second != "diagonal"
        self._columns = samples.columns
        self._weight = np.empty(0) if samples.weight is None else np.array(samples.weight)
        self._lanes = range(0, samples.n_samples, _LANE_ROWS)
        self._constant = 0.5 * samples.n_features * LOG_2PI * samples.total_weight

    @override
    def expect(self, parameters: Parameters) -> Totals:
        # Numba would compile anew for arrays that cannot be written to, or are laid out otherwise.
        weights, means, covariances = (np.array(array, order="C") for array in parameters)
        lanes = self._lanes_of((weights, means, covariances))
        log_likelihood, total = lanes[0]
        for value, sums in lanes[1:]:
            log_likelihood += value
            for array, more in zip(total, sums, strict=True):
                array += more
        if math.isnan(log_likelihood):
            # NumPy's says what is wrong with which component, or answers if nothing is.
            return super().expect(parameters)
        counts, first, second = total
        log_likelihood -= self._constant
        return Totals(log_likelihood, counts, first, reduce_second(self._second, second), means)

    def _lanes_of(self, mixture: _Arrays) -> list[tuple[float, _Arrays]]:
        """Return what `_lane` does of every lane, on as many threads as they are worth."""
        n_lanes = len(self._lanes)
        if n_lanes < 2 * _LANES_PER_THREAD:
            return [self._lane(start, mixture) for start in self._lanes]
        found: dict[int, tuple[float, _Arrays]] = {}

        def work(lane: int) -> None:
            found[lane] = self._lane(self._lanes[lane], mixture)

        with single_threaded_blas() as available:
            n_threads = min(self._n_threads or available, n_lanes // _LANES_PER_THREAD)
            run_all(work, range(n_lanes), n_threads)
        return [found[lane] for lane in range(n_lanes)]

    def _lane(self, start: int, mixture: _Arrays) -> tuple[float, _Arrays]:
        """Return the log-likelihood, less the constant, and the sums of the lane from `start`."""
        k, d = mixture[1].shape
        sums = (np.empty(k), np.empty((k, d)), np.empty((k, d, d)))
        stop = min(start + _LANE_ROWS, self.samples.n_samples)
        value = moments_of_rows(
            self._columns, self._weight, start, stop, mixture, self._products, sums
        )
        return value, sums
