"""The log posterior density and its gradient in closed form, compiled.

This is the posterior on the vector of :class:`gmm_bayes.space.unconstrained.UnconstrainedSpace`,
with a gradient derived by hand. A gradient through
PyTensor costs a minute of compilation the first time on a machine; this one costs seconds, and
evaluates faster.

The gradient of the marginal log-likelihood needs no sum over allocations: by Fisher's identity it
is the expected complete-data score, a function of the responsibility-weighted sufficient statistics
(Dempster, Laird & Rubin 1977, eq. 2.13). Here they are the count, the first and the second moments
of the *whitened* residuals, so that nothing cancels for a component much tighter than the data.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.incomplete import add_incomplete
from gmm_bayes.density.moments import (
    FactorisedMixture,
    weighted_moments,
    whitened_moments,
    zero_sums,
)
from gmm_bayes.density.shared_scale import integrate_scale
from gmm_bayes.density.simplex import log_weights, weight_gradient

MIN_SD = 1e-9
"""Smallest standard deviation on the support, given the features before; 1 is the data's."""
MIN_CONDITIONAL_SD = 1e-6
"""Smallest ratio on the support of a standard deviation, given the features before, to its own."""


class Layout(NamedTuple):
    """Sizes, and where in the unconstrained vector each kind of parameter starts."""

    n_components: int
    n_covariances: int
    n_sds: int
    n_correlations: int
    at_means: int
    at_sds: int
    at_correlations: int


class Factors(NamedTuple):
    """The G covariances of a mixture, factorised.

    Parameters
    ----------
    sds : ndarray of shape (G, D)
    correlations : ndarray of shape (G, n_correlations)
        Partial correlations, row by row of the strict lower triangle.
    sticks : ndarray of shape (G, n_correlations)
        What the entries of the same row before each left of the standard deviation.
    factors : ndarray of shape (G, D, D)
        Lower Cholesky factors.
    """

    sds: FloatArray
    correlations: FloatArray
    sticks: FloatArray
    factors: FloatArray


@inlined()
def _new_factors(n_covariances, n_features, n_correlations):  # type: ignore[no-untyped-def]
    """Return :class:`Factors` whose values are not set, but for zeros above the diagonals."""
    return Factors(
        np.empty((n_covariances, n_features)),
        np.empty((n_covariances, n_correlations)),
        np.empty((n_covariances, n_correlations)),
        np.zeros((n_covariances, n_features, n_features)),
    )


@inlined()
def _layout(n_values, n_features, prior, shared):  # type: ignore[no-untyped-def]
    """Return the :class:`Layout` of a vector of `n_values` entries."""
    n_sds, n_correlations = prior.sd_precision.shape[0], prior.shapes.shape[0]
    per_covariance = n_sds + n_correlations
    common = per_covariance if shared else 0
    n_components = (n_values + 1 - common) // (1 + n_features + per_covariance - common)
    n_covariances = 1 if shared else n_components
    at_means = n_components - 1
    at_sds = at_means + n_components * n_features
    at_correlations = at_sds + n_covariances * n_sds
    return Layout(
        n_components, n_covariances, n_sds, n_correlations, at_means, at_sds, at_correlations
    )


@inlined()
def _add_conjugate_prior(prior, psi, mean, whitener, first, second):  # type: ignore[no-untyped-def]
    """Add a conjugate prior to a component's whitened moments; return its exponent.

    It acts as kappa rows at the prior mean, and as rows with scatter psi around the component's
    mean. A prior whose psi is zero has neither.
    """
    kappa = prior.kappa
    n_features = mean.shape[0]
    shift = prior.mean_loc - mean
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


@inlined()
def _factorise(g, log_sds, log_odds, shapes, found, whitener):  # type: ignore[no-untyped-def]
    """Build covariance g's Cholesky factor and its inverse; return the correlations' log density.

    Row i of the factor breaks a stick of length ``sds[i]``: entry j takes the share ``z[i, j]``, a
    partial correlation, of what the entries before it left (Lewandowski, Kurowicka & Joe 2009,
    section 2.4).

    The support ends where a covariance can no longer be told from a singular one in float64: where
    a standard deviation given the features before it falls below 1e-6 of its own, or below 1e-9 of
    the data's. Beyond lie only the likelihood's singularities, which make the posterior improper
    where rows are tied. There the value is -inf.
    """
    sds, corr, sticks = found.sds[g], found.correlations[g], found.sticks[g]
    factor = found.factors[g]
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


