"""One diagonal matrix for every component."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.layout import diagonal_matrices, triangle
from gmm_em.covariance.log_linear import LogLinear


class Diagonal(LogLinear):
    """Every component has its own diagonal matrix (mclust's VVI)."""

    name = "diag"
    mclust_name = "VVI"
    second = "diagonal"
    separate = True
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        return diagonal_matrices(scatter / counts[:, None])

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = triangle(n_features)
        return np.eye(rows.shape[0])[:, rows == columns]

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        return diagonal_matrices(
            free.reshape(roots.shape[0], n_features) / (np.sqrt(2.0) * roots[:, None])
        )

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        diagonals = np.diagonal(gradient, axis1=1, axis2=2)
        return np.asarray(diagonals / (np.sqrt(2.0) * roots[:, None])).ravel()

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return np.diagonal(covariances, axis1=1, axis2=2).copy()

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return diagonal_matrices(compact)

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    @override
    def min_count(self, n_features: int) -> float:
        return 2.0
