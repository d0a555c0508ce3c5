"""Eigenvalues and eigenvectors of a small symmetric matrix, compiled."""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import njit

_SWEEPS = 60
"""Sweeps over all pairs of axes at most; a dozen are enough in double precision."""


@njit()
def ascending_eigenvectors(matrix, values, vectors):  # type: ignore[no-untyped-def]  # noqa: C901 - one textbook algorithm
    """Write the eigenvalues (D,) of a symmetric `matrix` (D, D), ascending, and its eigenvectors.

    The eigenvectors are the columns of `vectors` (D, D). Jacobi's method (Golub & Van Loan 2013,
    section 8.5): rotations in the plane of two axes make each entry off the diagonal zero in turn.
    """
    n = matrix.shape[0]
    a = matrix.copy()
    vectors[:, :] = np.eye(n)
    for _ in range(_SWEEPS):
        off, size = 0.0, 0.0
        for i in range(n):
            size += a[i, i] * a[i, i]
            for j in range(i):
                off += a[i, j] * a[i, j]
        if off <= 1e-32 * (size + off):
            break
        for p in range(n):
            for q in range(p + 1, n):
                if a[p, q] == 0.0:
                    continue
                ratio = 0.5 * (a[q, q] - a[p, p]) / a[p, q]
                t = 1.0 / (abs(ratio) + math.sqrt(1.0 + ratio * ratio))
                t = -t if ratio < 0.0 else t
                c = 1.0 / math.sqrt(1.0 + t * t)
                s = t * c
                for m in range(n):
                    left, right = a[m, p], a[m, q]
                    a[m, p], a[m, q] = c * left - s * right, s * left + c * right
                for m in range(n):
                    left, right = a[p, m], a[q, m]
                    a[p, m], a[q, m] = c * left - s * right, s * left + c * right
                    left, right = vectors[m, p], vectors[m, q]
                    vectors[m, p], vectors[m, q] = c * left - s * right, s * left + c * right
    for i in range(n):
        values[i] = a[i, i]
    # A few axes are sorted by exchanging neighbours.
    for last in range(n - 1, 0, -1):
        for i in range(last):
            if values[i] > values[i + 1]:
                values[i], values[i + 1] = values[i + 1], values[i]
                for m in range(n):
                    left = vectors[m, i]
                    vectors[m, i] = vectors[m, i + 1]
                    vectors[m, i + 1] = left
