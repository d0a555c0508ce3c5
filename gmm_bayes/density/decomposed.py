"""The log posterior density by volume, shape and orientation, with its gradient, compiled.

The coordinates are those of :mod:`gmm_bayes.space.decomposed`. The derivative by an entry of the
matrix whose eigenvectors are the axes follows from the divided differences of the variances along
them (Daleckii & Krein 1965): where a covariance is ``Q f(diag(y)) Q'`` with the eigenvalues y of
the matrix, its change is ``Q (F o (Q' dY Q)) Q'``, with ``F_ij = (f_i - f_j) / (y_i - y_j)``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.closed_form import (
    MIN_CONDITIONAL_SD,
    MIN_SD,
    add_component,
)
from gmm_bayes.density.eigenvectors import ascending_eigenvectors
from gmm_bayes.density.incomplete import add_incomplete
from gmm_bayes.density.moments import (
    FactorisedMixture,
    weighted_moments,
    whitened_moments,
    zero_sums,
)
from gmm_bayes.density.simplex import log_weights, weight_gradient

_TIED = 1e-9
"""Eigenvalues closer than this have no direction of their own."""


class Places(NamedTuple):
    """Where the coordinates of the covariances start, and how far apart those of components are.

    A step of 0 says that all components have them in common.

    Parameters
    ----------
    n_components : int
    at : ndarray of int, shape (3,)
        Starts of log-volumes, log-shapes and matrices.
    step : ndarray of int, shape (3,)
    shaped : bool
        Whether there are log-shapes apart from matrices.
    turned : bool
        Whether there are matrices.
    """

    n_components: int
    at: IntArray
    step: IntArray
    shaped: bool
    turned: bool


class Spectra(NamedTuple):
    """The spectral decomposition of each component's covariance.

    Parameters
    ----------
    eigenvalues : ndarray of shape (K, D)
        Of the matrices whose eigenvectors are the axes.
    frames : ndarray of shape (K, D, D)
        The axes, as columns.
    variances : ndarray of shape (K, D)
        Along the axes.
    """

    eigenvalues: FloatArray
    frames: FloatArray
    variances: FloatArray


@njit()
def _places(n_values, d, numbers):  # type: ignore[no-untyped-def]
    """Return the :class:`Places` in a vector of `n_values`.

    `numbers` (6,) are the numbers of common and of each component's own log-volumes, log-shapes and
    matrices, in turn.
    """
    widths = np.array([1, d - 1, d * (d + 1) // 2 - 1])
    common, own = 0, 1 + d
    for block in range(3):
        common += int(numbers[2 * block]) * widths[block]
        own += int(numbers[2 * block + 1]) * widths[block]
    k = (n_values + 1 - common) // own
    at, step = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    first = k - 1 + k * d
    for block in range(3):
        at[block] = first
        step[block] = int(numbers[2 * block + 1]) * widths[block]
        first += int(numbers[2 * block]) * widths[block] + k * step[block]
    shaped = numbers[2] + numbers[3] > 0.0
    turned = numbers[4] + numbers[5] > 0.0
    return Places(k, at, step, shaped, turned)


@inlined()
def _write_contrast(x, first, out):  # type: ignore[no-untyped-def]
    """Write to `out` (D,) the numbers of sum zero whose coordinates `x` has from `first` on."""
    out[:] = 0.0
    for j in range(out.shape[0] - 1):
        step = x[first + j] / math.sqrt((j + 1.0) * (j + 2.0))
        for i in range(j + 1):
            out[i] += step
        out[j + 1] -= (j + 1.0) * step


@inlined()
def _add_contrast_slopes(slopes, first, gradient):  # type: ignore[no-untyped-def]
    """Add to `gradient`, from `first` on, the slopes (D,) by :func:`_write_contrast`'s result."""
    below = 0.0
    for j in range(slopes.shape[0] - 1):
        below += slopes[j]
        length = math.sqrt((j + 1.0) * (j + 2.0))
        gradient[first + j] += (below - (j + 1.0) * slopes[j + 1]) / length


@inlined()
def _write_matrix(x, first, out):  # type: ignore[no-untyped-def]
    """Write to `out` (D, D) the symmetric matrix of trace zero with those coordinates."""
    n = out.shape[0]
    diagonal = np.empty(n)
    _write_contrast(x, first, diagonal)
    at = first + n - 1
    for i in range(n):
        out[i, i] = diagonal[i]
        for j in range(i):
            out[i, j] = math.sqrt(0.5) * x[at]
            out[j, i] = out[i, j]
            at += 1


@inlined()
def _decompose(theta, places, found):  # type: ignore[no-untyped-def]
    """Write the spectral decompositions of all covariances to `found`."""
    d = found.frames.shape[1]
    matrix, logs = np.empty((d, d)), np.zeros(d)
    for k in range(places.n_components):
        first = places.at[2] + k * places.step[2]
        if places.turned and k > 0 and places.step[2] == 0:
            found.eigenvalues[k] = found.eigenvalues[0]
            found.frames[k] = found.frames[0]
        elif places.turned:
            _write_matrix(theta, first, matrix)
            ascending_eigenvectors(matrix, found.eigenvalues[k], found.frames[k])
        else:
            found.eigenvalues[k] = np.arange(d)
            found.frames[k] = np.eye(d)
        if places.shaped:
            _write_contrast(theta, places.at[1] + k * places.step[1], logs)
        else:
            logs[:] = found.eigenvalues[k]
        volume = theta[places.at[0] + k * places.step[0]]
        for i in range(d):
            found.variances[k, i] = math.exp(volume + logs[i])


