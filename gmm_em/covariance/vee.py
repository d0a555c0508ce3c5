"""Matrices that are proportional to each other."""

from __future__ import annotations

from typing import override

from gmm_em.core.types import FloatArray
from gmm_em.covariance.balancing import proportional_matrices
from gmm_em.covariance.decomposed import Decomposed, unrestricted
from gmm_em.covariance.scaled_cholesky import ScaledCholesky


class Proportional(Decomposed):
    """Each component has its own multiple of one matrix (mclust's VEE)."""

    name = "VEE"
    mclust_name = "VEE"
    second = "full"
    own_volume = True
    own_shape = False
    orientation = "common"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        matrices = proportional_matrices(scatter, counts)
        return unrestricted(counts, scatter) if matrices is None else matrices

    @override
    def coordinates(self, covariances: FloatArray, roots: FloatArray) -> ScaledCholesky:
        return ScaledCholesky(covariances, roots, own_volume=True, own_rest=False)

    @override
    def natural(self, covariances: FloatArray) -> ScaledCholesky:
        return ScaledCholesky(covariances, None, own_volume=True, own_rest=False)
