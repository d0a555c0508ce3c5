"""A scale matrix that all covariances share, integrated out of their prior, compiled.

Under :class:`gmm_bayes.HierarchicalPrior` the precisions P_g are Wishart given a scale matrix C,
and C is Wishart with rate matrix R. With C integrated out, the precisions have the density
``prod |P_g|**(a - (D + 1) / 2) * |R + sum P_g|**-power``, but for a constant.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.density.by_address import INTEGRATE_SCALE, call
from gmm_bayes.density.entries import Entry, load
from gmm_bayes.density.triangular import cholesky, invert_lower


@njit()
def add_precisions(whiteners, n_covariances, total):  # type: ignore[no-untyped-def]
    """Add the precisions ``W' W`` of the first `n_covariances` whiteners to `total` (D, D)."""
    d = total.shape[0]
    for g in range(n_covariances):
        whitener = whiteners[g]
        for i in range(d):
            for j in range(d):
                for m in range(max(i, j), d):
                    total[i, j] += whitener[m, i] * whitener[m, j]


@njit()
def integrate_scale(whiteners, n_covariances, rate, power, psi):  # type: ignore[no-untyped-def]
    """Write to `psi` (D, D) the fixed scale matrix that stands for C at these covariances.

    With ``M = rate + sum P_g``, the slope of ``-power log|M|`` in each P_g is ``-power M^-1``. That
    is the slope of ``-tr(psi P_g) / 2`` with ``psi = 2 power M^-1`` held fixed. So the caller may
    go on as if psi were an inverse-Wishart prior's scale matrix, and gets the right gradient.

    Returns
    -------
    float
        What the value then lacks: ``-power log|M| + tr(psi sum P_g) / 2``.
    """
    sizes = (whiteners.shape[0], rate.shape[0], n_covariances)
    # The power is a float64, of which the table's functions take arrays only.
    return call(INTEGRATE_SCALE, (sizes, whiteners, rate, np.full(1, power), psi))


@njit()
def _integrate_scale(whiteners, n_covariances, rate, power, psi):  # type: ignore[no-untyped-def]
    """Do what :func:`integrate_scale` does, in the one compiled copy."""
    d = rate.shape[0]
    factor = rate.copy()
    add_precisions(whiteners, n_covariances, factor)
    cholesky(factor)
    root = np.zeros((d, d))
    invert_lower(factor, root)
    # tr(M^-1 sum P_g) = D - tr(M^-1 rate)
    value = float(d)
    for i in range(d):
        value -= 2.0 * math.log(factor[i, i])
        for j in range(d):
            acc = 0.0
            for m in range(max(i, j), d):
                acc += root[m, i] * root[m, j]
            psi[i, j] = 2.0 * power * acc
            value -= acc * rate[i, j]
    return power * value


def _integrate_scale_at(k, d, n_covariances, whiteners, rate, power, psi):  # type: ignore[no-untyped-def]
    """Call :func:`_integrate_scale`."""
    return _integrate_scale(
        numba.carray(whiteners, (k, d, d)),
        n_covariances,
        numba.carray(rate, (d, d)),
        numba.carray(power, (1,))[0],
        numba.carray(psi, (d, d)),
    )


_INTEGRATE_SCALE = Entry(INTEGRATE_SCALE, _integrate_scale_at, "iiipppp")


def load_shared_scale() -> None:
    """Let compiled code find what integrates a shared scale matrix out."""
    load(_INTEGRATE_SCALE)