@inlined()
def _whiten(variances, frame, factor, whitener):  # type: ignore[no-untyped-def]
    """Write a covariance's Cholesky factor and its inverse; return whether it is on the support.

    Both are zero above the diagonal before. The support is that of
    :func:`gmm_bayes.density.closed_form.log_density`.
    """
    d = frame.shape[0]
    for i in range(d):
        for j in range(i + 1):
            acc = 0.0
            for p in range(d):
                acc += frame[i, p] * variances[p] * frame[j, p]
            own = acc
            for m in range(j):
                acc -= factor[i, m] * factor[j, m]
            if j < i:
                factor[i, j] = acc / factor[j, j]
            elif acc > max(MIN_CONDITIONAL_SD**2 * own, MIN_SD**2):
                factor[i, i] = math.sqrt(acc)
            else:
                return False
        whitener[i, i] = 1.0 / factor[i, i]
        for j in range(i):
            acc = 0.0
            for m in range(j, i):
                acc += factor[i, m] * whitener[m, j]
            whitener[i, j] = -acc / factor[i, i]
    return True


@inlined()
def _write_slopes(count, second, whitener, frame, out):  # type: ignore[no-untyped-def]
    """Write the slopes by a covariance, along its axes, to `out` (D, D).

    That is ``Q' W' (M - n I) W Q / 2`` with the whitener W and the `second` moments M of the
    whitened residuals, of which the lower triangle is given.
    """
    d = frame.shape[0]
    white, half = np.zeros((d, d)), np.zeros((d, d))
    for i in range(d):
        for p in range(d):
            for m in range(i + 1):
                white[i, p] += whitener[i, m] * frame[m, p]
    for i in range(d):
        for p in range(d):
            for m in range(d):
                moment = second[i, m] if m <= i else second[m, i]
                half[i, p] += (moment - (count if m == i else 0.0)) * white[m, p]
    for p in range(d):
        for q in range(d):
            acc = 0.0
            for m in range(d):
                acc += white[m, p] * half[m, q]
            out[p, q] = 0.5 * acc


@inlined()
def _divided_difference(apart, upper, lower, whole):  # type: ignore[no-untyped-def]
    """Return the difference of two variances over that of two eigenvalues, which is `apart`."""
    if whole:
        return lower * math.expm1(apart) / apart if apart > 0.0 else lower
    # Eigenvectors of eigenvalues that tie have no derivative, which happens with probability zero.
    return (upper - lower) / apart if apart > _TIED else 0.0


@inlined()
def _write_along(slopes, k, found, whole, power, out):  # type: ignore[no-untyped-def]
    """Write the slopes by a matrix along its own axes to `out` (D, D), from those by a covariance.

    The density also has that `power` of the gaps between the matrix's eigenvalues.
    """
    y, variances = found.eigenvalues[k], found.variances[k]
    for i in range(y.shape[0]):
        out[i, i] = slopes[i, i] * variances[i] if whole else 0.0
    for i in range(y.shape[0]):
        for j in range(i):
            gap = y[i] - y[j]
            ratio = _divided_difference(gap, variances[i], variances[j], whole)
            out[i, j] = slopes[i, j] * ratio
            out[j, i] = out[i, j]
            pull = power / gap if power > 0.0 else 0.0
            out[i, i] += pull
            out[j, j] -= pull


@inlined()
def _add_matrix_slopes(along, frame, first, gradient):  # type: ignore[no-untyped-def]
    """Add the slopes by a matrix's coordinates, from those along the columns of `frame`."""
    d = frame.shape[0]
    half, diagonal = np.zeros((d, d)), np.empty(d)
    for i in range(d):
        for q in range(d):
            for p in range(d):
                half[i, q] += frame[i, p] * along[p, q]
    at = first + d - 1
    for i in range(d):
        for j in range(i + 1):
            acc = 0.0
            for q in range(d):
                acc += half[i, q] * frame[j, q]
            if j == i:
                diagonal[i] = acc
            else:
                gradient[at] += math.sqrt(2.0) * acc
                at += 1
    _add_contrast_slopes(diagonal, first, gradient)


@inlined()
def _log_gaps(values):  # type: ignore[no-untyped-def]
    """Return the sum of the logarithms of the gaps between all pairs of ascending numbers."""
    total = 0.0
    for i in range(values.shape[0]):
        for j in range(i):
            total += math.log(values[i] - values[j])
    return total


