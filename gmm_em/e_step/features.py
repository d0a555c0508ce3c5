"""Parameters as a linear function of products of features, and back.

For a normal density, ``log(weight_k) + log N(x | k)`` is linear in the products of x, so that one
matrix product ``W @ phi`` with ``phi = (1, x_i, x_i x_j for i <= j)`` gives it for all components
and a block of rows, and a second one, ``R @ phi.T``, gives every moment the M-step needs: half
the flops of whitening. Diagonal matrices need ``phi = (1, x_i, x_i^2)`` only, and matrices shared
by all components ``phi = (1, x_i)``: the quadratic term then cancels from the responsibilities,
and its sum is known from the total second moment.

The expanded quadratic cancels when a component is far narrower than the data. A component for
which it would lose digits is whitened instead, ``z = L^-1 (x - mean)``, and its moments are taken
of z: exact whatever the conditioning. The choice is made per component, in every E-step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import NamedTuple, override

import numpy as np

from gmm_em.core.types import FloatArray, IntArray, Second
from gmm_em.rows.samples import Parameters

_LOG_2PI = float(np.log(2.0 * np.pi))
# Largest sum of magnitudes in the expanded quadratic: its rounding error is about 1e-16 of this.
_EXPANDED_LIMIT = 1e5
# A feature's variance given the others, this small in units of the data's variance, is a point...
_COLLAPSED = 1e-18
# ... and this small in units of its own variance in the component, a hyperplane: rounding errors
# of the covariance are about 1e-16.
_FLAT = 1e-12


class SingularError(np.linalg.LinAlgError):
    """A covariance is singular, as far as float64 can tell."""


class FeatureMap(ABC):
    """How rows become `phi`, parameters become coefficients, and sums become moments."""

    size: int
    n_features: int

    @abstractmethod
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        """Write phi of a block (D, n) to `out` (size, n)."""

    @abstractmethod
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        """Coefficients of phi, shape (K, size)."""

    @abstractmethod
    def second(self, sums: FloatArray) -> FloatArray:
        """Second moments (about zero) in a row of sums of phi per component."""


@lru_cache(maxsize=32)
def _quadratic_layout(n_features: int) -> tuple[IntArray, FloatArray, IntArray]:
    """Where the entries ``i <= j`` stand in a matrix, their factors, and where each is in phi."""
    rows, columns = np.triu_indices(n_features)
    position = np.empty((n_features, n_features), dtype=np.intp)
    position[rows, columns] = position[columns, rows] = np.arange(rows.shape[0])
    factors = np.where(rows == columns, -0.5, -1.0)
    return rows * n_features + columns, factors, position + 1 + n_features


class QuadraticMap(FeatureMap):
    """``(1, x_i, x_i x_j for i <= j)``."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + n_features + n_features * (n_features + 1) // 2
        self._flat, self._factors, self._position = _quadratic_layout(n_features)

    @override
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        d = self.n_features
        out[0] = 1.0
        # Multiplied from the copy: the block's own rows are far apart in memory.
        rows = out[1 : d + 1]
        rows[:] = block
        start = d + 1
        for i in range(d):
            np.multiply(rows[i], rows[i:], out=out[start : start + d - i])
            start += d - i

    @override
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        d = self.n_features
        out = np.empty((constants.shape[0], self.size))
        out[:, 0] = constants
        out[:, 1 : d + 1] = linear
        quadratic = precisions.reshape(-1, d * d).take(self._flat, axis=1)
        np.multiply(quadratic, self._factors, out=out[:, d + 1 :])
        return out

    @override
    def second(self, sums: FloatArray) -> FloatArray:
        return sums.take(self._position, axis=1)


