"""One unrestricted matrix for every component."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.layout import triangle
from gmm_em.covariance.log_linear import LogLinear


class Full(LogLinear):
    """Every component has its own matrix (mclust's VVV)."""

    name = "full"
    mclust_name = "VVV"
    second = "full"
    separate = True
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        return scatter / counts[:, None, None]

    @override
    def basis(self, n_features: int) -> FloatArray:
        return np.eye(n_features * (n_features + 1) // 2)

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        rows, columns, scale = triangle(n_features)
        out = np.zeros((roots.shape[0], n_features, n_features))
        out[:, rows, columns] = free.reshape(roots.shape[0], -1) * scale / roots[:, None]
        return out

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        rows, columns, scale = triangle(gradient.shape[1])
        return (gradient[:, rows, columns] * scale / roots[:, None]).ravel()

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    @override
    def min_count(self, n_features: int) -> float:
        return n_features + 1.0
