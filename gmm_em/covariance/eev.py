"""Matrices that are rotations of each other."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.decomposed import Decomposed


class Rotated(Decomposed):
    """All components have the same volume and shape, turned differently (mclust's EEV)."""

    name = "EEV"
    mclust_name = "EEV"
    second = "full"
    common_scale = True
    own_volume = False
    own_shape = False
    orientation = "own"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        # Each component's axes are its own scatter's, in the same order (Celeux & Govaert
        # 1995).
        values, axes = np.linalg.eigh(scatter)
        variances = values.sum(axis=0) / total
        return np.asarray((axes * variances) @ axes.transpose(0, 2, 1))

    @override
    def min_count(self, n_features: int) -> float:
        return 0.0
