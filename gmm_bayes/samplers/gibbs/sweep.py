"""The compiled sweep of the blocked Gibbs sampler."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.copying import copy_matrix, set_matrix, set_vector
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.moments import FactorisedMixture, zero_sums
from gmm_bayes.density.shared_scale import add_precisions
from gmm_bayes.density.triangular import cholesky, invert_lower
from gmm_bayes.samplers.gibbs.allocation import add_completed_rows, add_rows

MIN_WEIGHT = 1e-300
"""The weight of an empty component may underflow to zero, which has no logarithm."""


class ConjugateModel(NamedTuple):
    """Data and prior on the standardised scale, as the compiled loops read them.

    The prior of a mean either is conjugate, a normal distribution whose covariance is the
    component's divided by `kappa`, or does not depend on the covariance. Then `kappa` is 0.

    Parameters
    ----------
    data : ndarray of shape (D, N)
        The complete rows.
    patterns, values : ndarray of shapes (P, 1 + D) and (M,)
        The incomplete rows, as :func:`gmm_bayes.density.incomplete.add_incomplete` reads them.
    n_rows : int
        How many rows there are of both.
    concentration : float
        Of the Dirichlet distribution of the weights.
    mean_loc : ndarray of shape (D,)
        Prior location of the means.
    kappa : float
        How many rows that location is worth, or 0.
    mean_precision : ndarray of shape (D,)
        Precision of the means' prior that does not depend on the covariance; 0 if kappa is not.
    dof : float
        Prior degrees of freedom of one feature's precision.
    scale_power : float
        Power of the determinant that is left where the prior scatter is integrated out
        (:mod:`gmm_bayes.density.shared_scale`), or 0 where the prior scatter is fixed.
    psi : ndarray of shape (D, D)
        Prior scatter, or the rate matrix of its law.
    powers : ndarray of shape (D,)
        Power of each diagonal entry of a whitener in the prior density of its logarithm.
    shared, correlated, isotropic : bool
        Those of :class:`gmm_bayes.space.structures.Structure`.
    """

    data: FloatArray
    patterns: FloatArray
    values: FloatArray
    n_rows: int
    concentration: float
    mean_loc: FloatArray
    kappa: float
    mean_precision: FloatArray
    dof: float
    scale_power: float
    psi: FloatArray
    powers: FloatArray
    shared: bool
    correlated: bool
    isotropic: bool


class State(NamedTuple):
    """Where a chain is.

    Parameters
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    whiteners : ndarray of shape (K, D, D)
        Lower triangular, with ``W' W`` the inverse covariance.
    labels : ndarray of int, shape (K,)
        The number that each component had at the start. The chain reorders components so that its
        moves fit; these are the numbers that it would give them if it did not.
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
def add_posterior_scatter(model, count, first, second, mean, scatter):  # type: ignore[no-untyped-def]
    """Add a component's part of the posterior scale matrix to the lower triangle of `scatter`.

    That is its rows' scatter around their own mean, and ``kappa n / (kappa + n)`` times the square
    of that mean's distance from the prior's (Gelman et al. 2013, section 3.6). ``count``, ``first``
    (D,) and ``second`` (D, D) are moments around ``mean`` (D,), which is moved to the posterior's.
    Where the prior of the mean is not conjugate, the part is ``second`` and the mean stays.
    """
    d = mean.shape[0]
    kappa = model.kappa
    if kappa == 0.0:
        # The covariance is drawn given the mean, around which the second moments are.
        for i in range(d):
            for j in range(i + 1):
                scatter[i, j] += second[i, j]
        return
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

    The precision of correlated features is Wishart. Uncorrelated features have a gamma precision
    each, or one in common.
    """
    d = whitener.shape[0]
    if model.isotropic:
        trace = 0.0
        for i in range(d):
            trace += scatter[i, i]
        value = math.sqrt(2.0 * rng.standard_gamma(0.5 * (model.dof + count * d)) / trace)
        for i in range(d):
            whitener[i, i] = value
        return
    dof = model.dof + count
    if model.correlated:
        _draw_wishart_root(rng, dof, scatter, whitener)
        return
    for i in range(d):
        whitener[i, i] = math.sqrt(2.0 * rng.standard_gamma(0.5 * dof) / scatter[i, i])


@njit()
def _draw_wishart_root(rng, dof, scatter, whitener):  # type: ignore[no-untyped-def]
    """Draw a whitener whose precision ``W' W`` is Wishart, by Bartlett's decomposition.

    ``W = T C^-1`` with C the Cholesky factor of `scatter`, which is destroyed, and T lower
    triangular: standard normal below a diagonal of chi variables with dof, dof + 1, ... degrees of
    freedom (Bartlett 1933).
    """
    d = whitener.shape[0]
    cholesky(scatter)
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
def draw_shared_scatter(rng, model, power, rate, whiteners, n_covariances, scatter):  # type: ignore[no-untyped-def]
    """Draw a scatter matrix ``2 C`` (D, D) that covariances share, given their precisions.

    With ``M = R + sum P_g``, a full C is Wishart: its density is ``|C|**(power - (D + 1) / 2) *
    exp(-tr(M C))``. Uncorrelated features have a gamma variable each, ``Gamma(power, M_ii)``, or
    one in common, whose D-th part each feature has. R is `rate` (D, D), and the precisions are
    those of the first `n_covariances` whiteners.
    """
    d = scatter.shape[0]
    total = rate.copy()
    add_precisions(whiteners, n_covariances, total)
    scatter[:] = 0.0
    if model.correlated:
        # Twice M is the inverse of the scale matrix of C.
        for i in range(d):
            for j in range(d):
                total[i, j] *= 2.0
        root = np.zeros((d, d))
        _draw_wishart_root(rng, 2.0 * power - d + 1.0, total, root)
        for i in range(d):
            for j in range(d):
                for m in range(max(i, j), d):
                    scatter[i, j] += 2.0 * root[m, i] * root[m, j]
        return
    common = rng.standard_gamma(power * d) / d if model.isotropic else 0.0
    for i in range(d):
        drawn = common if model.isotropic else rng.standard_gamma(power)
        scatter[i, i] = 2.0 * drawn / total[i, i]


@inlined()
def draw_scatter(rng, model, whiteners, scatter):  # type: ignore[no-untyped-def]
    """Write the prior scatter to `scatter` (D, D): fixed, or drawn given the precisions."""
    if model.scale_power == 0.0:
        set_matrix(scatter, model.psi)
        return
    n_covariances = 1 if model.shared else whiteners.shape[0]
    draw_shared_scatter(rng, model, model.scale_power, model.psi, whiteners, n_covariances, scatter)


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
def factor_mean(model, count, first, whitener, centre, factor, push):  # type: ignore[no-untyped-def]
    """Write what a mean given a covariance ``(W' W)^-1`` and the component's rows is drawn from.

    The prior does not depend on the covariance. With P its precision and ``A = P + count W' W``,
    the mean is normal with precision A around `centre` plus ``A^-1 b``, where ``b = P (loc -
    centre) + W' W first``, and ``first`` (D,) is the sum of the `count` rows less `centre` (D,).
    The lower triangle of `factor` (D, D) becomes that of the Cholesky factor L of A, and `push`
    (D,) becomes ``L^-1 b``.
    """
    d = centre.shape[0]
    push[:] = 0.0
    for i in range(d):
        for j in range(d):
            acc = 0.0
            for m in range(max(i, j), d):
                acc += whitener[m, i] * whitener[m, j]
            factor[i, j] = count * acc
            push[i] += acc * first[j]
        factor[i, i] += model.mean_precision[i]
        push[i] += model.mean_precision[i] * (model.mean_loc[i] - centre[i])
    cholesky(factor)
    for i in range(d):
        acc = push[i]
        for j in range(i):
            acc -= factor[i, j] * push[j]
        push[i] = acc / factor[i, i]


@njit()
def _draw_mean_given_covariance(rng, model, count, first, whitener, mean):  # type: ignore[no-untyped-def]
    """Draw a mean whose prior does not depend on the covariance, as :func:`factor_mean` says.

    The rows' sums are around the old `mean` (D,), which is updated in place.
    """
    d = mean.shape[0]
    factor, push = np.empty((d, d)), np.empty(d)
    factor_mean(model, count, first, whitener, mean, factor, push)
    for i in range(d - 1, -1, -1):
        acc = push[i] + rng.standard_normal()
        for j in range(i + 1, d):
            acc -= factor[j, i] * push[j]
        push[i] = acc / factor[i, i]
    for i in range(d):
        mean[i] += push[i]


@njit()
def draw_components(rng, model, sums, means, whiteners):  # type: ignore[no-untyped-def]
    """Draw all means and covariances given the moments of each component's rows.

    Where the prior of the means is not conjugate, covariances are drawn given the old means, around
    which the moments are, and means given the new covariances. Both are updated in place.
    """
    n_components, n_features = means.shape
    counts, first, second = sums.counts, sums.first, sums.second
    size = n_components if model.shared else 1
    prior_scatter = np.empty((n_features, n_features))
    draw_scatter(rng, model, whiteners, prior_scatter)
    scatter = np.empty((n_features, n_features))
    for group in range(0, n_components, size):
        set_matrix(scatter, prior_scatter)
        count = 0.0
        for k in range(group, group + size):
            add_posterior_scatter(model, counts[k], first[k], second[k], means[k], scatter)
            count += counts[k]
        _draw_whitener(rng, model, count, scatter, whiteners[group])
        for k in range(group, group + size):
            copy_matrix(whiteners, k, whiteners, group)
            if model.kappa > 0.0:
                _draw_mean(rng, model.kappa + counts[k], whiteners[k], means[k])
            else:
                _draw_mean_given_covariance(rng, model, counts[k], first[k], whiteners[k], means[k])


@njit()
def draw_empty_components(rng, model, n_filled, means, whiteners):  # type: ignore[no-untyped-def]
    """Draw the components from number `n_filled` on, which have no row, from the prior.

    Where covariances are shared, that of the components before them is theirs. Means and
    covariances are updated in place.
    """
    n_components, n_features = means.shape
    scatter = np.empty((n_features, n_features))
    nothing = np.zeros(n_features)
    for k in range(n_filled, n_components):
        if model.shared:
            copy_matrix(whiteners, k, whiteners, 0)
        else:
            set_matrix(scatter, model.psi)
            _draw_whitener(rng, model, 0.0, scatter, whiteners[k])
        set_vector(means[k], model.mean_loc)
        if model.kappa > 0.0:
            _draw_mean(rng, model.kappa, whiteners[k], means[k])
        else:
            _draw_mean_given_covariance(rng, model, 0.0, nothing, whiteners[k], means[k])


@njit()
def gibbs_sweep(rng, model, state):  # type: ignore[no-untyped-def]
    """Draw all allocations given the parameters, then all parameters given the allocations.

    Where the prior of the means is not conjugate, covariances are drawn given the old means, and
    means given the new covariances. Updates `state` in place and returns how many components have
    no row.
    """
    weights, means, whiteners = state.weights, state.means, state.whiteners
    n_components, n_features = means.shape
    sums = zero_sums(n_components, n_features)
    allocations = np.empty(model.data.shape[1], dtype=np.int64)
    log_const = np.empty(n_components)
    log_constants(np.log(weights), whiteners, log_const)
    add_rows(model.data, rng, FactorisedMixture(log_const, means, whiteners), sums, allocations)
    if model.patterns.shape[0] > 0:
        add_completed_rows(model, rng, np.log(weights), means, whiteners, sums)
    draw_components(rng, model, sums, means, whiteners)
    total = 0.0
    empty = 0
    for k in range(n_components):
        weights[k] = rng.standard_gamma(model.concentration + sums.counts[k])
        total += weights[k]
        empty += sums.counts[k] == 0.0
    for k in range(n_components):
        weights[k] = max(weights[k] / total, MIN_WEIGHT)
    return empty
