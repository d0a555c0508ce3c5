"""A step beyond two steps of EM, for many runs at once.

Near a maximum EM shrinks every error by a constant factor, so that two successive steps show how
far the slowest error still has to go. Squared extrapolation (Varadhan & Roland 2008, scheme S3)
goes there at once. It needs no gradient and no curvature, only the mixtures.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.rows.samples import Parameters

# Steps are lengthened by at most so much.
_LONGEST = 64.0
_TINY = float(np.finfo(np.float64).tiny)


def extrapolated(
    first: Parameters, second: Parameters, third: Parameters
) -> tuple[Parameters, FloatArray]:
    """Extrapolate two successive steps of EM, of R runs.

    Coordinates are logarithms of weights, means, and covariances, all relative to the components
    of the first mixture and in units of the complete data's information. What is proposed does
    not depend on the units or the order of the features, and is positive semidefinite.

    Parameters
    ----------
    first, second, third : Parameters
        Arrays with a leading axis of length R. The second and the third are where one step of EM
        leads from the one before.

    Returns
    -------
    proposal : Parameters
        Its covariances may be outside the family of a structure.
    lengths : ndarray, shape (R,)
        How much longer than one step of EM; at least 1.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance of a first mixture is singular.
    """
    factors = np.linalg.cholesky(first.covariances)
    whiteners = np.linalg.inv(factors)
    roots = np.sqrt(np.maximum(first.weights, 1e-10))
    x = _relative(first, second, whiteners, roots)
    y = _relative(first, third, whiteners, roots)
    bends = [b - 2.0 * a for a, b in zip(x, y, strict=True)]
    ratio = _norm(x) / np.maximum(_norm(bends), _TINY)
    lengths = np.clip(ratio, 1.0, _LONGEST)
    labels, steps, changes = (
        2.0 * _spread(lengths, a) * a + _spread(lengths, a) ** 2 * b
        for a, b in zip(x, bends, strict=True)
    )
    # A step far too long overflows; it is not taken.
    with np.errstate(over="ignore", invalid="ignore"):
        logits = np.log(np.maximum(first.weights, _TINY)) + labels / roots
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        means = first.means + (factors @ (steps / roots[..., None])[..., None])[..., 0]
        halves = np.eye(means.shape[-1]) + 0.5 * changes / roots[..., None, None]
        halves = factors @ halves
        covariances = halves @ halves.swapaxes(-1, -2)
    return Parameters(weights, means, covariances), lengths


def _relative(
    origin: Parameters, other: Parameters, whiteners: FloatArray, roots: FloatArray
) -> list[FloatArray]:
    """Coordinates of a mixture relative to another one."""
    ratios = np.maximum(other.weights, _TINY) / np.maximum(origin.weights, _TINY)
    steps = (whiteners @ (other.means - origin.means)[..., None])[..., 0]
    changes = whiteners @ (other.covariances - origin.covariances) @ whiteners.swapaxes(-1, -2)
    return [
        np.log(ratios) * roots,
        steps * roots[..., None],
        changes * roots[..., None, None],
    ]


def _norm(parts: list[FloatArray]) -> FloatArray:
    """Length of the coordinates of every run, shape (R,)."""
    labels, means, covariances = ((part.reshape(part.shape[0], -1) ** 2).sum(1) for part in parts)
    # A covariance carries half the information of a mean (Magnus & Neudecker 2019, chapter 15).
    return np.asarray(np.sqrt(labels + means + 0.5 * covariances))


def _spread(lengths: FloatArray, like: FloatArray) -> FloatArray:
    return lengths.reshape(-1, *(1,) * (like.ndim - 1))
