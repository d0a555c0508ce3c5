"""How the entries of symmetric and diagonal matrices are laid out and summed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from gmm_em.core.types import FloatArray, IndexArray, Second


@lru_cache(maxsize=32)
def triangle(n_features: int) -> tuple[IndexArray, IndexArray, FloatArray]:
    """Lower triangle: its rows, its columns, and the scale of a unit step of information."""
    rows, columns = np.tril_indices(n_features)
    triangle = (
        rows.astype(np.intp),
        columns.astype(np.intp),
        np.where(rows == columns, np.sqrt(0.5), 1.0),
    )
    for shared in triangle:
        shared.flags.writeable = False
    return triangle


def diagonal_matrices(variances: FloatArray) -> FloatArray:
    """Return diagonal matrices (K, D, D) with the given diagonals (K, D)."""
    n_components, n_features = variances.shape
    out = np.zeros((n_components, n_features, n_features), dtype=variances.dtype)
    index = np.arange(n_features)
    out[:, index, index] = variances
    return out


def scaled_identities(variances: FloatArray, n_features: int) -> FloatArray:
    """Return multiples of the identity (K, D, D) by the given factors (K,)."""
    return diagonal_matrices(np.repeat(variances[:, None], n_features, axis=1))


_REDUCTIONS: dict[Second, Callable[[FloatArray], FloatArray]] = {
    "full": lambda matrices: matrices,
    "diagonal": lambda matrices: np.diagonal(matrices, axis1=1, axis2=2),
    "pooled": lambda matrices: np.asarray(matrices.sum(axis=0)),
}


def reduce_second(second: Second, matrices: FloatArray) -> FloatArray:
    """Keep of second moments (K, D, D) what an M-step needs.

    Parameters
    ----------
    second : {"full", "diagonal", "pooled"}
    matrices : ndarray, shape (K, D, D)

    Returns
    -------
    ndarray, shape (K, D, D), (K, D) or (D, D)
        All matrices, their diagonals, or their sum. The diagonals are a read-only view.
    """
    return _REDUCTIONS[second](matrices)
