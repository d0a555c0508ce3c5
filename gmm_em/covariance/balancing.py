"""Volumes of the components, and what they share, by turns.

With volumes given, the best common shape follows in closed form, and the other way round (Celeux &
Govaert 1995). The objective is convex in the logs (geodesically convex for
matrices, Wiesel 2012), so that the turns end in the one maximum. They are the
row and column scalings of Sinkhorn & Knopp (1967), which converge linearly.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.decomposed import LEAST_MOMENT

# Volumes that change by less than this, relatively, have converged.
_TOLERANCE = 1e-13
_MAX_TURNS = 2000
# A volume that changes by more than this factor, or a shape beyond it, has no limit: the likelihood
# has no maximum in the family.
_MOST = 1e100


def proportional_variances(moments: FloatArray, counts: FloatArray) -> FloatArray | None:
    """Variances ``volume_k * shape_j`` that fit sums of squares best.

    They minimise ``sum_kj n_k log(v_kj) + m_kj / v_kj`` for sums of squares m.

    Parameters
    ----------
    moments : ndarray, shape (K, D)
        Sums of squares along each axis.
    counts : ndarray, shape (K,)

    Returns
    -------
    ndarray, shape (K, D), or None where a row or a column of `moments` vanishes, or where
    a volume or the shape does so in the limit
    """
    if not (moments.sum(axis=0).min() > LEAST_MOMENT and moments.sum(axis=1).min() > LEAST_MOMENT):
        return None
    d, total = moments.shape[1], counts.sum()
    first = volumes = moments.sum(axis=1) / (d * counts)
    for _ in range(_MAX_TURNS):
        shape = (moments / volumes[:, None]).sum(axis=0) / total
        if not _is_bounded(shape):
            return None
        before, volumes = volumes, (moments / shape).sum(axis=1) / (d * counts)
        if not _is_bounded(volumes / first):
            return None
        if np.abs(volumes / before - 1.0).max() < _TOLERANCE:
            break
    return np.asarray(volumes[:, None] * shape)


def proportional_matrices(scatter: FloatArray, counts: FloatArray) -> FloatArray | None:
    """Matrices ``volume_k * C`` that fit scatters best.

    Parameters
    ----------
    scatter : ndarray, shape (K, D, D)
    counts : ndarray, shape (K,)

    Returns
    -------
    ndarray, shape (K, D, D), or None where a scatter vanishes, their sum is singular, or a volume
    vanishes or grows beyond all bounds
    """
    k, d, _ = scatter.shape
    traces = np.trace(scatter, axis1=1, axis2=2)
    if not (traces.min() > LEAST_MOMENT and np.linalg.slogdet(scatter.sum(axis=0))[0] > 0):
        return None
    flat, total = scatter.reshape(k, -1), counts.sum()
    first = volumes = traces / (d * counts)
    for _ in range(_MAX_TURNS):
        common = ((1.0 / volumes) @ flat).reshape(d, d) / total
        try:
            inverse = np.linalg.inv(common)
        except np.linalg.LinAlgError:
            # The determinant of a singular sum is often positive by rounding.
            return None
        before, volumes = volumes, flat @ inverse.ravel() / (d * counts)
        if not _is_bounded(volumes / first):
            return None
        if np.abs(volumes / before - 1.0).max() < _TOLERANCE:
            break
    return np.asarray(volumes[:, None, None] * common)


def _is_bounded(factors: FloatArray) -> bool:
    return bool(1.0 / _MOST < factors.min() <= factors.max() < _MOST)
