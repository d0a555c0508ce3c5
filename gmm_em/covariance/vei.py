"""Diagonal matrices that are proportional to each other."""

from __future__ import annotations

from typing import override

from gmm_em.core.types import FloatArray
from gmm_em.covariance.balancing import proportional_variances
from gmm_em.covariance.decomposed import Decomposed, unrestricted
from gmm_em.covariance.layout import diagonal_matrices


class ProportionalDiagonal(Decomposed):
    """Each component has its own multiple of one diagonal matrix (mclust's VEI)."""

    name = "VEI"
    mclust_name = "VEI"
    second = "diagonal"
    own_volume = True
    own_shape = False
    orientation = "axes"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        variances = proportional_variances(scatter, counts)
        return unrestricted(counts, scatter) if variances is None else diagonal_matrices(variances)
