"""Compiled climbs to the local maxima of the posterior density, many at once."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gmm_bayes.core.copying import set_matrix, set_vector
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import packed_log_density

_MAX_ITERATIONS = 300
_TOLERANCE = 1e-7
"""A climb ends where the rise that its quadratic model promises is half of this."""
_LONGEST = 3.0
"""Longest step, in the units of the metric."""
_SUFFICIENT = 1e-4
"""Share of the promised rise that a step must make (Armijo's rule)."""
_HALVINGS = 30
"""Most halvings of one step."""
_PER_JOB = 8
"""Climbs that a thread takes at a time."""


def climb_all(
    target: LogPosterior, starts: FloatArray, factor: FloatArray, cores: int
) -> tuple[FloatArray, FloatArray]:
    """Return the local maxima (n, P) that climbs from `starts` reach, and their log densities (n,).

    Parameters
    ----------
    target : LogPosterior
    starts : ndarray of shape (n, P)
        On the support.
    factor : ndarray of shape (P, P)
        Lower Cholesky factor of a metric; the posterior's covariance makes climbs short.
    cores : int
        Threads; the result does not depend on their number.
    """
    ends = np.ascontiguousarray(starts).copy()
    values = np.empty(len(ends))

    def work(first: int) -> None:
        rows = slice(first, first + _PER_JOB)
        _climbs(target.packed, factor, ends[rows], values[rows])

    with ThreadPoolExecutor(cores) as threads:
        jobs = [threads.submit(work, first) for first in range(0, len(ends), _PER_JOB)]
        try:
            for job in jobs:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
    return ends, values


@njit()
def _climbs(packed, factor, thetas, values):  # type: ignore[no-untyped-def]
    """Climb from each row of `thetas`, which is moved to the end."""
    for i in range(thetas.shape[0]):
        values[i] = _climb(packed, factor, thetas[i])


@inlined()
def _whitened_slopes(factor, gradient, slopes):  # type: ignore[no-untyped-def]
    """Write ``factor' gradient`` to `slopes`."""
    for j in range(slopes.shape[0]):
        acc = 0.0
        for i in range(j, slopes.shape[0]):
            acc += factor[i, j] * gradient[i]
        slopes[j] = acc


@inlined()
def _climb(packed, factor, theta):  # type: ignore[no-untyped-def]  # noqa: C901 - one algorithm
    """Move `theta` (P,) to a local maximum by the method of Broyden, Fletcher, Goldfarb and Shanno.

    Returns the log density there (Nocedal & Wright 2006, algorithm 6.1, in whitened coordinates).
    """
    p = theta.shape[0]
    inverse = np.eye(p)
    gradient, slopes, new_slopes = np.empty(p), np.empty(p), np.empty(p)
    step, point, change = np.empty(p), np.empty(p), np.empty(p)
    value = packed_log_density(theta, packed, gradient)
    _whitened_slopes(factor, gradient, slopes)
    fresh = True
    for _ in range(_MAX_ITERATIONS):
        rise, length = 0.0, 0.0
        for i in range(p):
            step[i] = 0.0
            for j in range(p):
                step[i] += inverse[i, j] * slopes[j]
            rise += step[i] * slopes[i]
            length += step[i] * step[i]
        if not rise > _TOLERANCE:
            break
        scale = min(1.0, _LONGEST / math.sqrt(length))
        found = -math.inf
        for _ in range(_HALVINGS):
            for i in range(p):
                acc = 0.0
                for j in range(i + 1):
                    acc += factor[i, j] * step[j]
                point[i] = theta[i] + scale * acc
            found = packed_log_density(point, packed, gradient)
            if math.isfinite(found) and found >= value + _SUFFICIENT * scale * rise:
                break
            found = -math.inf
            scale *= 0.5
        if found == -math.inf:
            if fresh:
                break
            set_matrix(inverse, np.eye(p))
            fresh = True
            continue
        set_vector(theta, point)
        value = found
        _whitened_slopes(factor, gradient, new_slopes)
        curvature = 0.0
        for i in range(p):
            step[i] *= scale
            change[i] = slopes[i] - new_slopes[i]
            curvature += step[i] * change[i]
        set_vector(slopes, new_slopes)
        if curvature > 1e-12:
            _update(inverse, step, change, curvature)
            fresh = False
    return value


@inlined()
def _update(inverse, step, change, curvature):  # type: ignore[no-untyped-def]
    """Update the inverse of minus the Hessian by a step and the change of the slopes."""
    p = step.shape[0]
    product = np.empty(p)
    square = 0.0
    for i in range(p):
        product[i] = 0.0
        for j in range(p):
            product[i] += inverse[i, j] * change[j]
        square += change[i] * product[i]
    stretch = (1.0 + square / curvature) / curvature
    for i in range(p):
        for j in range(p):
            inverse[i, j] += stretch * step[i] * step[j]
            inverse[i, j] -= (product[i] * step[j] + step[i] * product[j]) / curvature
