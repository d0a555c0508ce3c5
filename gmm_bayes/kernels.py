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
from typing import Any

import numba
import numpy as np
from numba import types

BLOCK = 128  # observations per pass: the buffers of one pass stay in the first-level cache
_FACTORS = 64  # their product cannot overflow for fewer than 65 000 components
_LOG2_E = 1.4426950408889634
_LN2_HIGH = (
    6.93147180369123816490e-01  # ln 2 in two parts (Cody & Waite), so that x - k ln 2 is exact
)
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits
MIN_SD = 1e-9
MIN_CONDITIONAL_SD = 1e-6
_EXP_MIN = -708.0  # below, exp underflows; such a responsibility is zero for every purpose here


def _compiled(compiler: Any, *signature: Any, **options: Any) -> Any:
    """Compile with `compiler`, keeping the machine code on disk where a folder can be written."""

    def decorate(function: Any) -> Any:
        try:
            return compiler(*signature, cache=True, **options)(function)
        except RuntimeError:  # numba finds no writable place for its cache: compile per process
            return compiler(*signature, **options)(function)

    return decorate


def njit(**options: Any) -> Any:
    """Compile a function that other compiled functions call, and that releases the interpreter."""
    return _compiled(numba.njit, nogil=True, error_model="numpy", **options)


# No reassociation here: (t + _ROUND) - _ROUND is the point of the algorithm.
@njit(fastmath={"contract"})
def _exp_below(x, top, rounded, bits, out, out_bits, n):  # type: ignore[no-untyped-def]
    """Write ``exp(x - top)`` for ``x <= top`` to `out`, within 2 ulp; leave ``x - top`` in `x`.

    In a form that compilers can vectorise.
    """
    for i in range(n):
        x[i] = max(x[i] - top[i], _EXP_MIN)
        rounded[i] = x[i] * _LOG2_E + _ROUND
    for i in range(n):
        k = rounded[i] - _ROUND
        r = (x[i] - k * _LN2_HIGH) - k * _LN2_LOW
        p = 2.08767569878681e-9
        p = p * r + 2.505210838544172e-8
        p = p * r + 2.755731922398589e-7
        p = p * r + 2.7557319223985893e-6
        p = p * r + 2.48015873015873e-5
        p = p * r + 1.984126984126984e-4
        p = p * r + 1.3888888888888889e-3
        p = p * r + 8.333333333333333e-3
        p = p * r + 4.1666666666666664e-2
        p = p * r + 1.6666666666666666e-1
        p = p * r + 0.5
        p = p * r + 1.0
        out[i] = p * r + 1.0
    for i in range(n):
        # Multiply by 2**k by adding k to the exponent field.
        out_bits[i] += bits[i] << 52


@njit()
def buffers(n_components, n_features):  # type: ignore[no-untyped-def]
    """Return what :func:`allocate` writes a block to, from ``residual`` to ``total``."""
    return (
        np.empty((n_features, BLOCK)),
        np.empty((n_components, n_features, BLOCK)),
        np.empty((n_components, BLOCK)),
        np.empty((n_components, BLOCK)),
        np.empty(BLOCK),
        np.empty(BLOCK),
    )


@njit(fastmath={"contract", "reassoc", "nsz"})
def allocate(  # type: ignore[no-untyped-def]
    data, start, n, log_const, means, whiteners, residual, white, log_prob, resp, top, total
):
    """Compute one block's whitened residuals and unnormalised responsibilities.

    For the n columns of `data` from `start`: ``white`` (K, D, n), ``resp`` (K, n) relative to the
    largest component of each row, whose log density is ``top`` (n,), and their sum ``total`` (n,).
    """
    n_features = data.shape[0]
    n_components = log_const.shape[0]
    resp_bits = resp.view(np.int64)
    rounded = np.empty(BLOCK)
    bits = rounded.view(np.int64)
    for k in range(n_components):
        # Few passes over the block: with few features they are what the time goes into.
        q, y = log_prob[k], white[k, 0]
        const, mean, a = log_const[k], means[k, 0], whiteners[k, 0, 0]
        for i in range(n):
            x = data[0, start + i] - mean
            residual[0, i] = x
            y[i] = a * x
            q[i] = const - 0.5 * y[i] * y[i]
        for d in range(1, n_features):
            y = white[k, d]
            mean, a, first = means[k, d], whiteners[k, d, d], whiteners[k, d, 0]
            for i in range(n):
                x = data[d, start + i] - mean
                residual[d, i] = x
                y[i] = a * x + first * residual[0, i]
            for j in range(1, d):
                a = whiteners[k, d, j]
                if a != 0.0:  # always zero without correlations
                    for i in range(n):
                        y[i] += a * residual[j, i]
            for i in range(n):
                q[i] -= 0.5 * y[i] * y[i]
    for i in range(n):
        top[i] = log_prob[0, i]
        total[i] = 0.0
    for k in range(1, n_components):
        for i in range(n):
            top[i] = max(top[i], log_prob[k, i])
    for k in range(n_components):
        _exp_below(log_prob[k], top, rounded, bits, resp[k], resp_bits[k], n)
        for i in range(n):
            total[i] += resp[k, i]


