"""The M-step where all components share their axes.

Given the variances along the axes, a rotation in the plane of two axes has its best angle in closed
form; given the axes, the variances have. Turns over all planes and the variances never lower the
objective (Flury & Gautschi 1986 for common principal components). Newton's steps make the end fast.
The surface and its stationary points are those of Browne & McNicholas (2014), whose majorisation
takes many more, shorter steps.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.decomposed import LEAST_MOMENT, Decomposed, unrestricted
from gmm_em.covariance.frames import moments_along, shared_frame
from gmm_em.covariance.turns import newton_turns, rotation

# Sweeps over all planes: for a first look at a start, and at most.
_LOOK = 3
_MAX_SWEEPS = 500
# Angles, in radians, that no longer matter: the objective changes by their square.
_SMALL_ANGLE = 1e-7
# Features beyond which a Newton step costs more than it saves; a single plane needs none.
_NEWTON_FEATURES = 20
# Curvatures per row smaller than this are taken as this: axes that tie may turn as they like.
_LEAST_CURVATURE = 1e-7
# Changes of the objective per row that rounding cannot tell from none.
_NOISE = 1e-14


class CommonAxes(Decomposed):
    """A structure of common axes; each says which variances along them are best."""

    second = "full"
    common_scale = True
    own_shape = True
    orientation = "common"

    @abstractmethod
    def variances(self, moments: FloatArray, counts: FloatArray) -> FloatArray:
        """Best variances (K, D), given positive sums of squares along the axes (K, D)."""

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        """Maximise from several starts: the axes of the pooled scatter, and of each component's.

        The objective has local maxima, of which this is the best that was found.
        """
        pooled = scatter.sum(axis=0)[None]
        starts = np.linalg.eigh(np.concatenate([pooled, scatter]))[1]
        looks = [self._climb(frame, counts, scatter, _LOOK) for frame in starts]
        best = min(looks, key=lambda look: look[1])[0]
        return self._matrices(best, counts, scatter)

    @override
    def improved(
        self, counts: FloatArray, scatter: FloatArray, total: float, current: FloatArray
    ) -> FloatArray:
        return self._matrices(shared_frame(current), counts, scatter)

    def _matrices(self, frame: FloatArray, counts: FloatArray, scatter: FloatArray) -> FloatArray:
        frame, cost = self._climb(frame, counts, scatter, _MAX_SWEEPS)
        if not np.isfinite(cost):
            return unrestricted(counts, scatter)
        variances = self.variances(moments_along(frame, scatter), counts)
        return np.asarray((frame * variances[:, None, :]) @ frame.T)

    def coupling(self, moments: FloatArray, counts: FloatArray) -> FloatArray:
        """Second derivatives of the least cost by the components' sums of log-moments, (K, K)."""
        return np.zeros((counts.shape[0],) * 2)

    def _cost(self, frame: FloatArray, counts: FloatArray, scatter: FloatArray) -> float:
        """Sum of n log(variance) with the best variances, which the M-step minimises.

        It is infinite where the scatter along an axis vanishes.
        """
        moments = moments_along(frame, scatter)
        if not moments.min() > LEAST_MOMENT:
            return np.inf
        return float(counts @ np.log(self.variances(moments, counts)).sum(axis=1))

    def _climb(
        self, frame: FloatArray, counts: FloatArray, scatter: FloatArray, sweeps: int
    ) -> tuple[FloatArray, float]:
        """Turn the axes until no plane does better: the axes, and their cost.

        Newton's steps follow the first sweep. Where one does not lower the cost, or the planes are
        many, another sweep takes its place.
        """
        frame, total = frame.copy(), float(counts.sum())
        cost = self._cost(frame, counts, scatter)
        newton = False
        for _ in range(sweeps):
            if not np.isfinite(cost):
                break
            rotated = frame.T @ scatter @ frame
            moments = np.diagonal(rotated, axis1=1, axis2=2)
            precisions = 1.0 / self.variances(moments, counts)
            if newton:
                coupling = self.coupling(moments, counts)
                turns = newton_turns(rotated, precisions, coupling, _LEAST_CURVATURE * total)
                turned = frame @ rotation(turns, frame.shape[0])
                reached = self._cost(turned, counts, scatter)
                largest = float(np.abs(turns).max(initial=0.0))
                if reached <= cost + _NOISE * total:
                    frame, cost = (turned, reached) if reached < cost else (frame, cost)
                    if largest < _SMALL_ANGLE:
                        break
                    continue
            largest = _sweep(frame, rotated, precisions, _NOISE * total)
            cost = self._cost(frame, counts, scatter)
            if largest < _SMALL_ANGLE:
                break
            newton = 2 < frame.shape[0] <= _NEWTON_FEATURES
        return frame, cost


def _sweep(frame: FloatArray, rotated: FloatArray, precisions: FloatArray, noise: float) -> float:
    """Rotate, in place, each plane by its best angle; return the largest angle.

    In the plane of axes p and q, with precisions w and scatters S along the axes, the objective is
    ``sum_k (w_p - w_q) ((S_pp - S_qq) / 2 cos(2 a) + S_pq sin(2 a))`` and a constant. Where its
    amplitude is no more than `noise` the plane is left as it is.
    """
    largest = 0.0
    d = frame.shape[0]
    for p in range(1, d):
        for q in range(p):
            difference = precisions[:, p] - precisions[:, q]
            along = 0.5 * float(difference @ (rotated[:, p, p] - rotated[:, q, q]))
            across = float(difference @ rotated[:, p, q])
            # The least of A cos(2a) + B sin(2a) is where (cos, sin) points away from (A, B).
            if np.hypot(along, across) <= noise:
                continue
            angle = 0.5 * float(np.arctan2(-across, -along))
            largest = max(largest, abs(angle))
            cosine, sine = np.cos(angle), np.sin(angle)
            _turn(frame.T, p, q, cosine, sine)
            _turn(rotated.transpose(2, 0, 1), p, q, cosine, sine)
            _turn(rotated.transpose(1, 0, 2), p, q, cosine, sine)
    return largest


def _turn(axes: FloatArray, p: int, q: int, cosine: float, sine: float) -> None:
    """Turn entries p and q of the first dimension, in place."""
    first, second = axes[p].copy(), axes[q]
    axes[p] = cosine * first + sine * second
    axes[q] = cosine * second - sine * first
