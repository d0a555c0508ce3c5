"""Laplace's approximation: a normal distribution at a maximum of the posterior density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior

_MAX_ITERATIONS = 500
_STEP = 1e-4
"""Of the differences of gradients that give the curvature."""
_LEAST_CURVATURE = 3.0**-2.0
"""That of a normal distribution as wide as three standard deviations of the data."""


@dataclass(frozen=True)
class LaplaceApproximation:
    """A normal distribution on unconstrained space.

    Parameters
    ----------
    mean : ndarray of shape (size,)
    factor : ndarray of shape (size, size)
        Lower triangular; its product with its transpose is the covariance.
    """

    mean: FloatArray
    factor: FloatArray


def laplace_near(
    target: LogPosterior, start: FloatArray, *, diagonal: bool = False
) -> LaplaceApproximation:
    """Return the normal approximation at the local maximum that a climb from `start` reaches.

    Parameters
    ----------
    target : LogPosterior
    start : ndarray of shape (size,)
    diagonal : bool, default False
        Whether the factor is diagonal. It then holds the standard deviation of each coordinate
        given all others.

    Returns
    -------
    LaplaceApproximation
        In a direction in which the log density hardly curves downwards, or not at all, its
        standard deviation is three standard deviations of the data.
    """
    found = minimize(
        target.negative,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MAX_ITERATIONS},
    )
    peak = found.x if found.fun <= target.negative(start)[0] else start
    curvature = np.stack(
        [
            (target(peak - step)[1] - target(peak + step)[1]) / (2.0 * _STEP)
            for step in _STEP * np.eye(peak.size)
        ]
    )
    if diagonal:
        sds = np.maximum(curvature.diagonal(), _LEAST_CURVATURE) ** -0.5
        return LaplaceApproximation(peak, np.diag(sds))
    values, directions = np.linalg.eigh(0.5 * (curvature + curvature.T))
    covariance = (directions / np.maximum(values, _LEAST_CURVATURE)) @ directions.T
    return LaplaceApproximation(peak, np.linalg.cholesky(covariance))
