"""Responsibilities and whitened moments of all rows, compiled."""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import njit

BLOCK = 128  # observations per pass: the buffers of one pass stay in the first-level cache


_FACTORS = 64  # their product cannot overflow for fewer than 65 000 components


_LOG2_E = 1.4426950408889634


_LN2_HIGH = (
    6.93147180369123816490e-01  # ln 2 in two parts (Cody & Waite), so that x - k ln 2 is exact
)


_LN2_LOW = 1.90821492927058770002e-10


_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits


_EXP_MIN = -708.0  # below, exp underflows; such a responsibility is zero for every purpose here


# No reassociation here: (t + _ROUND) - _ROUND is the point of the algorithm.
@njit(fastmath={"contract"})
def exp_below(x, top, rounded, bits, out, out_bits, n):  # type: ignore[no-untyped-def]
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
        exp_below(log_prob[k], top, rounded, bits, resp[k], resp_bits[k], n)
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
