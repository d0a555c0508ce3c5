"""The loops over rows, compiled once and called by address.

Their sums may be reassociated, so that the compiler can vectorise them. So they must be compiled
once: two copies, optimised with different callers, would round differently
(:mod:`gmm_bayes.density.by_address`). Each entry consists of parts that numba copies into it, and
calls no function by name.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from gmm_bayes.core.jit import inlined
from gmm_bayes.density.by_address import (
    ALLOCATE,
    EXP_BELOW,
    LOG_LIKELIHOOD,
    WHITENED_MOMENTS,
    call,
)
from gmm_bayes.density.entries import Entry, load
from gmm_bayes.density.moments import BLOCK_ROWS, Block, FactorisedMixture, Sums, new_block

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

_EXP_MIN = -300.0
"""Below, a responsibility is as good as zero.

Its products with deviations must not be so small that they are denormal: processors take a hundred
times as long for such numbers.
"""


@inlined()
def _exp_below(x, top, rounded, bits, out, out_bits, n):  # type: ignore[no-untyped-def]
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


@inlined()
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


@inlined()
def _allocate(data, start, n, components, block):  # type: ignore[no-untyped-def]
    """Do what :func:`gmm_bayes.density.moments.allocate` does."""
    log_prob, resp, top, total = block.log_prob, block.resp, block.top, block.total
    n_components = components.log_const.shape[0]
    rounded = np.empty(BLOCK_ROWS)
    for k in range(n_components):
        _component_densities(data, start, n, k, components, block)
    for i in range(n):
        top[i] = log_prob[0, i]
        total[i] = 0.0
    for k in range(1, n_components):
        for i in range(n):
            top[i] = max(top[i], log_prob[k, i])
    for k in range(n_components):
        call(EXP_BELOW, (log_prob[k], top, rounded, resp[k], n))
        for i in range(n):
            total[i] += resp[k, i]


@inlined()
def _block_log_likelihood(n, block):  # type: ignore[no-untyped-def]
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


@inlined()
def _add_component(n, k, block, sums, products):  # type: ignore[no-untyped-def]
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


@inlined()
def _whitened_moments(  # type: ignore[no-untyped-def]
    data, row_weights, row_log_prob, start, stop, components, sums, products
):
    """Do what :func:`gmm_bayes.density.moments.moments_of_part` does."""
    n_components = components.log_const.shape[0]
    block = new_block(n_components, data.shape[0])
    value = 0.0
    for first in range(start, stop, BLOCK_ROWS):
        n = min(BLOCK_ROWS, stop - first)
        _allocate(data, first, n, components, block)
        if row_weights.shape[0] == 0:
            value += _block_log_likelihood(n, block)
            for i in range(n):
                block.total[i] = 1.0 / block.total[i]
        else:
            for i in range(n):
                weight = row_weights[first + i]
                block.top[i] += math.log(block.total[i])
                value += weight * block.top[i]
                block.total[i] = weight / block.total[i]
            # In a loop of its own: compiled code chooses a loop by whether the addresses of arrays
            # overlap, and those of an array without entries may be anywhere.
            if row_log_prob.shape[0] > 0:
                for i in range(n):
                    row_log_prob[first + i] = block.top[i]
        for k in range(n_components):
            _add_component(n, k, block, sums, products)
    return value


@inlined()
def _log_likelihood(data, components):  # type: ignore[no-untyped-def]
    """Do what :func:`gmm_bayes.density.moments.log_likelihood` does."""
    n_features, n_samples = data.shape
    block = new_block(components.log_const.shape[0], n_features)
    value = 0.0
    for start in range(0, n_samples, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_samples - start)
        _allocate(data, start, n, components, block)
        value += _block_log_likelihood(n, block)
    return value


@inlined()
def _components(n_features, n_components, log_const, means, whiteners):  # type: ignore[no-untyped-def]
    """Return the mixture at three addresses."""
    return FactorisedMixture(
        numba.carray(log_const, (n_components,)),
        numba.carray(means, (n_components, n_features)),
        numba.carray(whiteners, (n_components, n_features, n_features)),
    )


@inlined()
def _sums(n_features, n_components, counts, first, second):  # type: ignore[no-untyped-def]
    """Return the sums at three addresses."""
    return Sums(
        numba.carray(counts, (n_components,)),
        numba.carray(first, (n_components, n_features)),
        numba.carray(second, (n_components, n_features, n_features)),
    )


def _exp_below_at(x, top, rounded, out, n):  # type: ignore[no-untyped-def]
    """Call :func:`_exp_below`."""
    numbers, target = numba.carray(rounded, (n,)), numba.carray(out, (n,))
    bits, target_bits = numbers.view(np.int64), target.view(np.int64)
    _exp_below(
        numba.carray(x, (n,)), numba.carray(top, (n,)), numbers, bits, target, target_bits, n
    )
    return 0.0


def _allocate_at(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - arrays by their addresses
    n_samples,
    d,
    k,
    data,
    start,
    n,
    log_const,
    means,
    whiteners,
    residual,
    white,
    log_prob,
    resp,
    top,
    total,
):
    """Call :func:`_allocate`."""
    block = Block(
        numba.carray(residual, (d, BLOCK_ROWS)),
        numba.carray(white, (k, d, BLOCK_ROWS)),
        numba.carray(log_prob, (k, BLOCK_ROWS)),
        numba.carray(resp, (k, BLOCK_ROWS)),
        numba.carray(top, (BLOCK_ROWS,)),
        numba.carray(total, (BLOCK_ROWS,)),
    )
    components = _components(d, k, log_const, means, whiteners)
    _allocate(numba.carray(data, (d, n_samples)), start, n, components, block)
    return 0.0


def _whitened_moments_at(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - arrays by their addresses
    n_samples,
    d,
    k,
    data,
    row_weights,
    n_weights,
    row_log_prob,
    n_log_prob,
    start,
    stop,
    log_const,
    means,
    whiteners,
    counts,
    first,
    second,
    products,
):
    """Call :func:`_whitened_moments`."""
    return _whitened_moments(
        numba.carray(data, (d, n_samples)),
        numba.carray(row_weights, (n_weights,)),
        numba.carray(row_log_prob, (n_log_prob,)),
        start,
        stop,
        _components(d, k, log_const, means, whiteners),
        _sums(d, k, counts, first, second),
        products != 0,
    )


def _log_likelihood_at(n_samples, d, k, data, log_const, means, whiteners):  # type: ignore[no-untyped-def]
    """Call :func:`_log_likelihood`."""
    return _log_likelihood(
        numba.carray(data, (d, n_samples)), _components(d, k, log_const, means, whiteners)
    )


_REASSOCIATED = frozenset({"contract", "reassoc", "nsz"})

# In `_exp_below` LLVM must not reassociate: (t + _ROUND) - _ROUND rounds t to an integer.
_EXP_BELOW = Entry(EXP_BELOW, _exp_below_at, "ppppi", frozenset({"contract"}))
_ALLOCATE = Entry(ALLOCATE, _allocate_at, "iiipiippppppppp", _REASSOCIATED)
_MOMENTS = Entry(WHITENED_MOMENTS, _whitened_moments_at, "iiippipiiippppppi", _REASSOCIATED)
_LOG_LIKELIHOOD = Entry(LOG_LIKELIHOOD, _log_likelihood_at, "iiipppp", _REASSOCIATED)


def load_moments() -> None:
    """Let compiled code find the loop for moments, which is all that a density needs."""
    load(_EXP_BELOW, _MOMENTS)


def load_row_loops() -> None:
    """Let compiled code find all loops over rows."""
    load(_EXP_BELOW, _ALLOCATE, _MOMENTS, _LOG_LIKELIHOOD)
