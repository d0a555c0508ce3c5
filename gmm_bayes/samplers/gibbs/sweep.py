"""The compiled sweep of the blocked Gibbs sampler."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.jit import njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.moments import BLOCK, allocate, buffers


class Model(NamedTuple):
    """Data and conjugate prior on the standardised scale, as the compiled loops read them.

    ``data`` (D, N); the Dirichlet ``concentration``; the prior location ``mean_loc`` (D,) of the
    means and its worth ``kappa`` in rows; ``dof``, the prior degrees of freedom of one feature's
    precision; ``psi`` (D, D), the prior scatter; ``powers`` (D,) of the whiteners' diagonal in the
    prior density of its logarithm; and the covariance structure: whether components share one
    matrix, whether features correlate, whether all have the same variance
    (:class:`gmm_bayes.space.structures.Structure`).
    """

    data: FloatArray
    concentration: float
    mean_loc: FloatArray
    kappa: float
    dof: float
    psi: FloatArray
    powers: FloatArray
    shared: bool
    correlated: bool
    isotropic: bool


class State(NamedTuple):
    """Where a chain is: ``weights`` (K,), ``means`` (K, D), ``whiteners`` (K, D, D), ``labels``.

    A whitener is lower triangular with ``W' W`` the inverse covariance. ``labels`` (K,) are the
    names under which the sampler first knew the components: the chain keeps them in one order to
    move in, and remembers here what an indifferent sampler would have called them.
    """

    weights: FloatArray
    means: FloatArray
    whiteners: FloatArray
    labels: NDArray[np.int64]


@njit()
def log_constants(log_weights, whiteners, log_const):  # type: ignore[no-untyped-def]
    """Write each component's log weight plus log determinant of its whitener to `log_const`."""
    for k in range(log_const.shape[0]):
        log_const[k] = log_weights[k]
        for i in range(whiteners.shape[1]):
            log_const[k] += math.log(whiteners[k, i, i])


@njit()
def add_rows(data, rng, log_const, means, whiteners, counts, first, second):  # type: ignore[no-untyped-def]
    """Draw every row's component; add up the moments of each component's rows around its mean.

    Parameters are ``data`` (D, N), ``log_const`` (K,) of :func:`log_constants`, ``means`` (K, D)
    and ``whiteners`` (K, D, D). ``counts`` (K,), ``first`` (K, D) and the lower triangle of
    ``second`` (K, D, D) receive the sums: the :class:`gmm_em.Moments` of the drawn allocations.
    """
    n_features, n_samples = data.shape
    n_components = log_const.shape[0]
    residual, white, log_prob, resp, top, total = buffers(n_components, n_features)
    away = np.empty(n_features)
    for start in range(0, n_samples, BLOCK):
        n = min(BLOCK, n_samples - start)
        allocate(
            data, start, n, log_const, means, whiteners, residual, white, log_prob, resp, top, total
        )
        for i in range(n):
            left = rng.random() * total[i] - resp[0, i]
            k = 0
            while left >= 0.0 and k < n_components - 1:
                k += 1
                left -= resp[k, i]
            counts[k] += 1.0
            for d in range(n_features):
                away[d] = data[d, start + i] - means[k, d]
                first[k, d] += away[d]
                for j in range(d + 1):
                    second[k, d, j] += away[d] * away[j]


@njit()
def _cholesky(matrix):  # type: ignore[no-untyped-def]
    """Replace the lower triangle of `matrix` (D, D) by that of its Cholesky factor."""
    d = matrix.shape[0]
    for i in range(d):
        for j in range(i + 1):
            acc = matrix[i, j]
            for m in range(j):
                acc -= matrix[i, m] * matrix[j, m]
            matrix[i, j] = math.sqrt(acc) if i == j else acc / matrix[j, j]


@njit()
def invert_lower(factor, inverse):  # type: ignore[no-untyped-def]
    """Write the inverse of a lower triangular matrix (D, D) to `inverse`."""
    d = factor.shape[0]
    for i in range(d):
        inverse[i, i] = 1.0 / factor[i, i]
        for j in range(i):
            acc = 0.0
            for m in range(j, i):
                acc += factor[i, m] * inverse[m, j]
            inverse[i, j] = -acc / factor[i, i]


