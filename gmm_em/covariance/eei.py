"""One diagonal matrix that all components share."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.layout import diagonal_matrices, triangle
from gmm_em.covariance.log_linear import LogLinear


class EqualDiagonal(LogLinear):
    """All components share one diagonal matrix (mclust's EEI)."""

    name = "EEI"
    mclust_name = "EEI"
    second = "pooled"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        variances = np.diagonal(scatter) / total
        return diagonal_matrices(np.repeat(variances[None], counts.shape[0], axis=0))

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = triangle(n_features)
        return np.eye(rows.shape[0])[:, rows == columns]

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        return diagonal_matrices(free[None] / np.sqrt(2.0))

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        return np.asarray(np.diagonal(gradient[0]) / np.sqrt(2.0))

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features

    @override
    def min_count(self, n_features: int) -> float:
        return 0.0
