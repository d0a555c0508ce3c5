"""Moments of a mixture's features."""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray


def variances(
    weights: FloatArray, means: FloatArray, covariances: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Variance of each feature within the components of a mixture, and between their means.

    Both add up to the feature's variance.

    Parameters
    ----------
    weights : ndarray, shape (K,)
        Their sum is 1.
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)

    Returns
    -------
    within, between : ndarray, shape (D,)
    """
    within = weights @ np.diagonal(covariances, axis1=1, axis2=2)
    between = weights @ (means - weights @ means) ** 2
    return np.asarray(within), np.asarray(between)
