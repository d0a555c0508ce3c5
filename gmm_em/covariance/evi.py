"""Diagonal matrices of the same determinant."""

from __future__ import annotations

from typing import override

from gmm_em.core.types import FloatArray
from gmm_em.covariance.decomposed import LEAST_MOMENT, Decomposed, geometric_means, unrestricted
from gmm_em.covariance.layout import diagonal_matrices


class EqualVolumeDiagonal(Decomposed):
    """Each component has its own diagonal matrix, all of one determinant (mclust's EVI)."""

    name = "EVI"
    mclust_name = "EVI"
    second = "diagonal"
    own_volume = False
    own_shape = True
    orientation = "axes"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        if not scatter.min() > LEAST_MOMENT:
            return unrestricted(counts, scatter)
        means = geometric_means(scatter)
        # The volume is the mean of the components' own (Celeux & Govaert 1995).
        return diagonal_matrices(scatter / means[:, None] * (means.sum() / total))
