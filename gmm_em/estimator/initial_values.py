"""The user's initial weights, means and precisions, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.core.foreign import to_host
from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.mixture import Mixture


def initial_values(
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    structure: CovarianceStructure,
    shape: tuple[int, int],
) -> Mixture | PartialStart | None:
    """Check ``weights_init``, ``means_init``, ``precisions_init``; None where none is given.

    Parameters
    ----------
    weights, means, precisions : array_like, optional
    structure : CovarianceStructure
    shape : tuple of int
        K and D.
    """
    if weights is None and means is None and precisions is None:
        return None
    if weights is not None:
        weights = _checked_weights(_shaped("weights", weights, shape[:1]))
    if means is not None:
        means = _shaped("means", means, shape)
        if not np.isfinite(means).all():
            raise ValueError("The parameter 'means' should be finite")
    covariances = None
    if precisions is not None:
        name = f"{structure.name} precision"
        given = _shaped(name, precisions, structure.compact_shape(*shape))
        full = structure.expand(given, *shape)
        gap = np.abs(full - full.transpose(0, 2, 1))
        symmetric = bool((gap <= 1e-8 + 1e-5 * np.abs(full)).all())
        if not (symmetric and np.all(np.linalg.eigvalsh(full) > 0)):
            diagonal = structure.second == "diagonal"
            wanted = "positive" if diagonal else "symmetric, positive-definite"
            raise ValueError(f"'{name}' should be {wanted}")
        covariances = np.linalg.inv(full)
        covariances = 0.5 * (covariances + covariances.transpose(0, 2, 1))
    if weights is not None and means is not None and covariances is not None:
        return Mixture(weights, means, covariances)
    return PartialStart(weights, means, covariances)


def _shaped(name: str, value: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(to_host(value), dtype=np.float64)
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return array


def _checked_weights(weights: FloatArray) -> FloatArray:
    if not np.all((weights >= 0) & (weights <= 1)):
        # The labels are swapped in scikit-learn's message, and here so that it is the same.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{np.min(weights):.5f}, min value {np.max(weights):.5f}"
        )
    if not abs(weights.sum() - 1.0) <= 1e-6:
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{np.sum(weights):.5f}"
        )
    return weights / weights.sum()