@inlined()
def _spread(n_covariances, whiteners, log_const):  # type: ignore[no-untyped-def]
    """Give every component its whitener, and add the log determinant to `log_const`.

    Where the covariance is shared, only the first component's whitener is set before.
    """
    n_features = whiteners.shape[1]
    for k in range(whiteners.shape[0]):
        for i in range(n_features):
            # Not by slices: numba would compile half its string library to say that shapes differ.
            for j in range(i + 1 if k >= n_covariances else 0):
                whiteners[k, i, j] = whiteners[0, i, j]
            log_const[k] += math.log(whiteners[k, i, i])


@inlined()
def _factor_gradient(g, found, whitener, count, second, shapes, sd_slopes, corr_slopes):  # type: ignore[no-untyped-def]
    """Add the slopes in the logarithms of standard deviations, write those in the log-odds.

    They follow from the `count` and the lower triangle of the `second` moments of the whitened
    residuals that belong to covariance g.
    """
    factor, corr, sticks = found.factors[g], found.correlations[g], found.sticks[g]
    n_features, n_sds, n_corr = factor.shape[0], sd_slopes.shape[0], corr.shape[0]
    slopes = np.empty(n_features)
    for i in range(n_features):
        # Slopes in a row of the Cholesky factor: whitener' second moments - count / diagonal.
        first = 0 if n_corr > 0 else i
        for j in range(first, i + 1):
            acc = 0.0
            for m in range(i, n_features):
                acc += whitener[m, i] * (second[m, j] if j <= m else second[j, m])
            slopes[j] = acc
        slopes[i] -= count / factor[i, i]
        # A log standard deviation scales the whole row.
        right = slopes[i] * factor[i, i]
        acc = right
        # A partial correlation scales its own entry and shrinks those to its right.
        for j in range(i - 1, first - 1, -1):
            p = i * (i - 1) // 2 + j
            z = corr[p]
            own = sticks[p] * (1.0 - z * z) * slopes[j]
            corr_slopes[p] = 0.5 * (own - z * right) - shapes[p] * z
            right += slopes[j] * factor[i, j]
            acc += slopes[j] * factor[i, j]
        sd_slopes[i % n_sds] += acc


@inlined()
def add_component(k, value, prior, psi, components, sums, gradient):  # type: ignore[no-untyped-def]
    """Return `value` with component k's prior added, which also enters its `sums`.

    Writes the slopes in the component's mean to `gradient` (D,): whitener' first moments.
    """
    mean, whitener = components.means[k], components.whiteners[k]
    n_features = mean.shape[0]
    if psi[0, 0] > 0.0:
        value += _add_conjugate_prior(prior, psi, mean, whitener, sums.first[k], sums.second[k])
        sums.counts[k] += prior.log_det_power
        for i in range(n_features):
            value += prior.log_det_power * math.log(whitener[i, i])
    for i in range(n_features):
        acc = 0.0
        for m in range(i, n_features):
            acc += whitener[m, i] * sums.first[k, m]
        shift = mean[i] - prior.mean_loc[i]
        value -= 0.5 * prior.mean_precision[i] * shift * shift
        gradient[i] = acc - prior.mean_precision[i] * shift
    return value


@inlined()
def _pool(sums):  # type: ignore[no-untyped-def]
    """Add every component's counts and second moments to the first's: they share a covariance."""
    for k in range(1, sums.counts.shape[0]):
        sums.counts[0] += sums.counts[k]
        for i in range(sums.second.shape[1]):
            for j in range(i + 1):
                sums.second[0, i, j] += sums.second[k, i, j]


@inlined()
def _add_sds(g, value, theta, at, prior, found, gradient):  # type: ignore[no-untyped-def]
    """Return `value` with the prior of covariance g's standard deviations; write its slopes."""
    first = at.at_sds + g * at.n_sds
    for i in range(at.n_sds):
        t = prior.sd_precision[i] * found.sds[g, i] * found.sds[g, i]
        value += prior.log_sd_power * theta[first + i] - 0.5 * t
        gradient[first + i] = prior.log_sd_power - t
    return value


