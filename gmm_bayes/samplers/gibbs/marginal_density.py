"""The marginal posterior of the conjugate model, allocations integrated out: the compiled loops.

The vector is that of :mod:`gmm_bayes.samplers.gibbs.coordinates`.
"""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.density.moments import BLOCK, allocate, buffers, whitened_moments
from gmm_bayes.samplers.gibbs.sweep import log_constants

# Coordinates -------------------------------------------------------------------------------------


@njit()
def pack(model, weights, means, whiteners, theta):  # type: ignore[no-untyped-def]
    """Write a mixture's coordinates to `theta`."""
    n_components, n_features = means.shape
    centre = 0.0
    for k in range(n_components):
        centre += math.log(weights[k]) / n_components
    for k in range(n_components - 1):
        theta[k] = math.log(weights[k]) - centre
    at = n_components - 1
    for k in range(n_components):
        for i in range(n_features):
            theta[at] = means[k, i]
            at += 1
    n_matrices = 1 if model.shared else n_components
    for k in range(n_matrices):
        for i in range(1 if model.isotropic else n_features):
            theta[at] = math.log(whiteners[k, i, i])
            at += 1
        if model.correlated:
            for i in range(n_features):
                for j in range(i):
                    theta[at] = -whiteners[k, i, j] / whiteners[k, i, i]
                    at += 1


@njit()
def unpack(model, theta, log_weights, means, whiteners):  # type: ignore[no-untyped-def]
    """Write the mixture with these coordinates to ``log_weights``, ``means`` and ``whiteners``."""
    n_components, n_features = means.shape
    last = 0.0
    high = 0.0
    for k in range(n_components - 1):
        log_weights[k] = theta[k]
        last -= theta[k]
        high = max(high, theta[k])
    log_weights[n_components - 1] = last
    high = max(high, last)
    total = 0.0
    for k in range(n_components):
        total += math.exp(log_weights[k] - high)
    norm = high + math.log(total)
    for k in range(n_components):
        log_weights[k] -= norm
    at = n_components - 1
    for k in range(n_components):
        for i in range(n_features):
            means[k, i] = theta[at]
            at += 1
    whiteners[:] = 0.0
    for k in range(n_components):
        if k > 0 and model.shared:
            whiteners[k] = whiteners[0]
            continue
        for i in range(n_features):
            whiteners[k, i, i] = math.exp(theta[at])
            if not model.isotropic:
                at += 1
        if model.isotropic:
            at += 1
        if model.correlated:
            for i in range(n_features):
                for j in range(i):
                    whiteners[k, i, j] = -theta[at] * whiteners[k, i, i]
                    at += 1


# The density -------------------------------------------------------------------------------------


@njit()
def _add_mean_prior(model, mean, whitener, first, second):  # type: ignore[no-untyped-def]
    """Let the prior on a mean act as kappa rows at its centre; return their exponent."""
    d = mean.shape[0]
    white = np.zeros(d)
    value = 0.0
    for i in range(d):
        for j in range(i + 1):
            white[i] += whitener[i, j] * (model.mean_loc[j] - mean[j])
        first[i] += model.kappa * white[i]
        for j in range(i + 1):
            second[i, j] += model.kappa * white[i] * white[j]
        value -= 0.5 * model.kappa * white[i] * white[i]
    return value


@njit()
def _add_scatter_prior(model, whitener, second):  # type: ignore[no-untyped-def]
    """Let psi act as rows with that scatter around the mean; return their exponent."""
    d = whitener.shape[0]
    value = 0.0
    half = np.zeros((d, d))
    for i in range(d):
        for m in range(i + 1):
            for j in range(d):
                half[i, j] += whitener[i, m] * model.psi[m, j]
        for j in range(i + 1):
            acc = 0.0
            for m in range(j + 1):
                acc += half[i, m] * whitener[j, m]
            second[i, j] += acc
            if i == j:
                value -= 0.5 * acc
    return value


@njit()
def _scale_slopes(model, count, second, whitener, gradient, at):  # type: ignore[no-untyped-def]
    """Write the gradient in one covariance's logarithms and slopes from `at`; return where it ends.

    With S the second moment of the whitened residuals of `count` rows: ``count + power - S_ii`` and
    ``W_ii (S W^-T)_ij``.
    """
    d = whitener.shape[0]
    if model.isotropic:
        gradient[at] = 0.0
    for i in range(d):
        slope = count + model.powers[i] - second[i, i]
        if model.isotropic:
            gradient[at] += slope
        else:
            gradient[at] = slope
            at += 1
    if model.isotropic:
        at += 1
    if model.correlated:
        row = np.empty(d)
        for i in range(d):
            # Solve W row' = S_i: row = S_i W^-T, of which entries before i are needed.
            for j in range(i):
                acc = second[i, j]
                for m in range(j):
                    acc -= whitener[j, m] * row[m]
                row[j] = acc / whitener[j, j]
                gradient[at] = whitener[i, i] * row[j]
                at += 1
    return at


