"""One variance for all components and features."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.layout import scaled_identities, triangle
from gmm_em.covariance.log_linear import LogLinear


class EqualSpherical(LogLinear):
    """All components share one variance for all features (mclust's EII)."""

    name = "EII"
    mclust_name = "EII"
    second = "pooled"
    common_scale = True
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        d = scatter.shape[0]
        variance = np.trace(scatter) / (d * total)
        return scaled_identities(np.full(counts.shape, variance), d)

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = triangle(n_features)
        return np.asarray((rows == columns).astype(np.float64)[:, None])

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        return scaled_identities(free / np.sqrt(2.0 * n_features), n_features)

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        traces = np.trace(gradient, axis1=1, axis2=2)
        return np.asarray(traces / np.sqrt(2.0 * gradient.shape[1]))

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1

    @override
    def min_count(self, n_features: int) -> float:
        return 0.0
