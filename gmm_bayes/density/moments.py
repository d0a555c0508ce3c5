"""Responsibilities and whitened moments of all rows, compiled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray

BLOCK_ROWS = 128
"""Rows handled at a time: a block's arrays then stay in the processor's first-level cache."""

_ROWS_PER_LOGARITHM = 64
"""Rows whose densities are multiplied before one logarithm is taken.

Each factor lies between 1 and K, so that the product overflows for no K below 65 000.
"""

_LOG2_E = 1.4426950408889634

_LN2_HIGH = 6.93147180369123816490e-01
"""The leading bits of ln 2: a multiple of it by a small integer is exact (Cody & Waite 1980)."""

_LN2_LOW = 1.90821492927058770002e-10
"""The rest of ln 2."""

_ROUND = 6755399441055744.0
"""1.5 * 2**52: after adding it, the nearest integer is in the low bits."""

_EXP_MIN = -708.0
"""Below, exp underflows, and a responsibility is as good as zero."""


class FactorisedMixture(NamedTuple):
    """A mixture as the compiled loops read it.

    Parameters
    ----------
    log_const : ndarray of shape (K,)
        Log weight plus log determinant of the whitener.
    means : ndarray of shape (K, D)
    whiteners : ndarray of shape (K, D, D)
        Inverse Cholesky factors of the covariances, lower triangular.
    """

    log_const: FloatArray
    means: FloatArray
    whiteners: FloatArray


class Block(NamedTuple):
    """Arrays for one block of B rows, reused from block to block.

    Parameters
    ----------
    residual : ndarray of shape (D, B)
        Rows less a component's mean.
    white : ndarray of shape (K, D, B)
        Whitened residuals.
    log_prob : ndarray of shape (K, B)
        Log densities, which :func:`allocate` replaces by differences from `top`.
    resp : ndarray of shape (K, B)
        Densities relative to the largest component of each row.
    top : ndarray of shape (B,)
        Log density of the largest component of each row.
    total : ndarray of shape (B,)
        Sum of `resp` over components.
    """

    residual: FloatArray
    white: FloatArray
    log_prob: FloatArray
    resp: FloatArray
    top: FloatArray
    total: FloatArray


class Sums(NamedTuple):
    """Sufficient statistics to which rows are added.

    Parameters
    ----------
    counts : ndarray of shape (K,)
    first : ndarray of shape (K, D)
    second : ndarray of shape (K, D, D)
        Only the lower triangle is used.
    """

    counts: FloatArray
    first: FloatArray
    second: FloatArray


@inlined()
def new_block(n_components, n_features):  # type: ignore[no-untyped-def]
    """Return a :class:`Block` whose values are not set."""
    return Block(
        np.empty((n_features, BLOCK_ROWS)),
        np.empty((n_components, n_features, BLOCK_ROWS)),
        np.empty((n_components, BLOCK_ROWS)),
        np.empty((n_components, BLOCK_ROWS)),
        np.empty(BLOCK_ROWS),
        np.empty(BLOCK_ROWS),
    )


@inlined()
def zero_sums(n_components, n_features):  # type: ignore[no-untyped-def]
    """Return :class:`Sums` of no rows."""
    return Sums(
        np.zeros(n_components),
        np.zeros((n_components, n_features)),
        np.zeros((n_components, n_features, n_features)),
    )


# LLVM must not reassociate here: (t + _ROUND) - _ROUND rounds t to an integer.
@njit(fastmath={"contract"})
def exp_below(x, top, rounded, bits, out, out_bits, n):  # type: ignore[no-untyped-def]
    """Write ``exp(x - top)`` for ``x <= top`` to `out`, within 2 ulp; leave ``x - top`` in `x`.

    The loops have a form that compilers can vectorise. ``x - top = k ln 2 + r`` with an integer k
    and a small r; exp(r) is a polynomial, and adding k to the exponent's bits multiplies by 2**k.
    ``bits`` and ``out_bits`` are the integer views of ``rounded`` and ``out``.
    """
    for i in range(n):
        x[i] = max(x[i] - top[i], _EXP_MIN)
        rounded[i] = x[i] * _LOG2_E + _ROUND
    for i in range(n):
        k = rounded[i] - _ROUND
        r = (x[i] - k * _LN2_HIGH) - k * _LN2_LOW
        # Taylor coefficients 1 / j!, from the highest degree down (Horner).
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
        out_bits[i] += bits[i] << 52


@inlined(fastmath={"contract", "reassoc", "nsz"})
def _component_densities(data, start, n, k, components, block):  # type: ignore[no-untyped-def]
    """Write component k's whitened residuals and log densities of the n rows from `start`."""
    residual, white, log_prob = block.residual, block.white, block.log_prob
    means, whiteners = components.means, components.whiteners
    # Few passes over the block: with few features most of the time goes into passes.
    q, y = log_prob[k], white[k, 0]
    const, mean, a = components.log_const[k], means[k, 0], whiteners[k, 0, 0]
    for i in range(n):
        x = data[0, start + i] - mean
        residual[0, i] = x
        y[i] = a * x
        q[i] = const - 0.5 * y[i] * y[i]
    for d in range(1, data.shape[0]):
        y = white[k, d]
        mean, a, first = means[k, d], whiteners[k, d, d], whiteners[k, d, 0]
        for i in range(n):
            x = data[d, start + i] - mean
            residual[d, i] = x
            y[i] = a * x + first * residual[0, i]
        for j in range(1, d):
            a = whiteners[k, d, j]
            if a != 0.0:  # always zero where features are not correlated
                for i in range(n):
                    y[i] += a * residual[j, i]
        for i in range(n):
            q[i] -= 0.5 * y[i] * y[i]


