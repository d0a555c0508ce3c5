"""One matrix that all components share."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.layout import triangle
from gmm_em.covariance.log_linear import LogLinear


class Tied(LogLinear):
    """All components share one matrix (mclust's EEE)."""

    name = "tied"
    mclust_name = "EEE"
    second = "pooled"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        return np.repeat(scatter[None] / total, counts.shape[0], axis=0)

    @override
    def basis(self, n_features: int) -> FloatArray:
        return np.eye(n_features * (n_features + 1) // 2)

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        rows, columns, scale = triangle(n_features)
        out = np.zeros((1, n_features, n_features))
        out[0, rows, columns] = free * scale
        return out

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        rows, columns, scale = triangle(gradient.shape[1])
        return np.asarray(gradient[0, rows, columns] * scale)

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return np.asarray(covariances[0])

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return np.repeat(compact[None], n_components, axis=0)

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    @override
    def min_count(self, n_features: int) -> float:
        return 0.0
