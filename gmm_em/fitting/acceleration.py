"""Quasi-Newton acceleration of EM.

EM's step is a gradient step preconditioned by the complete data's information, so its rate is
the fraction of information the labels would add: on overlapping components, hundreds of steps.
In coordinates where the complete data's information is the identity, BFGS starts as EM and
learns the missing part of the curvature from successive gradients, which Fisher's identity gives
at the price of an E-step (Jamshidian & Jennrich 1997, algorithm QN1, with the coordinates of the
log-Cholesky factors so that every step is a valid mixture).

Every accepted point has a higher objective (Armijo's condition; Nocedal & Wright 2006, section
3.1); where no step along the direction has, EM's own step is taken and the memory is dropped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm_em.core.moments import variances
from gmm_em.core.types import FloatArray, IntArray
from gmm_em.e_step.totals import Totals
from gmm_em.fitting import curvature
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters

# Dense inverse Hessians up to this many parameters; pairs of vectors beyond.
_DENSE = 300
_PAIRS = 30
_PAIR_ELEMENTS = 1 << 20
# No coordinate moves by more than this many units of one row's information in a step.
_MAX_STEP = 1.0
# How far a run steps off a saddle point, in units of one row's information.
_NUDGE = 0.3
# Steps after which a computed curvature is computed again.
_REFRESH = 12
# Curvatures change by about so much where a coordinate moves by one unit; smaller ones than the
# second are no evidence.
_CHANGE, _CONCAVE = 0.3, 2e-3
_TINY = float(np.finfo(np.float64).tiny)


class Point(NamedTuple):
    """Coordinates, and what they stand for; the factors are in the chart's order of features."""

    x: FloatArray
    parameters: Parameters
    factors: FloatArray


class Chart:
    """Unconstrained coordinates around a mixture, in units of the complete data's information.

    Log-weights, means whitened by their component, each scaled by the root of the component's
    weight, and the covariance structure's own coordinates.

    Cholesky factors depend on the order of the features, and so would the steps that are taken in
    these coordinates. Where the structure treats all features alike, they are therefore put into
    an order that depends on the mixture only.

    Attributes
    ----------
    size : int
        Number of coordinates.
    factors : ndarray, shape (K, D, D) or (1, D, D)
        Square roots of the centre's covariances: their Cholesky factors in the chart's order of
        the features, with the rows in the given order.
    """

    def __init__(self, problem: Problem, centre: Parameters) -> None:
        self._problem = problem
        order = _order(centre) if problem.structure.exchangeable else None
        self._order, self._back = order, None if order is None else np.argsort(order)
        centre = _reordered(centre, order)
        self._centre = centre
        # A component without rows, which a prior allows, still needs a unit of length.
        self._roots = np.sqrt(np.maximum(centre.weights, 1e-10))
        shared = problem.structure.second == "pooled"
        covariances = centre.covariances[:1] if shared else centre.covariances
        self._factors = np.linalg.cholesky(covariances)
        self.factors = self._factors if order is None else self._factors[:, self._back]
        self._coordinates = problem.structure.coordinates(centre.covariances, self._roots)
        k, d = centre.means.shape
        self._split = (k, k + k * d)
        self.size = self.size_of(problem)

    @staticmethod
    def size_of(problem: Problem) -> int:
        """Return the number of coordinates."""
        k, d = problem.n_components, problem.samples.n_features
        return k + k * d + problem.structure.n_parameters(k, d)

    def point(self, x: FloatArray) -> Point:
        """Mixture at coordinates `x`."""
        k, d = self._centre.means.shape
        a, b = self._split
        logits = np.log(np.maximum(self._centre.weights, _TINY)) + x[:a] / self._roots
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
        steps = x[a:b].reshape(k, d, 1) / self._roots[:, None, None]
        # A step far too long overflows; its objective is then not finite, and it is shortened.
        with np.errstate(over="ignore", invalid="ignore"):
            means = self._centre.means + (self._factors @ steps)[:, :, 0]
            factors = self._coordinates.factors(x[b:])
            covariances = factors @ factors.transpose(0, 2, 1)
        if covariances.shape[0] != k:
            covariances = np.repeat(covariances, k, axis=0)
        parameters = _reordered(Parameters(weights, means, covariances), self._back)
        return Point(x, parameters, factors)

    def gradient(self, point: Point, totals: Totals) -> FloatArray:
        """Gradient of the objective per unit of weight, by Fisher's identity."""
        parameters = point.parameters
        data = self._problem.complete(totals, parameters.means)
        first, scatter = data.first, data.scatter
        if scatter.ndim == 2:
            scatter = scatter[:, :, None] * np.eye(scatter.shape[1])
        if self._order is not None:
            first = first[:, self._order]
            scatter = scatter[:, self._order[:, None], self._order]
        whiteners = np.linalg.inv(point.factors)
        # Sums over components that share a matrix have been taken already.
        weights = data.weight_counts - data.weight_counts.sum() * parameters.weights
        whitened = (whiteners @ first[:, :, None])[:, :, 0]
        relative = whiteners @ self._factors
        means = (relative.transpose(0, 2, 1) @ whitened[:, :, None])[:, :, 0]
        excess = whiteners @ scatter @ whiteners.transpose(0, 2, 1)
        index = np.arange(excess.shape[1])
        excess[:, index, index] -= data.counts[:, None]
        free = self._coordinates.gradient(point.x[self._split[1] :], excess)
        gradient = np.concatenate(
            [weights / self._roots, (means / self._roots[:, None]).ravel(), free]
        )
        return np.asarray(gradient / self._problem.total_weight)