@njit(fastmath={"contract", "reassoc", "nsz"})
def allocate(data, start, n, components, block):  # type: ignore[no-untyped-def]
    """Compute the whitened residuals and unnormalised responsibilities of one block of rows.

    They are written to `block`, for the n columns of `data` (D, N) from `start`.
    """
    log_prob, resp, top, total = block.log_prob, block.resp, block.top, block.total
    n_components = components.log_const.shape[0]
    resp_bits = resp.view(np.int64)
    rounded = np.empty(BLOCK_ROWS)
    bits = rounded.view(np.int64)
    for k in range(n_components):
        _component_densities(data, start, n, k, components, block)
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


@inlined(fastmath={"contract", "reassoc", "nsz"})
def block_log_likelihood(n, block):  # type: ignore[no-untyped-def]
    """Return the log-likelihood of the n rows of a block."""
    value = 0.0
    for i in range(n):
        value += block.top[i]
    for part in range(0, n, _ROWS_PER_LOGARITHM):
        product = 1.0
        for i in range(part, min(part + _ROWS_PER_LOGARITHM, n)):
            product *= block.total[i]
        value += math.log(product)
    return value


@inlined(fastmath={"contract", "reassoc", "nsz"})
def add_component(n, k, block, sums, products):  # type: ignore[no-untyped-def]
    """Add the n rows of a block to component k's sums; ``block.total`` holds its inverse here."""
    r, white, weighted = block.resp[k], block.white[k], block.residual[0]
    count = 0.0
    for i in range(n):
        r[i] *= block.total[i]
        count += r[i]
    sums.counts[k] += count
    for d in range(white.shape[0]):
        y = white[d]
        acc = 0.0
        square = 0.0
        for i in range(n):
            weighted[i] = r[i] * y[i]
            acc += weighted[i]
            square += weighted[i] * y[i]
        sums.first[k, d] += acc
        sums.second[k, d, d] += square
        for j in range(d if products else 0):
            other = white[j]
            acc = 0.0
            for i in range(n):
                acc += weighted[i] * other[i]
            sums.second[k, d, j] += acc


@njit(fastmath={"contract", "reassoc", "nsz"})
def whitened_moments(data, components, sums, products):  # type: ignore[no-untyped-def]
    """Add the moments of the rows' whitened residuals to `sums`; return the log-likelihood.

    Rows are weighted by their responsibilities. ``data`` is of shape (D, N). Off the diagonal,
    second moments are added up only if ``products``. The log-likelihood lacks the constant
    ``-N D log(2 pi) / 2``.
    """
    n_features, n_samples = data.shape
    n_components = components.log_const.shape[0]
    block = new_block(n_components, n_features)
    log_likelihood = 0.0
    for start in range(0, n_samples, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_samples - start)
        allocate(data, start, n, components, block)
        log_likelihood += block_log_likelihood(n, block)
        for i in range(n):
            block.total[i] = 1.0 / block.total[i]
        for k in range(n_components):
            add_component(n, k, block, sums, products)
    return log_likelihood


@njit(fastmath={"contract", "reassoc", "nsz"})
def weighted_moments(data, components, weights, log_prob, sums, products):  # type: ignore[no-untyped-def]
    """Do what :func:`whitened_moments` does with rows that count ``weights`` (N,) times.

    Each row's log density, unweighted, is written to ``log_prob`` (N,). Returns their weighted sum.
    """
    n_features, n_samples = data.shape
    n_components = components.log_const.shape[0]
    block = new_block(n_components, n_features)
    value = 0.0
    for start in range(0, n_samples, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_samples - start)
        allocate(data, start, n, components, block)
        for i in range(n):
            log_prob[start + i] = block.top[i] + math.log(block.total[i])
            value += weights[start + i] * log_prob[start + i]
            block.total[i] = weights[start + i] / block.total[i]
        for k in range(n_components):
            add_component(n, k, block, sums, products)
    return value
