"""The compiled sweep of the blocked Gibbs sampler."""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.kernels import BLOCK, allocate, njit


@njit()
def _add_rows(data, rng, log_const, means, whiteners, counts, first, second):  # type: ignore[no-untyped-def]
    """Draw every row's component; add up the moments of each component's rows around its mean."""
    n_features, n_samples = data.shape
    n_components = log_const.shape[0]
    residual = np.empty((n_features, BLOCK))
    white = np.empty((n_components, n_features, BLOCK))
    log_prob = np.empty((n_components, BLOCK))
    resp = np.empty((n_components, BLOCK))
    top = np.empty(BLOCK)
    total = np.empty(BLOCK)
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
def _invert_lower(factor, inverse):  # type: ignore[no-untyped-def]
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
def _draw_component(rng, count, first, second, mean_loc, kappa, nu, psi, mean, whitener, factor):  # type: ignore[no-untyped-def]
    """Draw one component's covariance and mean given its rows' moments around the old mean.

    Gelman et al. (2013), section 3.6: the posterior of a normal-inverse-Wishart prior is one. The
    covariance comes by Bartlett's decomposition, ``(C T^-1)(C T^-1)'``, as in
    :mod:`gmm_bayes.model`.
    """
    d = mean.shape[0]
    kappa_n = kappa + count
    scatter = np.empty((d, d))
    step = np.zeros(d)
    if count > 0.0:
        for i in range(d):
            step[i] = first[i] / count
    for i in range(d):
        for j in range(i + 1):
            away = (mean[i] + step[i] - mean_loc[i]) * (mean[j] + step[j] - mean_loc[j])
            scatter[i, j] = psi[i, j] + second[i, j] - count * step[i] * step[j]
            scatter[i, j] += kappa * count / kappa_n * away
    _cholesky(scatter)
    root = np.zeros((d, d))
    _invert_lower(scatter, root)
    bartlett = np.zeros((d, d))
    for i in range(d):
        bartlett[i, i] = math.sqrt(2.0 * rng.standard_gamma(0.5 * (nu + count - d + 1.0 + i)))
        for j in range(i):
            bartlett[i, j] = rng.standard_normal()
    for i in range(d):
        for j in range(i + 1):
            acc = 0.0
            for m in range(j, i + 1):
                acc += bartlett[i, m] * root[m, j]
            whitener[i, j] = acc
    _invert_lower(whitener, factor)
    for i in range(d):
        mean[i] = (kappa * mean_loc[i] + count * (mean[i] + step[i])) / kappa_n
    noise = np.empty(d)
    for i in range(d):
        noise[i] = rng.standard_normal() / math.sqrt(kappa_n)
        for j in range(i + 1):
            mean[i] += factor[i, j] * noise[j]


@njit()
def sweeps(  # type: ignore[no-untyped-def]
    data, rng, n_sweeps, concentration, mean_loc, kappa, nu, psi,
    weights, means, whiteners, at, out_weights, out_means, out_covariances, out_empty,
):  # fmt: skip
    """Run sweeps from the state in ``weights``, ``means`` and ``whiteners``, updating it in place.

    Each sweep draws all allocations given the parameters, then all parameters given the
    allocations. Sweep s is written to row ``at + s`` of the outputs; with `at` negative to none.
    """
    n_components, n_features = means.shape
    factors = np.zeros((n_components, n_features, n_features))
    log_const = np.empty(n_components)
    for sweep in range(n_sweeps):
        counts = np.zeros(n_components)
        first = np.zeros((n_components, n_features))
        second = np.zeros((n_components, n_features, n_features))
        for k in range(n_components):
            log_const[k] = math.log(weights[k])
            for i in range(n_features):
                log_const[k] += math.log(whiteners[k, i, i])
        _add_rows(data, rng, log_const, means, whiteners, counts, first, second)
        total = 0.0
        empty = 0
        for k in range(n_components):
            _draw_component(
                rng, counts[k], first[k], second[k], mean_loc, kappa, nu, psi,
                means[k], whiteners[k], factors[k],
            )  # fmt: skip
            weights[k] = rng.standard_gamma(concentration + counts[k])
            total += weights[k]
            empty += counts[k] == 0.0
        for k in range(n_components):
            # A tiny concentration underflows on an empty component; log needs it above zero.
            weights[k] = max(weights[k] / total, 1e-300)
        if at >= 0:
            row = at + sweep
            out_empty[row] = empty
            out_weights[row] = weights
            out_means[row] = means
            for k in range(n_components):
                for i in range(n_features):
                    for j in range(i + 1):
                        acc = 0.0
                        for m in range(j + 1):
                            acc += factors[k, i, m] * factors[k, j, m]
                        out_covariances[row, k, i, j] = acc
                        out_covariances[row, k, j, i] = acc