class DiagonalMap(FeatureMap):
    """``(1, x_i, x_i^2)``."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + 2 * n_features

    @override
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        d = self.n_features
        out[0] = 1.0
        out[1 : d + 1] = block
        np.multiply(block, block, out=out[d + 1 :])

    @override
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        diagonals = np.diagonal(precisions, axis1=1, axis2=2)
        return np.hstack([constants[:, None], linear, -0.5 * diagonals])

    @override
    def second(self, sums: FloatArray) -> FloatArray:
        return sums[:, self.n_features + 1 :]


class LinearMap(FeatureMap):
    """``(1, x_i)``, for components that share one covariance."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + n_features

    @override
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        out[0] = 1.0
        out[1:] = block

    @override
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        return np.hstack([constants[:, None], linear])

    @override
    def second(self, sums: FloatArray) -> FloatArray:
        # None are among the features: the pooled one does not depend on responsibilities.
        return np.empty((sums.shape[0], 0))


MAPS: dict[Second, type[QuadraticMap] | type[DiagonalMap] | type[LinearMap]] = {
    "full": QuadraticMap,
    "diagonal": DiagonalMap,
    "pooled": LinearMap,
}


class Density(NamedTuple):
    """The components' log-densities, ready to be evaluated.

    Attributes
    ----------
    coefficients : ndarray, shape (K, P)
        Of phi; zero for the components in `whitened`.
    whitened : tuple of int
        Components to be evaluated by whitening.
    means : ndarray, shape (K, D)
    factors : ndarray, shape (K, D, D) or (1, D, D)
        Cholesky factors.
    constants : ndarray, shape (K,)
        Log-density of each component at its mean, weight included.
    shared_precision : ndarray, shape (D, D), or None
        The quadratic form that `coefficients` leaves out.
    """

    coefficients: FloatArray
    whitened: tuple[int, ...]
    means: FloatArray
    factors: FloatArray
    constants: FloatArray
    shared_precision: FloatArray | None


def density(features: FeatureMap, parameters: Parameters, *, strict: bool = False) -> Density:
    """Prepare the evaluation of a mixture's log-densities.

    Parameters
    ----------
    features : FeatureMap
    parameters : Parameters
        Covariances must be equal where the map is for shared ones.
    strict : bool, default False
        Refuse covariances that are singular to rounding.

    Raises
    ------
    SingularError
        If a covariance is not positive definite.
    """
    shared = isinstance(features, LinearMap)
    covariances = parameters.covariances[:1] if shared else parameters.covariances
    try:
        factors = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise SingularError("a component collapsed onto a hyperplane") from None
    deviations = factors.diagonal(0, 1, 2)
    if strict:
        refuse_collapsed(covariances, deviations)
    precisions = np.linalg.inv(covariances)
    linear = (precisions @ parameters.means[:, :, None])[:, :, 0]
    quadratic = np.add.reduce(linear * parameters.means, axis=1)
    constants = np.log(parameters.weights) - 0.5 * features.n_features * _LOG_2PI
    constants -= np.add.reduce(np.log(deviations), axis=1)
    coefficients = features.coefficients(constants - 0.5 * quadratic, linear, precisions)
    # Compared through one sum first: in most E-steps no component is near the limit.
    magnitudes = np.abs(precisions)
    whitened: tuple[int, ...] = ()
    if not np.add.reduce(magnitudes, axis=None) + np.maximum.reduce(quadratic) < _EXPANDED_LIMIT:
        risk = magnitudes.sum(axis=(1, 2)) + (quadratic.max() if shared else quadratic)
        risky = np.broadcast_to(risk > _EXPANDED_LIMIT, parameters.weights.shape)
        whitened = tuple(np.flatnonzero(risky).tolist())
        coefficients[risky] = 0.0
    return Density(
        coefficients,
        whitened,
        parameters.means,
        factors,
        constants,
        precisions[0] if shared and not whitened else None,
    )


def refuse_collapsed(covariances: FloatArray, deviations: FloatArray) -> None:
    """Refuse covariances (K, D, D), with diagonals of Cholesky factors (K, D), that are singular.

    Raises
    ------
    SingularError
    """
    # In units of the data nothing near a collapse is wider than this.
    if deviations.min() > 1e-3:
        return
    limit = _FLAT * covariances.diagonal(0, 1, 2) + _COLLAPSED
    # Not "<=": what is not a number is refused, too.
    collapsed = (~(deviations**2 > limit)).any(axis=1)
    if collapsed.any():
        raise SingularError(
            f"component {int(collapsed.argmax())} collapsed onto a point or a hyperplane"
        )
