"""Matrices with common axes."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.common_axes import CommonAxes


class OwnVariancesCommonAxes(CommonAxes):
    """Components share axes, and have their own variances along them (mclust's VVE)."""

    name = "VVE"
    mclust_name = "VVE"
    own_volume = True
    exchangeable = True

    @override
    def variances(self, moments: FloatArray, counts: FloatArray) -> FloatArray:
        return np.asarray(moments / counts[:, None])
