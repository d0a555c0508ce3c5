"""The posterior of the conjugate model with the allocations integrated out, compiled.

The vector is that of :mod:`gmm_bayes.samplers.gibbs.coordinates`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.incomplete import add_incomplete
from gmm_bayes.density.moments import (
    FactorisedMixture,
    log_likelihood,
    whitened_moments,
    zero_sums,
)
from gmm_bayes.density.shared_scale import integrate_scale
from gmm_bayes.density.simplex import write_log_weights
from gmm_bayes.density.triangular import invert_lower
from gmm_bayes.samplers.gibbs.sweep import log_constants


class MixtureArrays(NamedTuple):
    """A mixture to which the compiled loops write.

    Parameters
    ----------
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    whiteners : ndarray of shape (K, D, D)
        Lower triangular, with ``W' W`` the inverse covariance.
    """

    log_weights: FloatArray
    means: FloatArray
    whiteners: FloatArray


def new_mixture(n_components: int, n_features: int) -> MixtureArrays:
    """Return arrays whose values are not set."""
    k, d = n_components, n_features
    return MixtureArrays(np.empty(k), np.empty((k, d)), np.empty((k, d, d)))


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
def unpack(model, theta, mixture):  # type: ignore[no-untyped-def]
    """Write the mixture with these coordinates to `mixture`."""
    means, whiteners = mixture.means, mixture.whiteners
    n_components, n_features = means.shape
    write_log_weights(theta, mixture.log_weights)
    at = n_components - 1
    for k in range(n_components):
        for i in range(n_features):
            means[k, i] = theta[at]
            at += 1
    whiteners[:] = 0.0
    for k in range(n_components):
        if k > 0 and model.shared:
            whiteners[k] = whiteners[0]
        else:
            at = _unpack_whitener(model, theta, at, whiteners[k])


@njit()
def _unpack_whitener(model, theta, at, whitener):  # type: ignore[no-untyped-def]
    """Write the whitener whose coordinates start at `at`; return where they end."""
    d = whitener.shape[0]
    for i in range(d):
        whitener[i, i] = math.exp(theta[at])
        if not model.isotropic:
            at += 1
    if model.isotropic:
        at += 1
    if model.correlated:
        for i in range(d):
            for j in range(i):
                whitener[i, j] = -theta[at] * whitener[i, i]
                at += 1
    return at


# The density -------------------------------------------------------------------------------------


@njit()
def _add_mean_prior(model, mean, whitener, first, second):  # type: ignore[no-untyped-def]
    """Add a conjugate prior on a mean, as kappa rows at its centre; return their exponent."""
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
def _add_scatter_prior(psi, whitener, second):  # type: ignore[no-untyped-def]
    """Add psi, which acts as rows with that scatter around the mean; return their exponent."""
    d = whitener.shape[0]
    value = 0.0
    half = np.zeros((d, d))
    for i in range(d):
        for m in range(i + 1):
            for j in range(d):
                half[i, j] += whitener[i, m] * psi[m, j]
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
def _add_prior(model, mixture, sums):  # type: ignore[no-untyped-def]
    """Add the prior to the whitened moments, as if it were rows; return its log density.

    Where components share a covariance, their second moments are added up in the first's.
    """
    log_weights, means, whiteners = mixture.log_weights, mixture.means, mixture.whiteners
    first, second = sums.first, sums.second
    n_components, n_features = means.shape
    value = 0.0
    for k in range(n_components):
        value += model.concentration * log_weights[k]
        value += _add_mean_prior(model, means[k], whiteners[k], first[k], second[k])
        for i in range(n_features):
            if model.kappa > 0.0:
                # The prior on the mean has the component's covariance, hence this determinant.
                value += math.log(whiteners[k, i, i])
            away = means[k, i] - model.mean_loc[i]
            value -= 0.5 * model.mean_precision[i] * away * away
    size = n_components if model.shared else 1
    psi = model.psi
    if model.scale_power > 0.0:
        psi = np.empty((n_features, n_features))
        n_covariances = n_components // size
        value += integrate_scale(whiteners, n_covariances, model.psi, model.scale_power, psi)
    for group in range(0, n_components, size):
        for k in range(group + 1, group + size):
            second[group] += second[k]
        value += _add_scatter_prior(psi, whiteners[group], second[group])
        for i in range(n_features):
            value += model.powers[i] * math.log(whiteners[group, i, i])
    return value


@njit()
def _add_incomplete(model, mixture, sums):  # type: ignore[no-untyped-def]
    """Add the completed incomplete rows to `sums`; return the log-likelihood of what is there."""
    whiteners = mixture.whiteners
    factors = np.zeros(whiteners.shape)
    for k in range(whiteners.shape[0]):
        invert_lower(whiteners[k], factors[k])
    return add_incomplete(
        model.patterns, model.values, mixture.log_weights, mixture.means, factors, sums
    )


@njit()
def log_density(theta, model, mixture):  # type: ignore[no-untyped-def]
    """Return the log marginal posterior density at `theta` up to a constant.

    The mixture with these coordinates is written to `mixture`, a :class:`MixtureArrays`.
    """
    n_components, n_features = mixture.means.shape
    unpack(model, theta, mixture)
    log_const = np.empty(n_components)
    log_constants(mixture.log_weights, mixture.whiteners, log_const)
    components = FactorisedMixture(log_const, mixture.means, mixture.whiteners)
    value = log_likelihood(model.data, components)
    if model.patterns.shape[0] > 0:
        value += _add_incomplete(model, mixture, zero_sums(n_components, n_features))
    return value + _add_prior(model, mixture, zero_sums(n_components, n_features))


@njit()
def log_density_and_gradient(theta, model, mixture, gradient):  # type: ignore[no-untyped-def]
    """Return what :func:`log_density` does, and write its gradient to ``gradient`` (P,).

    By Fisher's identity the gradient needs no sum over allocations, as in
    :mod:`gmm_bayes.density.closed_form`. The conjugate prior enters it as rows do.
    """
    log_weights, means, whiteners = mixture.log_weights, mixture.means, mixture.whiteners
    n_components, n_features = means.shape
    unpack(model, theta, mixture)
    log_const = np.empty(n_components)
    log_constants(log_weights, whiteners, log_const)
    sums = zero_sums(n_components, n_features)
    counts, first, second = sums.counts, sums.first, sums.second
    components = FactorisedMixture(log_const, means, whiteners)
    value = whitened_moments(model.data, components, sums, True)
    if model.patterns.shape[0] > 0:
        value += _add_incomplete(model, mixture, sums)
    value += _add_prior(model, mixture, sums)
    mass = model.n_rows + model.concentration * n_components
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
            away = means[k, i] - model.mean_loc[i]
            gradient[at] = acc - model.mean_precision[i] * away
            at += 1
    size = n_components if model.shared else 1
    for group in range(0, n_components, size):
        # A conjugate prior of the mean counts as a row in the power of the determinant.
        count = counts[group : group + size].sum() + (size if model.kappa > 0.0 else 0)
        at = _scale_slopes(model, count, second[group], whiteners[group], gradient, at)
    return value