@njit(fastmath={"contract", "reassoc", "nsz"})
def whitened_moments(data, log_const, means, whiteners, counts, first, second, products):  # type: ignore[no-untyped-def]
    """Add the sufficient statistics of whitened residuals; return the log-likelihood.

    Parameters are ``data`` (D, N), ``log_const`` (K,) = log weight minus log normaliser, ``means``
    (K, D) and ``whiteners`` (K, D, D) = inverse Cholesky factors. ``counts`` (K,), ``first`` (K, D)
    and the lower triangle of ``second`` (K, D, D) receive the sums; of the latter only the diagonal
    unless ``products``.
    """
    n_features, n_samples = data.shape
    n_components = log_const.shape[0]
    residual, white, log_prob, resp, top, total = buffers(n_components, n_features)
    log_likelihood = 0.0
    for start in range(0, n_samples, BLOCK):
        n = min(BLOCK, n_samples - start)
        allocate(
            data, start, n, log_const, means, whiteners, residual, white, log_prob, resp, top, total
        )
        block = 0.0
        for i in range(n):
            block += top[i]
        for part in range(0, n, _FACTORS):
            # One logarithm for many observations: each factor is between 1 and K.
            product = 1.0
            for i in range(part, min(part + _FACTORS, n)):
                product *= total[i]
            block += math.log(product)
        log_likelihood += block
        for i in range(n):
            total[i] = 1.0 / total[i]
        for k in range(n_components):
            r = resp[k]
            count = 0.0
            for i in range(n):
                r[i] *= total[i]
                count += r[i]
            counts[k] += count
            for d in range(n_features):
                y, weighted = white[k, d], residual[0]
                acc = 0.0
                square = 0.0
                for i in range(n):
                    weighted[i] = r[i] * y[i]
                    acc += weighted[i]
                    square += weighted[i] * y[i]
                first[k, d] += acc
                second[k, d, d] += square
                for j in range(d if products else 0):
                    other = white[k, j]
                    acc = 0.0
                    for i in range(n):
                        acc += weighted[i] * other[i]
                    second[k, d, j] += acc
    return log_likelihood


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
def _log_density(theta, data, shared, scalars, mean_prior, psi, sd_precision, shapes, gradient):  # type: ignore[no-untyped-def]
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


HEADER = 10


@njit()
def packed_log_density(theta, packed, gradient):  # type: ignore[no-untyped-def]
    """Return the log posterior density at `theta` (n,); write its gradient to `gradient` (n,).

    ``packed`` holds, as float64, what :class:`gmm_bayes.target.LogPosterior` writes: N; D; 1 where
    all components have one covariance, otherwise 0; the numbers of standard deviations s and of
    partial correlations p of a covariance; the Dirichlet concentration; the constant; the power of
    each standard deviation; kappa; the power of 1 / sqrt(det covariance), once for each component;
    location and precision of the means (2, D); psi, once for each component (D, D); precision of
    the standard deviations (s,); shapes of the partial correlations (p,); the standardised data
    (D, N).
    """
    n_samples, n_features = int(packed[0]), int(packed[1])
    at_psi = HEADER + 2 * n_features
    at_sds = at_psi + n_features * n_features
    at_shapes = at_sds + int(packed[3])
    at_data = at_shapes + int(packed[4])
    return _log_density(
        theta,
        packed[at_data : at_data + n_features * n_samples].reshape(n_features, n_samples),
        packed[2] > 0.0,
        (packed[5], packed[6], packed[7], packed[8], packed[9]),
        packed[HEADER:at_psi].reshape(2, n_features),
        packed[at_psi:at_sds].reshape(n_features, n_features),
        packed[at_sds:at_shapes],
        packed[at_shapes:at_data],
        gradient,
    )


@njit()
def packed_size(head):  # type: ignore[no-untyped-def]
    """Return the length of the buffer that :func:`packed_log_density` reads, from its header."""
    n_samples, n_features = int(head[0]), int(head[1])
    per_feature = 2 + n_features + n_samples
    return HEADER + n_features * per_feature + int(head[3]) + int(head[4])


_POINTER = types.CPointer(types.float64)


@_compiled(
    numba.cfunc,
    types.int64(types.uint64, _POINTER, _POINTER, _POINTER, types.voidptr),
    error_model="numpy",
)
def c_log_density(dim, theta, gradient, value, packed):  # type: ignore[no-untyped-def]
    """Evaluate :func:`packed_log_density` for a caller that speaks C, without the interpreter.

    Returns 0, or 1 where the density or its gradient is not finite.
    """
    head = numba.carray(packed, (HEADER,), np.float64)
    size = packed_size(head)
    slope = numba.carray(gradient, (dim,))
    log_density = packed_log_density(
        numba.carray(theta, (dim,)), numba.carray(packed, (size,), np.float64), slope
    )
    numba.carray(value, (1,))[0] = log_density
    total = log_density
    for i in range(dim):
        total += slope[i]
    return 0 if math.isfinite(total) else 1


@_compiled(numba.cfunc, types.int64(types.uint64, types.uint64, _POINTER, _POINTER, types.voidptr))
def c_copy(dim, n_expanded, theta, out, packed):  # type: ignore[no-untyped-def]
    """Copy the unconstrained vector: draws are turned into mixtures later, all at once."""
    if dim != n_expanded:
        return -1
    source, target = numba.carray(theta, (dim,)), numba.carray(out, (dim,))
    for i in range(dim):
        target[i] = source[i]
    return 0
