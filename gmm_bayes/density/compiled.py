"""The log posterior density and its gradient in closed form: the compiled inner loops.

The same posterior as :func:`gmm_bayes.build_model`, on the same unconstrained vector (PyMC's order
of free variables and PyMC's transforms), but written out by hand. A gradient through PyTensor costs
a minute of compilation the first time on a machine; this one costs seconds, and evaluates faster.

The gradient of the marginal log-likelihood needs no sum over allocations: by Fisher's identity it
is the expected complete-data score, a function of the responsibility-weighted sufficient statistics
(Dempster, Laird & Rubin 1977, eq. 2.13). Here they are the count, the first and the second moments
of the *whitened* residuals, so that nothing cancels for a component much tighter than the data.
"""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.density.moments import whitened_moments

MIN_SD = 1e-9
MIN_CONDITIONAL_SD = 1e-6


@njit()
def _pseudo_observations(kappa, shift, psi, whitener, first, second):  # type: ignore[no-untyped-def]
    """Add a normal-inverse-Wishart prior to a component's whitened moments; return its exponent.

    It acts as kappa rows at the prior mean (`shift` from the component's), and as rows with scatter
    `psi` around the component's mean.
    """
    n_features = shift.shape[0]
    white = np.zeros(n_features)
    half = np.zeros((n_features, n_features))
    value = 0.0
    for i in range(n_features):
        for m in range(i + 1):
            white[i] += whitener[i, m] * shift[m]
            for j in range(n_features):
                half[i, j] += whitener[i, m] * psi[m, j]
    for i in range(n_features):
        first[i] += kappa * white[i]
        value -= 0.5 * kappa * white[i] * white[i]
        for j in range(i + 1):
            acc = kappa * white[i] * white[j]
            for m in range(j + 1):
                acc += half[i, m] * whitener[j, m]
            second[i, j] += acc
            if i == j:
                value -= 0.5 * (acc - kappa * white[i] * white[i])
    return value


@njit()
def _log_weights(theta, concentration, log_weights, weights):  # type: ignore[no-untyped-def]
    """Write the log weights and the weights; return their log density but for a constant.

    Softmax of (theta, -sum theta), PyMC's SimplexTransform; log |Jacobian| = sum log w.
    """
    n_components = log_weights.shape[0]
    last = 0.0
    for k in range(n_components - 1):
        log_weights[k] = theta[k]
        last -= theta[k]
    log_weights[n_components - 1] = last
    high = -math.inf
    for k in range(n_components):
        high = max(high, log_weights[k])
    total = 0.0
    for k in range(n_components):
        total += math.exp(log_weights[k] - high)
    norm = high + math.log(total)
    value = 0.0
    for k in range(n_components):
        log_weights[k] -= norm
        weights[k] = math.exp(log_weights[k])
        value += concentration * log_weights[k]
    return value


@njit()
def _factorise(log_sds, log_odds, shapes, sds, corr, sticks, factor, whitener):  # type: ignore[no-untyped-def]
    """Build a covariance's Cholesky factor and its inverse; return the correlations' log density.

    The support ends where a covariance can no longer be told from a singular one in float64: where
    a standard deviation given the features before it falls below 1e-6 of the marginal one, or below
    1e-9 of the data's. Beyond lie only the likelihood's singularities, which make the posterior
    improper where rows are tied. There the value is -inf.
    """
    n_features, n_sds, n_corr = factor.shape[0], log_sds.shape[0], log_odds.shape[0]
    value = 0.0
    p = 0
    for i in range(n_features):
        sds[i] = math.exp(log_sds[i % n_sds])
        stick = sds[i]
        for j in range(i if n_corr > 0 else 0):
            u = abs(log_odds[p])
            corr[p] = math.tanh(0.5 * log_odds[p])
            sticks[p] = stick
            factor[i, j] = corr[p] * stick
            # log(b (1 - b)) for b = logistic(u), without overflow.
            value += shapes[p] * (-u - 2.0 * math.log1p(math.exp(-u)))
            stick *= 1.0 / math.cosh(0.5 * u)
            p += 1
        if not stick > max(MIN_CONDITIONAL_SD * sds[i], MIN_SD):
            return -math.inf
        factor[i, i] = stick
        whitener[i, i] = 1.0 / stick
        for j in range(i if n_corr > 0 else 0):
            acc = 0.0
            for m in range(j, i):
                acc += factor[i, m] * whitener[m, j]
            whitener[i, j] = -acc / stick
    return value


