"""The log posterior of one packed array, callable from compiled code."""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types

from gmm_bayes.core.jit import compiled, njit
from gmm_bayes.density.compiled import log_density

HEADER = 10


@njit()
def packed_log_density(theta, packed, gradient):  # type: ignore[no-untyped-def]
    """Return the log posterior density at `theta` (n,); write its gradient to `gradient` (n,).

    ``packed`` holds, as float64, what
    :class:`gmm_bayes.density.log_posterior.LogPosterior` writes: N; D; 1 where
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
    return log_density(
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


POINTER = types.CPointer(types.float64)


@compiled(
    numba.cfunc,
    types.int64(types.uint64, POINTER, POINTER, POINTER, types.voidptr),
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


@compiled(numba.cfunc, types.int64(types.uint64, types.uint64, POINTER, POINTER, types.voidptr))
def c_copy(dim, n_expanded, theta, out, packed):  # type: ignore[no-untyped-def]
    """Copy the unconstrained vector: draws are turned into mixtures later, all at once."""
    if dim != n_expanded:
        return -1
    source, target = numba.carray(theta, (dim,)), numba.carray(out, (dim,))
    for i in range(dim):
        target[i] = source[i]
    return 0
