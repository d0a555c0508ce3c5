"""The log posterior as a function of two arrays, which C code can call.

Data, prior and sizes are packed into one array of float64, because nutpie hands a compiled density
a single pointer.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from gmm_bayes.core.jit import cached_on_disk, inlined, njit
from gmm_bayes.density.by_address import POINTER, address_at, call_at
from gmm_bayes.density.inputs import PackedPrior, Rows

DECOMPOSED = 2.0
"""Stands in the header for covariances by volume, shape and orientation."""

N_SIZES = 7
"""Numbers at the start that say how long the arrays are, and whether covariances are shared."""

HEADER = 13
"""Numbers before the arrays: sizes, and the scalars of the prior."""

AT_LAST_LENGTH = 4
"""Where the header has the length of the prior's last array."""

AT_SIZE = 6
"""Where the header has the length of the whole array."""


@njit()
def packed_log_density(theta, packed, gradient):  # type: ignore[no-untyped-def]
    """Return the log posterior density at `theta` (n,); write its gradient to `gradient` (n,).

    ``packed`` is that of :func:`weighted_log_density`.
    """
    none = np.empty(0)
    return weighted_log_density(theta, packed, gradient, none, none)


@njit()
def weighted_log_density(theta, packed, gradient, row_weights, row_log_prob):  # type: ignore[no-untyped-def]
    """Return the log density with rows that count ``row_weights`` times; write its gradient.

    The last two arguments are those of :func:`gmm_bayes.density.closed_form.log_density`.
    ``packed`` holds as float64 what :class:`gmm_bayes.density.log_posterior.LogPosterior` writes.
    First the header: the number N of complete rows; D; 1 where all components have one covariance,
    2 where they share some of volume, shape and orientation, otherwise 0; the lengths s and p of
    the last two arrays of the prior, in general the numbers of standard deviations and of partial
    correlations of a covariance; the number P of patterns of incomplete rows; the length of
    ``packed``; and the first six numbers of :class:`gmm_bayes.density.inputs.PackedPrior`. Then its
    arrays: ``mean_loc`` (D,), ``mean_precision`` (D,), ``psi`` (D, D), ``sd_precision`` (s,) and
    ``shapes`` (p,). Last the standardised complete rows (D, N), the table of patterns (P, 1 + D)
    and the values of the incomplete rows.
    """
    address = address_at(1 if packed[2] == DECOMPOSED else 0)
    if address == 0:
        raise RuntimeError("the density is not loaded; gmm_bayes.density.loading has to load it")
    return call_at(address, theta, packed, gradient, row_weights, row_log_prob)


@inlined()
def unpacked_prior(packed):  # type: ignore[no-untyped-def]
    """Return the :class:`PackedPrior` that `packed` holds, and where the data start."""
    n_features = int(packed[1])
    at_precision = HEADER + n_features
    at_psi = at_precision + n_features
    at_sds = at_psi + n_features * n_features
    at_shapes = at_sds + int(packed[3])
    at_data = at_shapes + int(packed[4])
    prior = PackedPrior(
        packed[7],
        packed[8],
        packed[9],
        packed[10],
        packed[11],
        packed[12],
        packed[HEADER:at_precision],
        packed[at_precision:at_psi],
        packed[at_psi:at_sds].reshape(n_features, n_features),
        packed[at_sds:at_shapes],
        packed[at_shapes:at_data],
    )
    return prior, at_data


@inlined()
def unpacked_rows(packed, at_data):  # type: ignore[no-untyped-def]
    """Return the :class:`gmm_bayes.density.inputs.Rows` that `packed` holds from there on."""
    n_samples, n_features, n_patterns = int(packed[0]), int(packed[1]), int(packed[5])
    at_patterns = at_data + n_features * n_samples
    at_values = at_patterns + n_patterns * (1 + n_features)
    return Rows(
        packed[at_data:at_patterns].reshape(n_features, n_samples),
        packed[at_patterns:at_values].reshape(n_patterns, 1 + n_features),
        packed[at_values:],
    )


@cached_on_disk(
    numba.cfunc,
    types.int64(types.uint64, POINTER, POINTER, POINTER, types.voidptr),
    error_model="numpy",
)
def c_log_density(dim, theta, gradient, value, packed):  # type: ignore[no-untyped-def]
    """Evaluate :func:`packed_log_density` for a caller in C, without the interpreter.

    Returns 0, or 1 where the density or its gradient is not finite.
    """
    head = numba.carray(packed, (HEADER,), np.float64)
    size = int(head[AT_SIZE])
    slope = numba.carray(gradient, (dim,))
    log_density = packed_log_density(
        numba.carray(theta, (dim,)), numba.carray(packed, (size,), np.float64), slope
    )
    numba.carray(value, (1,))[0] = log_density
    total = log_density
    for i in range(dim):
        total += slope[i]
    return 0 if math.isfinite(total) else 1


@cached_on_disk(
    numba.cfunc, types.int64(types.uint64, types.uint64, POINTER, POINTER, types.voidptr)
)
def c_copy(dim, n_expanded, theta, out, packed):  # type: ignore[no-untyped-def]
    """Copy the unconstrained vector to what nutpie keeps of a draw.

    Draws are turned into mixtures later, all at once. Returns 0, or -1 if the sizes differ.
    """
    if dim != n_expanded:
        return -1
    source, target = numba.carray(theta, (dim,)), numba.carray(out, (dim,))
    for i in range(dim):
        target[i] = source[i]
    return 0
