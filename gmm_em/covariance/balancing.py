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
    ndarray, shape (K, D), or None where a row or a column of `moments` vanishes
    """
    if not (moments.sum(axis=0).min() > LEAST_MOMENT and moments.sum(axis=1).min() > LEAST_MOMENT):
        return None
    d, total = moments.shape[1], counts.sum()
    volumes = moments.sum(axis=1) / (d * counts)
    for _ in range(_MAX_TURNS):
        shape = (moments / volumes[:, None]).sum(axis=0) / total
        before, volumes = volumes, (moments / shape).sum(axis=1) / (d * counts)
        if not volumes.min() > LEAST_MOMENT:
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
    ndarray, shape (K, D, D), or None where a scatter vanishes or their sum is singular
    """
    k, d, _ = scatter.shape
    traces = np.trace(scatter, axis1=1, axis2=2)
    if not (traces.min() > LEAST_MOMENT and np.linalg.slogdet(scatter.sum(axis=0))[0] > 0):
        return None
    flat, total = scatter.reshape(k, -1), counts.sum()
    volumes = traces / (d * counts)
    for _ in range(_MAX_TURNS):
        common = ((1.0 / volumes) @ flat).reshape(d, d) / total
        before, volumes = volumes, flat @ np.linalg.inv(common).ravel() / (d * counts)
        if not volumes.min() > LEAST_MOMENT:
            return None
        if np.abs(volumes / before - 1.0).max() < _TOLERANCE:
            break
    return np.asarray(volumes[:, None, None] * common)
