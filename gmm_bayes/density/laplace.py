"""Laplace's approximation: a maximum of the posterior density, and the width of its hill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior

_MAX_ITERATIONS = 500
_STEP = 1e-4
_WIDEST = 3.0  # standard deviations of the data: wider than that, the curvature says nothing
_OFF_SUPPORT = 1e30


@dataclass(frozen=True)
class Hill:
    """A normal approximation near a point of unconstrained space.

    Parameters
    ----------
    peak : ndarray of shape (size,)
    factor : ndarray of shape (size, size)
        Lower triangular; its product with its transpose is the covariance.
    """

    peak: FloatArray
    factor: FloatArray


def hill_near(target: LogPosterior, start: FloatArray, *, round_each: bool = False) -> Hill:
    """Return the hill that `start` stands on.

    Parameters
    ----------
    target : LogPosterior
    start : ndarray of shape (size,)
    round_each : bool, default False
        Whether the factor is to be diagonal: the width of each coordinate given all others.

    Returns
    -------
    Hill
        At a local maximum of the density; where the posterior does not curve downwards there, or
        hardly, its width is bounded by three standard deviations of the data.
    """

    def falling(theta: FloatArray) -> tuple[float, FloatArray]:
        value, slope = target(theta)
        return (-value, -slope) if np.isfinite(value) else (_OFF_SUPPORT, np.zeros_like(slope))

    found = minimize(
        falling, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}
    )
    peak = found.x if found.fun <= falling(start)[0] else start
    curvature = np.stack(
        [
            (target(peak - step)[1] - target(peak + step)[1]) / (2.0 * _STEP)
            for step in _STEP * np.eye(peak.size)
        ]
    )
    if round_each:
        return Hill(peak, np.diag(np.maximum(curvature.diagonal(), _WIDEST**-2.0) ** -0.5))
    values, directions = np.linalg.eigh(0.5 * (curvature + curvature.T))
    covariance = (directions / np.maximum(values, _WIDEST**-2.0)) @ directions.T
    return Hill(peak, np.linalg.cholesky(covariance))
