"""Cholesky factors of small matrices and their inverses, compiled."""

from __future__ import annotations

import math

from gmm_bayes.core.jit import njit


@njit()
def cholesky(matrix):  # type: ignore[no-untyped-def]
    """Replace the lower triangle of `matrix` (D, D) by that of its Cholesky factor."""
    d = matrix.shape[0]
    for i in range(d):
        for j in range(i + 1):
            acc = matrix[i, j]
            for m in range(j):
                acc -= matrix[i, m] * matrix[j, m]
            matrix[i, j] = math.sqrt(acc) if i == j else acc / matrix[j, j]


@njit()
def invert_lower(factor, inverse):  # type: ignore[no-untyped-def]
    """Write the inverse of a lower triangular matrix (D, D) to `inverse`."""
    d = factor.shape[0]
    for i in range(d):
        inverse[i, i] = 1.0 / factor[i, i]
        for j in range(i):
            acc = 0.0
            for m in range(j, i):
                acc += factor[i, m] * inverse[m, j]
            inverse[i, j] = -acc / factor[i, i]
