"""Curves that picture a mixture: ellipses of its components, densities of its features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from experiments.parameters import Parameters

Floats = NDArray[np.float64]

# The share of a component's probability that its ellipse holds.
ELLIPSE_PROBABILITY = 0.68


def ellipses(parameters: Parameters, i: int, j: int, n_points: int = 73) -> tuple[Floats, Floats]:
    """Outline the components' marginals of features `i` and `j`.

    Returns
    -------
    x, y : ndarray of shape (K * (n_points + 1),)
        Closed curves, one after another, each followed by NaN so that no line joins them. Each
        holds `ELLIPSE_PROBABILITY` of its component.
    """
    pair = np.ix_([i, j], [i, j])
    angle = np.linspace(0, 2 * np.pi, n_points)
    circle = np.sqrt(chi2.ppf(ELLIPSE_PROBABILITY, 2)) * np.array([np.cos(angle), np.sin(angle)])
    gap = np.full((2, 1), np.nan)
    curves = []
    for mean, covariance in zip(parameters.means, parameters.covariances, strict=True):
        factor = np.linalg.cholesky(covariance[pair])
        curves += [mean[[i, j], None] + factor @ circle, gap]
    x, y = np.concatenate(curves, axis=1)
    return x, y


def marginal_density(parameters: Parameters, i: int, x: Floats) -> Floats:
    """Density of the mixture's marginal of feature `i` at each of `x`."""
    sd = np.sqrt(parameters.covariances[:, i, i])
    return np.asarray(norm.pdf(x[:, None], parameters.means[:, i], sd) @ parameters.weights)
