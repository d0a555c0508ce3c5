"""One variance for every component."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.layout import scaled_identities, triangle
from gmm_em.covariance.log_linear import LogLinear


class Spherical(LogLinear):
    """Every component has one variance for all features (mclust's VII)."""

    name = "spherical"
    mclust_name = "VII"
    second = "diagonal"
    separate = True
    common_scale = True
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        n_features = scatter.shape[1]
        variances = scatter.sum(axis=1) / (n_features * counts)
        return scaled_identities(variances, n_features)

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = triangle(n_features)
        return np.asarray((rows == columns).astype(np.float64)[:, None])

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        return scaled_identities(free / (np.sqrt(2.0 * n_features) * roots), n_features)

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        traces = np.trace(gradient, axis1=1, axis2=2)
        return np.asarray(traces / (np.sqrt(2.0 * gradient.shape[1]) * roots))

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return covariances[:, 0, 0].copy()

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return scaled_identities(compact, n_features)

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    @override
    def min_count(self, n_features: int) -> float:
        return 2.0