@njit()
def add_posterior_scatter(model, count, first, second, mean, scatter):  # type: ignore[no-untyped-def]
    """Add a component's part of the posterior scale matrix to the lower triangle of `scatter`.

    That is its rows' scatter around their own mean, and ``kappa n / (kappa + n)`` times the square
    of that mean's distance from the prior's (Gelman et al. 2013, section 3.6). ``count``, ``first``
    (D,) and ``second`` (D, D) are moments around ``mean`` (D,), which is moved to the posterior's.
    """
    d = mean.shape[0]
    kappa = model.kappa
    for i in range(d):
        step_i = first[i] / count if count > 0.0 else 0.0
        away_i = mean[i] + step_i - model.mean_loc[i]
        for j in range(i + 1):
            step_j = first[j] / count if count > 0.0 else 0.0
            away_j = mean[j] + step_j - model.mean_loc[j]
            scatter[i, j] += second[i, j] - count * step_i * step_j
            scatter[i, j] += kappa * count / (kappa + count) * away_i * away_j
    for i in range(d):
        total = count * mean[i] + first[i]
        mean[i] = (kappa * model.mean_loc[i] + total) / (kappa + count)


@njit()
def _draw_whitener(rng, model, count, scatter, whitener):  # type: ignore[no-untyped-def]
    """Draw a whitener given the posterior scale matrix (destroyed) of `count` rows.

    Correlated features: Bartlett's decomposition of the Wishart precision, ``(T C^-1)' (T C^-1)``
    with C the scale's Cholesky factor. Uncorrelated ones: a gamma precision each, or one for all.
    """
    d = whitener.shape[0]
    dof = model.dof + count
    if model.isotropic:
        trace = 0.0
        for i in range(d):
            trace += scatter[i, i]
        value = math.sqrt(2.0 * rng.standard_gamma(0.5 * (model.dof + count * d)) / trace)
        for i in range(d):
            whitener[i, i] = value
        return
    if not model.correlated:
        for i in range(d):
            whitener[i, i] = math.sqrt(2.0 * rng.standard_gamma(0.5 * dof) / scatter[i, i])
        return
    _cholesky(scatter)
    root = np.zeros((d, d))
    invert_lower(scatter, root)
    bartlett = np.zeros((d, d))
    for i in range(d):
        bartlett[i, i] = math.sqrt(2.0 * rng.standard_gamma(0.5 * (dof + i)))
        for j in range(i):
            bartlett[i, j] = rng.standard_normal()
    for i in range(d):
        for j in range(i + 1):
            acc = 0.0
            for m in range(j, i + 1):
                acc += bartlett[i, m] * root[m, j]
            whitener[i, j] = acc


@njit()
def _draw_mean(rng, precision, whitener, mean):  # type: ignore[no-untyped-def]
    """Add normal noise with covariance ``(W' W)^-1 / precision`` to `mean`: ``W^-1 e``."""
    d = mean.shape[0]
    noise = np.empty(d)
    for i in range(d):
        acc = rng.standard_normal() / math.sqrt(precision)
        for j in range(i):
            acc -= whitener[i, j] * noise[j]
        noise[i] = acc / whitener[i, i]
        mean[i] += noise[i]


@njit()
def sweep(rng, model, state):  # type: ignore[no-untyped-def]
    """Draw all allocations given the parameters, then all parameters given the allocations.

    Updates `state` in place and returns how many components have no row.
    """
    weights, means, whiteners = state.weights, state.means, state.whiteners
    n_components, n_features = means.shape
    counts = np.zeros(n_components)
    first = np.zeros((n_components, n_features))
    second = np.zeros((n_components, n_features, n_features))
    log_const = np.empty(n_components)
    log_constants(np.log(weights), whiteners, log_const)
    add_rows(model.data, rng, log_const, means, whiteners, counts, first, second)
    size = n_components if model.shared else 1
    scatter = np.empty((n_features, n_features))
    for group in range(0, n_components, size):
        scatter[:] = model.psi
        count = 0.0
        for k in range(group, group + size):
            add_posterior_scatter(model, counts[k], first[k], second[k], means[k], scatter)
            count += counts[k]
        _draw_whitener(rng, model, count, scatter, whiteners[group])
        for k in range(group, group + size):
            whiteners[k] = whiteners[group]
            _draw_mean(rng, model.kappa + counts[k], whiteners[k], means[k])
    total = 0.0
    empty = 0
    for k in range(n_components):
        weights[k] = rng.standard_gamma(model.concentration + counts[k])
        total += weights[k]
        empty += counts[k] == 0.0
    for k in range(n_components):
        # A tiny concentration underflows on an empty component; log needs it above zero.
        weights[k] = max(weights[k] / total, 1e-300)
    return empty
