"""Random covariances whose condition number and relative sizes are given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.core.types import FloatArray

Rng = np.random.Generator


def draw_covariances(
    shape: str,
    n_components: int,
    n_features: int,
    rng: Rng,
    *,
    condition: float = 1.0,
    scale_ratio: float = 1.0,
    tied: bool = False,
) -> FloatArray:
    """Draw covariances of unit size on average.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    n_components, n_features : int
    rng : Generator
    condition : float
        Largest over smallest eigenvalue of every covariance, met exactly with two features or
        more; eigenvalues between are log-uniform, and their product is 1.
    scale_ratio : float
        Widest over narrowest component: standard deviations are multiplied by numbers evenly
        spaced on the log scale, in random order, whose ends have this ratio and product 1.
    tied : bool
        Whether all components have the first one's covariance.

    Returns
    -------
    ndarray of shape (K, D, D)
    """
    draw = SHAPES[shape]
    covariances = np.array([draw(n_features, condition, rng) for _ in range(n_components)])
    if tied:
        return np.repeat(covariances[:1], n_components, axis=0)
    if n_components == 1:
        return covariances
    scales = scale_ratio ** np.linspace(-0.5, 0.5, n_components)
    return np.asarray(covariances * rng.permutation(scales)[:, None, None] ** 2)


def _spherical(n_features: int, condition: float, rng: Rng) -> FloatArray:
    return np.eye(n_features)


def _diagonal(n_features: int, condition: float, rng: Rng) -> FloatArray:
    return np.diag(rng.permutation(_eigenvalues(n_features, condition, rng)))


def _full(n_features: int, condition: float, rng: Rng) -> FloatArray:
    values = _eigenvalues(n_features, condition, rng)
    if n_features == 1:
        return np.diag(values)
    # Uniform but for the axes' signs, on which the covariance does not depend (Stewart 1980).
    axes = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    covariance = (axes * values) @ axes.T
    return np.asarray((covariance + covariance.T) / 2)


def _eigenvalues(n_features: int, condition: float, rng: Rng) -> FloatArray:
    if n_features == 1:
        return np.ones(1)
    between = rng.random(n_features - 2)
    values = condition ** np.concatenate([[0.0], between, [1.0]])
    return np.asarray(values / np.exp(np.log(values).mean()))


SHAPES: dict[str, Callable[[int, float, Rng], FloatArray]] = {
    "spherical": _spherical,
    "diagonal": _diagonal,
    "full": _full,
}