@njit()
def mixture_at(theta, n_features, shared, prior):  # type: ignore[no-untyped-def]
    """Return weights (K,), means (K, D) and covariances (K, D, D) at `theta` (n,).

    Covariances off the support are NaN.
    """
    at = _layout(theta.shape[0], n_features, prior, shared)
    logs, weights = np.empty(at.n_components), np.empty(at.n_components)
    log_weights(theta, 0.0, logs, weights)
    means = theta[at.at_means : at.at_sds].reshape(at.n_components, n_features).copy()
    log_sds = theta[at.at_sds : at.at_correlations].reshape(at.n_covariances, at.n_sds)
    log_odds = theta[at.at_correlations :].reshape(at.n_covariances, at.n_correlations)
    found = _new_factors(at.n_covariances, n_features, at.n_correlations)
    covariances = np.zeros((at.n_components, n_features, n_features))
    whitener = np.zeros((n_features, n_features))
    for k in range(at.n_components):
        g = min(k, at.n_covariances - 1)
        value = _factorise(g, log_sds[g], log_odds[g], prior.shapes, found, whitener)
        factor = found.factors[g]
        for i in range(n_features):
            for j in range(n_features):
                for m in range(min(i, j) + 1):
                    covariances[k, i, j] += factor[i, m] * factor[j, m]
                if value == -math.inf:
                    covariances[k, i, j] = math.nan
    return weights, means, covariances


@njit()
def log_density(theta, rows, shared, prior, gradient, row_weights, row_log_prob):  # type: ignore[no-untyped-def]
    """Return the log posterior density at `theta` (n,); write its gradient to `gradient` (n,).

    Parameters are the standardised data and the prior as :mod:`gmm_bayes.density.inputs` has them,
    and whether components have one ``shared`` covariance. Complete rows count ``row_weights`` (N,)
    times, or once if that is empty; if it is not, their log densities are written to
    ``row_log_prob`` (N,), without the constant ``-D log(2 pi) / 2``.
    """
    data = rows.complete
    n_features = data.shape[0]
    at = _layout(theta.shape[0], n_features, prior, shared)
    gradient[:] = 0.0

    log_const = np.empty(at.n_components)
    weights = np.empty(at.n_components)
    value = prior.constant + log_weights(theta, prior.concentration, log_const, weights)
    means = theta[at.at_means : at.at_sds].reshape(at.n_components, n_features)
    log_sds = theta[at.at_sds : at.at_correlations].reshape(at.n_covariances, at.n_sds)
    log_odds = theta[at.at_correlations :].reshape(at.n_covariances, at.n_correlations)

    found = _new_factors(at.n_covariances, n_features, at.n_correlations)
    whiteners = np.zeros((at.n_components, n_features, n_features))
    for g in range(at.n_covariances):
        value += _factorise(g, log_sds[g], log_odds[g], prior.shapes, found, whiteners[g])
        if value == -math.inf:
            return value
    logs = log_const.copy()
    _spread(at.n_covariances, whiteners, log_const)
    psi = prior.psi
    if prior.scale_power > 0.0:
        psi = np.empty((n_features, n_features))
        value += integrate_scale(whiteners, at.n_covariances, prior.psi, prior.scale_power, psi)
        if shared:
            psi /= at.n_components

    components = FactorisedMixture(log_const, means, whiteners)
    sums = zero_sums(at.n_components, n_features)
    products = at.n_correlations > 0 or n_features == 1
    n_samples = float(data.shape[1])
    if row_weights.shape[0] > 0:
        value += weighted_moments(data, components, row_weights, row_log_prob, sums, products)
        n_samples = row_weights.sum()
    else:
        value += whitened_moments(data, components, sums, products)
    if rows.patterns.shape[0] > 0:
        value += add_incomplete(rows.patterns, rows.values, logs, means, found.factors, sums)
        n_samples += rows.patterns[:, 0].sum()
    weight_gradient(sums.counts, n_samples, prior.concentration, weights, gradient)
    for k in range(at.n_components):
        first = at.at_means + k * n_features
        slopes = gradient[first : first + n_features]
        value = add_component(k, value, prior, psi, components, sums, slopes)
    if shared:
        _pool(sums)
    for g in range(at.n_covariances):
        value = _add_sds(g, value, theta, at, prior, found, gradient)
        first = at.at_sds + g * at.n_sds
        sd_slopes = gradient[first : first + at.n_sds]
        first = at.at_correlations + g * at.n_correlations
        corr_slopes = gradient[first : first + at.n_correlations]
        _factor_gradient(
            g,
            found,
            whiteners[g],
            sums.counts[g],
            sums.second[g],
            prior.shapes,
            sd_slopes,
            corr_slopes,
        )
    return value
