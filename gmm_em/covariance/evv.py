"""Matrices of the same determinant."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.decomposed import LEAST_MOMENT, Decomposed, unrestricted
from gmm_em.covariance.scaled_cholesky import ScaledCholesky


class EqualVolume(Decomposed):
    """Each component has its own matrix, all of one determinant (mclust's EVV)."""

    name = "EVV"
    mclust_name = "EVV"
    second = "full"
    own_volume = False
    own_shape = True
    orientation = "own"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        signs, log_dets = np.linalg.slogdet(scatter)
        roots = np.exp(log_dets / scatter.shape[1])
        if not (signs.min() > 0 and roots.min() > LEAST_MOMENT):
            return unrestricted(counts, scatter)
        # The volume is the mean of the components' own (Celeux & Govaert 1995).
        return np.asarray(scatter * (roots.sum() / (total * roots))[:, None, None])

    @override
    def coordinates(self, covariances: FloatArray, roots: FloatArray) -> ScaledCholesky:
        return ScaledCholesky(covariances, roots, own_volume=False, own_rest=True)

    @override
    def natural(self, covariances: FloatArray) -> ScaledCholesky:
        return ScaledCholesky(covariances, None, own_volume=False, own_rest=True)

    @override
    def min_count(self, n_features: int) -> float:
        return n_features + 1.0