@inlined()
def _add_covariance_prior(theta, places, scales, gradient):  # type: ignore[no-untyped-def]
    """Return the prior's exponent but for gaps; add its slopes. `scales` are packed, in order."""
    value = 0.0
    for i in range(places.at[0], places.at[1]):
        spread = scales[1] * math.exp(-theta[i])
        value -= 0.5 * (scales[0] * theta[i] + spread)
        gradient[i] += 0.5 * (spread - scales[0])
    for i in range(places.at[1], theta.shape[0]):
        precision = scales[2] if i < places.at[2] else scales[3]
        value -= 0.5 * precision * theta[i] * theta[i]
        gradient[i] -= precision * theta[i]
    return value


@njit()
def decomposed_mixture_at(theta, n_features, prior):  # type: ignore[no-untyped-def]
    """Return weights (K,), means (K, D) and covariances (K, D, D) at `theta` (n,).

    Covariances off the support are NaN.
    """
    places = _places(theta.shape[0], n_features, prior.shapes)
    k, d = places.n_components, n_features
    logs, weights = np.empty(k), np.empty(k)
    log_weights(theta, 0.0, logs, weights)
    means = theta[k - 1 : places.at[0]].reshape(k, d).copy()
    found = Spectra(np.empty((k, d)), np.empty((k, d, d)), np.empty((k, d)))
    _decompose(theta, places, found)
    covariances = np.zeros((k, d, d))
    factor, whitener = np.zeros((d, d)), np.zeros((d, d))
    for m in range(k):
        inside = _whiten(found.variances[m], found.frames[m], factor, whitener)
        for i in range(d):
            for j in range(d):
                for p in range(d):
                    side = found.frames[m, i, p] * found.variances[m, p]
                    covariances[m, i, j] += side * found.frames[m, j, p]
                if not inside:
                    covariances[m, i, j] = math.nan
    return weights, means, covariances


@njit()
def decomposed_log_density(theta, rows, prior, gradient, row_weights, row_log_prob):  # type: ignore[no-untyped-def]
    """Return the log posterior density at `theta` (n,); write its gradient to `gradient` (n,).

    Parameters are the standardised data and the prior as :mod:`gmm_bayes.density.inputs` has them.
    The prior's ``sd_precision`` holds the scales of a
    :class:`gmm_bayes.priors.terms.VolumeTerms`, and its ``shapes`` the numbers of common and of
    each component's own log-volumes, log-shapes and matrices. The last two arguments are those of
    :func:`gmm_bayes.density.closed_form.log_density`.
    """
    data = rows.complete
    d = data.shape[0]
    places = _places(theta.shape[0], d, prior.shapes)
    n_components = places.n_components
    gradient[:] = 0.0
    log_const, weights = np.empty(n_components), np.empty(n_components)
    value = prior.constant + log_weights(theta, prior.concentration, log_const, weights)
    at_means = n_components - 1
    means = theta[at_means : places.at[0]].reshape(n_components, d)

    found = Spectra(
        np.empty((n_components, d)), np.empty((n_components, d, d)), np.empty((n_components, d))
    )
    _decompose(theta, places, found)
    factors, whiteners = np.zeros((n_components, d, d)), np.zeros((n_components, d, d))
    logs = log_const.copy()
    for k in range(n_components):
        if not _whiten(found.variances[k], found.frames[k], factors[k], whiteners[k]):
            return -math.inf
        for i in range(d):
            log_const[k] += math.log(whiteners[k, i, i])

    components = FactorisedMixture(log_const, means, whiteners)
    sums = zero_sums(n_components, d)
    n_samples = float(data.shape[1])
    if row_weights.shape[0] > 0:
        value += weighted_moments(data, components, row_weights, row_log_prob, sums, True)
        n_samples = row_weights.sum()
    else:
        value += whitened_moments(data, components, sums, True)
    if rows.patterns.shape[0] > 0:
        value += add_incomplete(rows.patterns, rows.values, logs, means, factors, sums)
        n_samples += rows.patterns[:, 0].sum()
    weight_gradient(sums.counts, n_samples, prior.concentration, weights, gradient)
    whole, gap_power = not places.shaped, prior.sd_precision[4]
    slopes, turns, along = np.empty((d, d)), np.empty((d, d)), np.empty(d)
    for k in range(n_components):
        first = at_means + k * d
        mean_slopes = gradient[first : first + d]
        value = add_component(k, value, prior, prior.psi, components, sums, mean_slopes)
        _write_slopes(sums.counts[k], sums.second[k], whiteners[k], found.frames[k], slopes)
        for i in range(d):
            along[i] = slopes[i, i] * found.variances[k, i]
            gradient[places.at[0] + k * places.step[0]] += along[i]
        if places.shaped:
            _add_contrast_slopes(along, places.at[1] + k * places.step[1], gradient)
        if places.turned:
            at = places.at[2] + k * places.step[2]
            power = gap_power if k == 0 or places.step[2] > 0 else 0.0
            value += power * _log_gaps(found.eigenvalues[k]) if power > 0.0 else 0.0
            _write_along(slopes, k, found, whole, power, turns)
            _add_matrix_slopes(turns, found.frames[k], at, gradient)
    return value + _add_covariance_prior(theta, places, prior.sd_precision, gradient)