def _order(mixture: Parameters) -> IntArray | None:
    """Features by how much of their variance lies within components; None for the given order.

    Neither the units nor the order of the features matter to these shares.
    """
    weights = mixture.weights / mixture.weights.sum()
    within, between = variances(weights, mixture.means, mixture.covariances)
    order = np.argsort(within / (within + between), kind="stable")
    return None if (np.diff(order) > 0).all() else order


def _reordered(mixture: Parameters, order: IntArray | None) -> Parameters:
    """Return a mixture with the features in another order."""
    if order is None:
        return mixture
    covariances = mixture.covariances[:, order[:, None], order]
    return Parameters(mixture.weights, mixture.means[:, order], covariances)


class InverseHessian:
    """BFGS approximation of the inverse of minus the Hessian.

    Parameters
    ----------
    size : int
    begin : ndarray, shape (size, size), optional
        What it is to begin with; by default the identity.
    """

    def __init__(self, size: int, begin: FloatArray | None = None) -> None:
        self._dense = np.eye(size) if begin is None and size <= _DENSE else begin
        self._steps: list[FloatArray] = []
        self._changes: list[FloatArray] = []
        self._limit = min(_PAIRS, _PAIR_ELEMENTS // size)

    @classmethod
    def worthwhile(cls, size: int) -> bool:
        """Whether memory for a useful number of pairs is allowed."""
        return _PAIR_ELEMENTS // size >= 3

    def apply(self, vector: FloatArray) -> FloatArray:
        """Product with a vector."""
        if self._dense is not None:
            return self._dense @ vector
        # Two-loop recursion (Nocedal & Wright 2006, algorithm 7.4).
        out = vector.copy()
        coefficients = []
        for step, change in zip(reversed(self._steps), reversed(self._changes), strict=True):
            coefficient = (step @ out) / (step @ change)
            out -= coefficient * change
            coefficients.append(coefficient)
        for step, change, coefficient in zip(
            self._steps, self._changes, reversed(coefficients), strict=True
        ):
            out += (coefficient - (change @ out) / (step @ change)) * step
        return out

    def update(self, step: FloatArray, change: FloatArray) -> None:
        """Learn that the gradient fell by `change` over `step`."""
        curvature = float(step @ change)
        # Without positive curvature the update would not keep the matrix positive definite.
        if curvature <= 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            return
        if self._dense is None:
            self._steps.append(step)
            self._changes.append(change)
            del self._steps[: -self._limit], self._changes[: -self._limit]
            return
        product = self._dense @ change
        scale = (curvature + change @ product) / curvature**2
        self._dense += scale * np.outer(step, step)
        cross = np.outer(product, step) / curvature
        self._dense -= cross + cross.T


def away_from_saddle(problem: Problem, parameters: Parameters) -> list[Parameters]:
    """Mixtures a little off a point that may be a saddle; none where it is a maximum."""
    chart = Chart(problem, parameters)
    if not curvature.affordable(problem, chart.size):
        return []
    directions = curvature.ways_up(problem, parameters, chart.factors)
    return [
        chart.point(length * direction).parameters
        for direction in directions
        for length in (_NUDGE, -_NUDGE)
    ]


class QuasiNewton:
    """One accelerated climb from a point that EM has reached.

    Attributes
    ----------
    predicted_gain : float
        Gain in the objective per unit of weight that the quadratic model still expects.
    """

    def __init__(self, problem: Problem, parameters: Parameters, totals: Totals) -> None:
        self._problem = problem
        self._chart = Chart(problem, parameters)
        begin, self._least = None, -np.inf
        if curvature.affordable(problem, self._chart.size):
            begin, self._least = curvature.inverse_curvature(
                problem, parameters, self._chart.factors
            )
        self._inverse = InverseHessian(self._chart.size, begin)
        # Steps until a curvature is worth computing again.
        self._left = np.inf if begin is None else _REFRESH
        self.totals = totals
        self._point = self._chart.point(np.zeros(self._chart.size))
        self._gradient = self._chart.gradient(self._point, totals)
        self._aim()
        self._length: float | None = None

    @property
    def parameters(self) -> Parameters:
        """The mixture reached."""
        return self._point.parameters

    def _aim(self) -> None:
        self._direction = self._inverse.apply(self._gradient)
        self._slope = float(self._direction @ self._gradient)
        self.predicted_gain = 0.5 * self._slope

    def trial(self) -> tuple[Point, float]:
        """Return the point to evaluate next, and the length of the step to it."""
        if self._length is None:
            longest = float(np.abs(self._direction).max())
            self._length = 1.0 if longest <= _MAX_STEP else _MAX_STEP / longest
        return self._chart.point(self._point.x + self._length * self._direction), self._length

    @property
    def at_maximum(self) -> bool:
        """Whether the surface was seen to be concave so close by that this is no saddle point."""
        return self._least > max(_CONCAVE, _CHANGE * float(np.abs(self._point.x).max()))

    @property
    def outdated(self) -> bool:
        """Whether the curvature was computed so many steps ago that it is worth doing again."""
        return self._left <= 0

    def accept(self, point: Point, totals: Totals) -> None:
        """Move to a point, learning from the change of the gradient."""
        self._left -= 1
        gradient = self._chart.gradient(point, totals)
        self._inverse.update(point.x - self._point.x, self._gradient - gradient)
        self._point, self.totals, self._gradient = point, totals, gradient
        self._aim()
        self._length = None

    def sufficient(self, objective: float, length: float) -> bool:
        """Armijo's condition."""
        weight = self._problem.total_weight
        return objective > self.totals.objective + 1e-4 * length * self._slope * weight

    def shorten(self, objective: float, length: float) -> None:
        """Choose a shorter step after one that failed: the minimum of the parabola through it."""
        shortfall = (self.totals.objective - objective) / self._problem.total_weight
        curvature = 2.0 * (shortfall + length * self._slope)
        best = length**2 * self._slope / curvature if np.isfinite(objective) else 0.0
        self._length = min(0.5 * length, max(0.1 * length, best))
