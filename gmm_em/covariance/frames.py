"""Axes that several matrices have in common."""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray

# Its multiples have fractional parts that are spread out, whatever their number.
_GOLDEN = 0.6180339887498949


def shared_frame(covariances: FloatArray) -> FloatArray:
    """Return eigenvectors (D, D), as columns, that all the matrices (K, D, D) share.

    They are those of a weighted sum of the matrices. With weights that nothing singles out,
    eigenvalues of the sum differ wherever those of some matrix do.
    """
    k = covariances.shape[0]
    weights = 1.0 + np.arange(k) * _GOLDEN % 1.0
    traces = np.trace(covariances, axis1=1, axis2=2)
    mixed = np.tensordot(weights / traces, covariances, axes=1)
    return np.asarray(np.linalg.eigh(mixed)[1])


def moments_along(frame: FloatArray, matrices: FloatArray) -> FloatArray:
    """Quadratic forms of matrices (K, D, D) along the columns of a frame, shape (K, D)."""
    return np.asarray(((matrices @ frame) * frame).sum(axis=1))
