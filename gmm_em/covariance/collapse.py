"""When a component has collapsed: the one definition in the code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.types import FloatArray

COLLAPSED_SD = 1e-6
"""A component has collapsed where its standard deviation along its thinnest axis is below this.

Features are measured in standard deviations of a whole mixture. Thinner components are met only
where the likelihood has no upper bound: on a point, or on rows that are tied in some direction
(Day 1969).
"""


def collapsed(covariances: FloatArray, spread: FloatArray) -> NDArray[np.bool_]:
    """Return whether each of some components all but lies on a hyperplane.

    Parameters
    ----------
    covariances : ndarray of shape (..., D, D)
        Positive definite.
    spread : ndarray of shape (D,)
        Standard deviations of the features in the whole mixture, so that units do not matter.

    Returns
    -------
    ndarray of bool, shape (...)
    """
    thinnest = np.linalg.eigvalsh(covariances / (spread[:, None] * spread))[..., 0]
    return np.asarray(thinnest < COLLAPSED_SD**2)
