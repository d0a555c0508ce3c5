"""Any matrices, brought into the family of a structure."""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure


def structured(
    structure: CovarianceStructure, counts: FloatArray, covariances: FloatArray
) -> FloatArray:
    """Return the matrices of a structure that are closest to given ones, as its M-step sees it.

    Parameters
    ----------
    structure : CovarianceStructure
    counts : ndarray, shape (K,)
        Weights or counts of the components.
    covariances : ndarray, shape (K, D, D)
    """
    # A component without rows, which a prior allows, has a matrix all the same.
    counts = np.maximum(counts, 1e-12 * counts.sum())
    scatter = covariances * counts[:, None, None]
    second: FloatArray = scatter
    if structure.second == "diagonal":
        second = np.diagonal(scatter, axis1=1, axis2=2)
    elif structure.second == "pooled":
        second = scatter.sum(axis=0)
    return structure.covariances(counts, second, float(counts.sum()))
