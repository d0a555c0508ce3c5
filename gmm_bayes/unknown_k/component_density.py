"""Log densities from which the sweep draws a component, compiled."""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.density.triangular import cholesky
from gmm_bayes.samplers.gibbs.sweep import add_posterior_scatter, factor_mean

_LOG_2PI = math.log(2.0 * math.pi)


@inlined()
def _log_det_lower(matrix):  # type: ignore[no-untyped-def]
    """Return the log determinant of a positive definite matrix (D, D), given its lower triangle.

    The lower triangle is replaced by that of the Cholesky factor.
    """
    cholesky(matrix)
    total = 0.0
    for i in range(matrix.shape[0]):
        total += 2.0 * math.log(matrix[i, i])
    return total


@njit()
def _log_gamma_density(shape, rate, x):  # type: ignore[no-untyped-def]
    """Return the log density of a gamma variable."""
    return shape * math.log(rate) - math.lgamma(shape) + (shape - 1.0) * math.log(x) - rate * x


@njit()
def half_trace(scatter, whitener):  # type: ignore[no-untyped-def]
    """Return half the trace of ``scatter W' W``, given the lower triangle of `scatter`."""
    total = 0.0
    for i in range(whitener.shape[0]):
        for a in range(i + 1):
            total += 0.5 * whitener[i, a] * scatter[a, a] * whitener[i, a]
            for b in range(a):
                total += whitener[i, a] * scatter[a, b] * whitener[i, b]
    return total


@njit()
def log_precision_density(model, count, scatter, whitener):  # type: ignore[no-untyped-def]
    """Return the log density of a component's precision ``W' W`` given its scale matrix.

    It is the density of the law that the sweep draws a whitener from after `count` rows, with
    respect to the free entries of the precision: those of the lower triangle, the diagonal where
    features are uncorrelated, or the one value that all have. The lower triangle of `scatter` is
    destroyed.
    """
    d = whitener.shape[0]
    if model.isotropic:
        trace = 0.0
        for i in range(d):
            trace += scatter[i, i]
        shape = 0.5 * (model.dof + count * d)
        return _log_gamma_density(shape, 0.5 * trace, whitener[0, 0] ** 2)
    dof = model.dof + count
    value = 0.0
    if not model.correlated:
        for i in range(d):
            value += _log_gamma_density(0.5 * dof, 0.5 * scatter[i, i], whitener[i, i] ** 2)
        return value
    # Wishart with nu = dof + D - 1 degrees of freedom.
    nu = dof + d - 1.0
    value -= half_trace(scatter, whitener)
    for i in range(d):
        value += (nu - d - 1.0) * math.log(whitener[i, i]) - math.lgamma(0.5 * (nu - i))
    value -= 0.25 * d * (d - 1.0) * math.log(math.pi) + 0.5 * nu * d * math.log(2.0)
    return value + 0.5 * nu * _log_det_lower(scatter)


@inlined()
def _log_conjugate_mean(precision, whitener, centre, mean):  # type: ignore[no-untyped-def]
    """Return the log density of ``Normal(centre, (W' W)^-1 / precision)`` at `mean`."""
    d = mean.shape[0]
    value = 0.5 * d * (math.log(precision) - _LOG_2PI)
    for i in range(d):
        white = 0.0
        for j in range(i + 1):
            white += whitener[i, j] * (mean[j] - centre[j])
        value += math.log(whitener[i, i]) - 0.5 * precision * white * white
    return value


@inlined()
def _log_mean_given_covariance(model, count, first, whitener, centre, mean):  # type: ignore[no-untyped-def]
    """Return the log density of a mean whose prior does not depend on the covariance.

    `first` and `centre` are those of :func:`factor_mean`.
    """
    d = mean.shape[0]
    factor, push = np.empty((d, d)), np.empty(d)
    factor_mean(model, count, first, whitener, centre, factor, push)
    value = -0.5 * d * _LOG_2PI
    # With A = L L', the exponent is that of |L' (mean - centre) - L^-1 b|.
    for i in range(d):
        value += math.log(factor[i, i])
        white = -push[i]
        for j in range(i, d):
            white += factor[j, i] * (mean[j] - centre[j])
        value -= 0.5 * white * white
    return value


@njit()
def log_component_density(model, count, first, second, centre, whitener, mean):  # type: ignore[no-untyped-def]
    """Return the log density with which the sweep draws a component given its rows.

    ``first`` (D,) and ``second`` (D, D) are the moments of the `count` rows around `centre` (D,),
    which is the old mean. Without rows the density is that of the prior.
    """
    d = mean.shape[0]
    scatter = model.psi.copy()
    around = centre.copy()
    add_posterior_scatter(model, count, first, second, around, scatter)
    value = log_precision_density(model, count, scatter, whitener)
    if model.kappa > 0.0:
        if count == 0.0:
            for i in range(d):
                around[i] = model.mean_loc[i]
        return value + _log_conjugate_mean(model.kappa + count, whitener, around, mean)
    return value + _log_mean_given_covariance(model, count, first, whitener, centre, mean)
