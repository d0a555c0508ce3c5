"""How the entries of symmetric and diagonal matrices are laid out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.types import FloatArray

IndexArray = NDArray[np.intp]


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
    n_components, n_features = variances.shape
    out = np.zeros((n_components, n_features, n_features), dtype=variances.dtype)
    index = np.arange(n_features)
    out[:, index, index] = variances
    return out
