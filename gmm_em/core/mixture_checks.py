"""Checks of a mixture's parameters, made once when a mixture is built."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.core.types import FloatArray

_EPS = float(np.finfo(np.float64).eps)

# Parameters may come from files, with rounded decimals, and from programs that use float32. Errors
# of such a size are accepted and put right.
_WEIGHT_SUM_TOLERANCE = 1e-6
_SYMMETRY_TOLERANCE = 1e-6


def as_float(name: str, value: ArrayLike) -> FloatArray:
    """Return a new array of finite float64 numbers.

    Raises
    ------
    ValueError
        If that is impossible; the message calls the array `name`.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a rectangular numeric array: {error}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def check_weights(value: ArrayLike) -> FloatArray:
    """Return weights, shape (K,), that are not negative and sum to 1.

    Raises
    ------
    ValueError
        If they are no distribution.
    """
    weights = as_float("weights", value)
    if weights.ndim != 1 or weights.shape[0] == 0:
        raise ValueError(f"weights must have shape (K,) with K >= 1, got {weights.shape}")
    if np.any(weights < 0):
        raise ValueError(f"weights must not be negative, got {weights.min()}")
    total = float(weights.sum())
    if abs(total - 1.0) > _WEIGHT_SUM_TOLERANCE:
        raise ValueError(f"weights must sum to 1, got {total}")
    # Weights that sum to 1 up to rounding are kept: dividing them would change their last digits
    # each time they are written and read.
    return weights if abs(total - 1.0) <= 4 * _EPS * weights.shape[0] else weights / total


def check_means(value: ArrayLike, n_components: int) -> FloatArray:
    """Return means, shape (K, D).

    Raises
    ------
    ValueError
        If they have another shape.
    """
    means = as_float("means", value)
    if means.ndim != 2 or means.shape[0] != n_components or means.shape[1] == 0:
        raise ValueError(
            f"means must have shape (K, D) with K = {n_components} as in weights and D >= 1, "
            f"got {means.shape}"
        )
    return means


def check_covariances(value: ArrayLike, shape: Sequence[int]) -> FloatArray:
    """Return symmetric matrices, shape (K, D, D).

    Parameters
    ----------
    value : array_like, shape (K, D, D)
    shape : sequence of int
        K and D.

    Raises
    ------
    ValueError
        If they have another shape, or one is not symmetric.
    """
    covariances = as_float("covariances", value)
    n_components, n_features = shape
    expected = (n_components, n_features, n_features)
    if covariances.shape != expected:
        raise ValueError(f"covariances must have shape {expected}, got {covariances.shape}")
    transposed = covariances.transpose(0, 2, 1)
    if np.array_equal(covariances, transposed):
        return covariances
    # Compared in correlation units: features may be on very different scales.
    deviations = np.sqrt(np.abs(np.diagonal(covariances, axis1=1, axis2=2)))
    allowed = _SYMMETRY_TOLERANCE * deviations[:, :, None] * deviations[:, None, :]
    asymmetric = (np.abs(covariances - transposed) > allowed).any(axis=(1, 2))
    if asymmetric.any():
        raise ValueError(f"covariance {int(asymmetric.argmax())} is not symmetric")
    return np.asarray(0.5 * (covariances + transposed))


def cholesky_factors(covariances: FloatArray) -> FloatArray:
    """Return lower Cholesky factors of matrices, shape (K, D, D).

    Raises
    ------
    ValueError
        If a matrix is not positive definite; the message says which, and its smallest eigenvalue.
    """
    try:
        return np.asarray(np.linalg.cholesky(covariances))
    except np.linalg.LinAlgError:
        for k, covariance in enumerate(covariances):
            try:
                np.linalg.cholesky(covariance)
            except np.linalg.LinAlgError:
                smallest = float(np.linalg.eigvalsh(covariance)[0])
                raise ValueError(
                    f"covariance {k} is not positive definite (smallest eigenvalue {smallest:.3g})"
                ) from None
        raise


def per_feature(name: str, value: ArrayLike, n_features: int) -> FloatArray:
    """Return one number per feature, shape (D,), from such an array or from one number for all.

    Raises
    ------
    ValueError
        If the shape is another; the message calls the array `name`.
    """
    array = as_float(name, value)
    if array.ndim > 1 or (array.ndim == 1 and array.shape[0] != n_features):
        raise ValueError(f"{name} must be a number or have shape ({n_features},)")
    return np.broadcast_to(array, (n_features,))
