"""Matrices of the same shape."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.balancing import proportional_variances
from gmm_em.covariance.decomposed import Decomposed, unrestricted


class EqualShape(Decomposed):
    """Components have one shape, with their own volumes and orientations (mclust's VEV)."""

    name = "VEV"
    mclust_name = "VEV"
    second = "full"
    common_scale = True
    own_volume = True
    own_shape = False
    orientation = "own"
    exchangeable = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        # Each component's axes are its own scatter's, in the same order (Celeux & Govaert
        # 1995).
        values, axes = np.linalg.eigh(scatter)
        variances = proportional_variances(np.maximum(values, 0.0), counts)
        if variances is None:
            return unrestricted(counts, scatter)
        return np.asarray((axes * variances[:, None, :]) @ axes.transpose(0, 2, 1))