@njit()
def _add_prior(model, log_weights, means, whiteners, first, second):  # type: ignore[no-untyped-def]
    """Let the prior enter the whitened moments as rows do; return its log density.

    The moments of components that share a covariance are added up in those of the first.
    """
    n_components, n_features = means.shape
    value = 0.0
    for k in range(n_components):
        value += model.concentration * log_weights[k]
        value += _add_mean_prior(model, means[k], whiteners[k], first[k], second[k])
        for i in range(n_features):
            # Of the prior on the mean, which has the component's covariance.
            value += math.log(whiteners[k, i, i])
    size = n_components if model.shared else 1
    for group in range(0, n_components, size):
        for k in range(group + 1, group + size):
            second[group] += second[k]
        value += _add_scatter_prior(model, whiteners[group], second[group])
        for i in range(n_features):
            value += model.powers[i] * math.log(whiteners[group, i, i])
    return value


@njit(fastmath={"contract", "reassoc", "nsz"})
def _log_likelihood(data, log_const, means, whiteners):  # type: ignore[no-untyped-def]
    n_features, n_samples = data.shape
    n_components = log_const.shape[0]
    residual, white, log_prob, resp, top, total = buffers(n_components, n_features)
    value = 0.0
    product = 1.0
    for start in range(0, n_samples, BLOCK):
        n = min(BLOCK, n_samples - start)
        allocate(
            data, start, n, log_const, means, whiteners, residual, white, log_prob, resp, top, total
        )
        for i in range(n):
            value += top[i]
        for i in range(n):
            # One logarithm for many observations: each factor is between 1 and K.
            product *= total[i]
            if product > 1e200:
                value += math.log(product)
                product = 1.0
    return value + math.log(product)


@njit()
def log_density(theta, model, log_weights, means, whiteners):  # type: ignore[no-untyped-def]
    """Return the log marginal posterior density at `theta` up to a constant.

    The mixture is written to ``log_weights`` (K,), ``means`` (K, D) and ``whiteners`` (K, D, D).
    """
    n_components, n_features = means.shape
    unpack(model, theta, log_weights, means, whiteners)
    log_const = np.empty(n_components)
    log_constants(log_weights, whiteners, log_const)
    value = _log_likelihood(model.data, log_const, means, whiteners)
    first = np.zeros((n_components, n_features))
    second = np.zeros((n_components, n_features, n_features))
    return value + _add_prior(model, log_weights, means, whiteners, first, second)


@njit()
def log_density_and_gradient(theta, model, log_weights, means, whiteners, gradient):  # type: ignore[no-untyped-def]
    """Return what :func:`log_density` does, and write its gradient to ``gradient`` (P,).

    The gradient needs no sum over allocations (Fisher's identity, as in
    :mod:`gmm_bayes.density.compiled`),
    and the conjugate prior enters it as rows do.
    """
    n_components, n_features = means.shape
    unpack(model, theta, log_weights, means, whiteners)
    log_const = np.empty(n_components)
    log_constants(log_weights, whiteners, log_const)
    counts = np.zeros(n_components)
    first = np.zeros((n_components, n_features))
    second = np.zeros((n_components, n_features, n_features))
    value = whitened_moments(model.data, log_const, means, whiteners, counts, first, second, True)
    value += _add_prior(model, log_weights, means, whiteners, first, second)
    mass = model.data.shape[1] + model.concentration * n_components
    last_slope = counts[-1] + model.concentration - mass * math.exp(log_weights[-1])
    for k in range(n_components - 1):
        slope = counts[k] + model.concentration - mass * math.exp(log_weights[k])
        gradient[k] = slope - last_slope
    at = n_components - 1
    for k in range(n_components):
        for i in range(n_features):
            acc = 0.0
            for m in range(i, n_features):
                acc += whiteners[k, m, i] * first[k, m]
            gradient[at] = acc
            at += 1
    size = n_components if model.shared else 1
    for group in range(0, n_components, size):
        # The mean's prior counts as a row in the power of the determinant.
        count = counts[group : group + size].sum() + size
        at = _scale_slopes(model, count, second[group], whiteners[group], gradient, at)
    return value
