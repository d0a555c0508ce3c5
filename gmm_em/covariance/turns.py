"""Newton's step for axes that several matrices share.

The axes Q turn by the Cayley transform C of a skew-symmetric W with one coordinate for each pair of
axes, and the moments m along them are the diagonals of ``C^T B C`` with ``B = Q^T S Q``. To second
order the change of B is ``[B, W] + [[B, W], W] / 2``.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray

# No pair of axes turns by more than this, in radians, in a step.
_LONGEST = 0.5


def newton_turns(
    rotated: FloatArray, precisions: FloatArray, coupling: FloatArray, least: float
) -> FloatArray:
    """Return Newton's step for the cost of the axes, a coordinate for each pair of them.

    Parameters
    ----------
    rotated : ndarray, shape (K, D, D)
        Scatters along the present axes, B.
    precisions : ndarray, shape (K, D)
        Derivatives of the cost by the moments along the axes.
    coupling : ndarray, shape (K, K)
        Second derivatives of the cost by the components' sums of log-moments.
    least : float
        Curvatures smaller than this are taken as this; negative ones by their size, so that the
        step goes downhill.
    """
    d = rotated.shape[1]
    rows, columns = np.tril_indices(d, -1)
    pairs = np.arange(rows.shape[0])
    moments = np.diagonal(rotated, axis1=1, axis2=2)
    between = rotated[:, rows, columns]
    apart = precisions[:, rows] - precisions[:, columns]
    slopes = np.zeros((rotated.shape[0], rows.shape[0], d))
    slopes[:, pairs, rows] = -2.0 * between
    slopes[:, pairs, columns] = 2.0 * between
    units = np.zeros((rows.shape[0], d, d))
    units[pairs, rows, columns], units[pairs, columns, rows] = 1.0, -1.0
    commuted = rotated[:, None] @ units - units @ rotated[:, None]
    twice = -2.0 * np.einsum("kil,kl->il", commuted[:, :, rows, columns], apart)
    relative = slopes / moments[:, None, :]
    # The cost's second derivative by a log-moment alone is that of the logarithm.
    single = np.einsum("kij,kj,klj->il", relative, precisions * moments, relative)
    sums = relative.sum(axis=2)
    hessian = 0.5 * (twice + twice.T) - single + sums.T @ coupling @ sums
    gradient = -2.0 * (between * apart).sum(axis=0)
    values, vectors = np.linalg.eigh(hessian)
    step = -(vectors / np.maximum(np.abs(values), least)) @ (vectors.T @ gradient)
    longest = float(np.abs(step).max(initial=0.0))
    return np.asarray(step if longest <= _LONGEST else step * (_LONGEST / longest))


def rotation(turns: FloatArray, n_features: int) -> FloatArray:
    """Return the Cayley transform (D, D) of a coordinate for each pair of axes."""
    rows, columns = np.tril_indices(n_features, -1)
    skew = np.zeros((n_features, n_features))
    skew[rows, columns], skew[columns, rows] = turns, -turns
    identity = np.eye(n_features)
    return np.asarray(np.linalg.solve(identity - 0.5 * skew, identity + 0.5 * skew))