@njit()
def _factor_gradient(factor, whitener, count, second, corr, sticks, shapes, sd_slopes, corr_slopes):  # type: ignore[no-untyped-def]
    """Add the slopes in the logarithms of standard deviations, write those in the log-odds.

    From the `count` and the lower triangle of the `second` moments of whitened residuals.
    """
    n_features, n_sds, n_corr = factor.shape[0], sd_slopes.shape[0], corr.shape[0]
    slopes = np.empty(n_features)
    for i in range(n_features):
        # Row of the Cholesky factor: whitener' * second moments, less count / diagonal.
        first = 0 if n_corr > 0 else i
        for j in range(first, i + 1):
            acc = 0.0
            for m in range(i, n_features):
                acc += whitener[m, i] * (second[m, j] if j <= m else second[j, m])
            slopes[j] = acc
        slopes[i] -= count / factor[i, i]
        # Log standard deviations scale a whole row.
        right = slopes[i] * factor[i, i]
        acc = right
        # Partial correlations: each scales its own entry and shrinks those to its right.
        for j in range(i - 1, first - 1, -1):
            p = i * (i - 1) // 2 + j
            z = corr[p]
            own = sticks[p] * (1.0 - z * z) * slopes[j]
            corr_slopes[p] = 0.5 * (own - z * right) - shapes[p] * z
            right += slopes[j] * factor[i, j]
            acc += slopes[j] * factor[i, j]
        sd_slopes[i % n_sds] += acc


@njit()
def log_density(theta, data, shared, scalars, mean_prior, psi, sd_precision, shapes, gradient):  # type: ignore[no-untyped-def]
    """Return the log posterior density at `theta`; write its gradient to `gradient`.

    The arguments are those that :func:`packed_log_density` unpacks.
    """
    concentration, constant, log_sd_power, kappa, log_det_power = scalars
    n_features = data.shape[0]
    n_sds, n_corr = sd_precision.shape[0], shapes.shape[0]
    per_covariance = n_sds + n_corr
    common = per_covariance if shared else 0
    n_components = (theta.shape[0] + 1 - common) // (1 + n_features + per_covariance - common)
    n_covariances = 1 if shared else n_components
    at_mean = n_components - 1
    at_sd = at_mean + n_components * n_features
    at_corr = at_sd + n_covariances * n_sds
    gradient[:] = 0.0

    log_const = np.empty(n_components)
    weights = np.empty(n_components)
    value = constant + _log_weights(theta, concentration, log_const, weights)
    means = theta[at_mean:at_sd].reshape(n_components, n_features)
    log_sds = theta[at_sd:at_corr].reshape(n_covariances, n_sds)
    log_odds = theta[at_corr:].reshape(n_covariances, n_corr)

    sds = np.empty((n_covariances, n_features))
    corr = np.empty((n_covariances, n_corr))
    sticks = np.empty((n_covariances, n_corr))
    factors = np.zeros((n_covariances, n_features, n_features))
    whiteners = np.zeros((n_components, n_features, n_features))
    for g in range(n_covariances):
        value += _factorise(
            log_sds[g], log_odds[g], shapes, sds[g], corr[g], sticks[g], factors[g], whiteners[g]
        )
        if value == -math.inf:
            return value
    for k in range(n_components):
        for i in range(n_features):
            # Not by slices: numba would compile half its string library to say that shapes differ.
            for j in range(i + 1 if k >= n_covariances else 0):
                whiteners[k, i, j] = whiteners[0, i, j]
            log_const[k] += math.log(whiteners[k, i, i])

    counts = np.zeros(n_components)
    first = np.zeros((n_components, n_features))
    second = np.zeros((n_components, n_features, n_features))
    value += whitened_moments(
        data, log_const, means, whiteners, counts, first, second, n_corr > 0 or n_features == 1
    )

    # Weights: d/dv_k of sum_k a_k log w_k is a_k - w_k sum a, with v_K = -sum of the others.
    mass = data.shape[1] + concentration * n_components
    last_slope = counts[-1] + concentration - mass * weights[-1]
    for k in range(n_components - 1):
        gradient[k] = counts[k] + concentration - mass * weights[k] - last_slope

    for k in range(n_components):
        if log_det_power > 0.0:
            value += _pseudo_observations(
                kappa, mean_prior[0] - means[k], psi, whiteners[k], first[k], second[k]
            )
            counts[k] += log_det_power
            for i in range(n_features):
                value += log_det_power * math.log(whiteners[k, i, i])
        for i in range(n_features):
            # Means: whitener' * first moment.
            acc = 0.0
            for m in range(i, n_features):
                acc += whiteners[k, m, i] * first[k, m]
            shift = means[k, i] - mean_prior[0, i]
            value -= 0.5 * mean_prior[1, i] * shift * shift
            gradient[at_mean + k * n_features + i] = acc - mean_prior[1, i] * shift
        if k >= n_covariances:
            counts[0] += counts[k]
            for i in range(n_features):
                for j in range(i + 1):
                    second[0, i, j] += second[k, i, j]

    for g in range(n_covariances):
        at = at_sd + g * n_sds
        for i in range(n_sds):
            t = sd_precision[i] * sds[g, i] * sds[g, i]
            value += log_sd_power * theta[at + i] - 0.5 * t
            gradient[at + i] = log_sd_power - t
        _factor_gradient(
            factors[g], whiteners[g], counts[g], second[g], corr[g], sticks[g], shapes,
            gradient[at : at + n_sds], gradient[at_corr + g * n_corr : at_corr + (g + 1) * n_corr],
        )  # fmt: skip
    return value
