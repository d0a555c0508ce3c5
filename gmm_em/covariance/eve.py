"""Matrices with common axes and the same determinant."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.common_axes import CommonAxes
from gmm_em.covariance.decomposed import geometric_means


class EqualVolumeCommonAxes(CommonAxes):
    """Components share axes and volume, and have their own shapes (mclust's EVE)."""

    name = "EVE"
    mclust_name = "EVE"
    own_volume = False
    exchangeable = True

    @override
    def variances(self, moments: FloatArray, counts: FloatArray) -> FloatArray:
        means = geometric_means(moments)
        return np.asarray(moments / means[:, None] * (means.sum() / counts.sum()))

    @override
    def coupling(self, moments: FloatArray, counts: FloatArray) -> FloatArray:
        # The cost is n D log(sum_k exp(mean of the log-moments)).
        means = geometric_means(moments)
        shares = means / means.sum()
        by_means = np.diag(shares) - np.outer(shares, shares)
        return np.asarray(counts.sum() / moments.shape[1] * by_means)
