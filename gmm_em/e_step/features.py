"""Parameters as a linear function of products of features, and back.

The weighted log-density of component k, with mean m, precision P and Cholesky factor L, is

    log w + log N(x | m, P^-1) = c - 1/2 m^T P m + (P m)^T x - 1/2 x^T P x,        (1)
    c = log w - D/2 log(2 pi) - log det L.                                         (2)

It is linear in the features ``phi(x) = (1, x_i, x_i x_j for i <= j)``. One matrix product,
``W @ phi``, thus gives (1) for all components and a block of rows. With the responsibilities R, a
second one, ``R @ phi.T``, gives every moment that the M-step needs. Both take half the operations
of whitening. Diagonal matrices need ``phi = (1, x_i, x_i^2)`` only. Matrices that all components
share need ``phi = (1, x_i)``: the last term of (1) is then the same for all components and
cancels from the responsibilities, and its sum over rows follows from the total second moment.

The terms of (1) cancel each other when a component is far narrower than the data, and digits are
lost. Such a component is whitened instead, ``z = L^-1 (x - m)``, with

    log w + log N(x | m, P^-1) = c - 1/2 z^T z,                                    (3)

and its moments are taken about m, which loses no digits (:mod:`gmm_em.e_step.whitening`). The
choice between (1) and (3) is made for each component in every E-step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar, NamedTuple, override

import numpy as np

from gmm_em.core.types import LOG_2PI, FloatArray, IndexArray, Second
from gmm_em.e_step.whitening import Whitening
from gmm_em.rows.samples import Parameters

# Largest sum of magnitudes in equation 1, whose rounding error is about 1e-16 of it.
EXPANDED_LIMIT = 1e5
# Log-responsibilities below this are taken as this. It changes no digit of a sum, and processors
# are many times slower on numbers that are almost too small for float64.
LEAST_LOG = -300.0
# A component is a point where a feature's variance given the others is this small, in units of the
# data's variance.
COLLAPSED = 1e-18
# A component is a hyperplane where a feature's variance given the others is this small, in units of
# the feature's variance in the component. The covariance's rounding errors are about 1e-16.
FLAT = 1e-12


class SingularError(np.linalg.LinAlgError):
    """A covariance is singular, as far as float64 can tell."""


class FeatureMap(ABC):
    """How rows become `phi`, parameters become coefficients, and sums become moments.

    Attributes
    ----------
    size : int
        Number of entries of phi for one row.
    n_features : int
    products : tuple of ndarray of int
        The entries of phi that follow ``(1, x_i)``: which two features each is the product of.
    shared : bool
        Whether the components share one covariance, whose quadratic form phi leaves out.
    worthwhile : int
        Where fewer components than this are left once others are whitened, whitening them, too,
        takes less time than computing phi for them.
    """

    size: int
    n_features: int
    products: tuple[IndexArray, IndexArray]
    shared: ClassVar[bool] = False
    worthwhile: int = 1

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
        """Second moments about zero, from a row of sums of phi for each component.

        The shape is (K, D, D) or (K, D); where components share a covariance, they are not among
        the features.
        """

    @abstractmethod
    def second_whitened(
        self, sums: FloatArray, whitened: IndexArray, exact: FloatArray
    ) -> FloatArray:
        """Second moments where some components are whitened.

        Parameters
        ----------
        sums : ndarray, shape (K, size)
        whitened : ndarray of int, shape (W,)
            The W components that are whitened: all of them, where they share a covariance.
        exact : ndarray, shape (W, D, D)
            Second moments of these about their means, which replace those about zero.
        """


class _QuadraticLayout(NamedTuple):
    """Where the entries ``i <= j`` of a symmetric matrix (D, D) are.

    Attributes
    ----------
    products : tuple of ndarray of int
        Their rows and columns.
    flat : ndarray of int
        Their places in the matrix.
    factors : ndarray
        What a precision's entries are multiplied by.
    position : ndarray of int, shape (D, D)
        The places of all entries in phi.
    """

    products: tuple[IndexArray, IndexArray]
    flat: IndexArray
    factors: FloatArray
    position: IndexArray


@lru_cache(maxsize=32)
def _quadratic_layout(n_features: int) -> _QuadraticLayout:
    rows, columns = np.triu_indices(n_features)
    position = np.empty((n_features, n_features), dtype=np.intp)
    position[rows, columns] = position[columns, rows] = np.arange(rows.shape[0])
    factors = np.where(rows == columns, -0.5, -1.0)
    flat = rows * n_features + columns
    return _QuadraticLayout((rows, columns), flat, factors, position + 1 + n_features)


class QuadraticMap(FeatureMap):
    """``(1, x_i, x_i x_j for i <= j)``."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + n_features + n_features * (n_features + 1) // 2
        self.worthwhile = 1 + n_features // 4
        # It takes as long as an E-step on a thousand rows, so it is made once for all fits.
        layout = _quadratic_layout(n_features)
        self.products, self._flat, self._factors, self._position = layout

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

    @override
    def second_whitened(
        self, sums: FloatArray, whitened: IndexArray, exact: FloatArray
    ) -> FloatArray:
        second = self.second(sums)
        second[whitened] = exact
        return second


class DiagonalMap(FeatureMap):
    """``(1, x_i, x_i^2)``."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + 2 * n_features
        self.products = np.arange(n_features), np.arange(n_features)

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

    @override
    def second_whitened(
        self, sums: FloatArray, whitened: IndexArray, exact: FloatArray
    ) -> FloatArray:
        second = self.second(sums)
        second[whitened] = np.diagonal(exact, axis1=1, axis2=2)
        return second


class LinearMap(FeatureMap):
    """``(1, x_i)``, for components that share one covariance."""

    shared = True

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + n_features
        self.products = np.arange(0), np.arange(0)

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
        # The pooled second moment is the data's own, whatever the responsibilities are.
        return np.empty((sums.shape[0], 0))

    @override
    def second_whitened(
        self, sums: FloatArray, whitened: IndexArray, exact: FloatArray
    ) -> FloatArray:
        return np.asarray(exact.sum(axis=0))


_MAPS: dict[Second, type[QuadraticMap] | type[DiagonalMap] | type[LinearMap]] = {
    "full": QuadraticMap,
    "diagonal": DiagonalMap,
    "pooled": LinearMap,
}


def feature_map(second: Second, n_features: int) -> FeatureMap:
    """Return the map with the features from which these second moments can be summed."""
    return _MAPS[second](n_features)


class Density(NamedTuple):
    """The components' log-densities, ready to be evaluated.

    Attributes
    ----------
    coefficients : ndarray, shape (K - W, P)
        The coefficients of phi in equation 1, of the components that are not whitened.
    whitening : Whitening, or None
        The W components to be evaluated by equation 3; None where there are none.
    shared_precision : ndarray, shape (D, D), or None
        P of the quadratic form that `coefficients` leaves out, where it does.
    """

    coefficients: FloatArray
    whitening: Whitening | None
    shared_precision: FloatArray | None


def density(
    features: FeatureMap,
    parameters: Parameters,
    *,
    strict: bool = False,
    limit: float = EXPANDED_LIMIT,
) -> Density:
    """Prepare the evaluation of a mixture's log-densities.

    Parameters
    ----------
    features : FeatureMap
    parameters : Parameters
        Covariances must be equal where the map is for shared ones.
    strict : bool, default False
        Refuse covariances that are singular to rounding.
    limit : float
        A component is whitened where the magnitudes of equation 1 may sum to more; 0 whitens all.

    Raises
    ------
    SingularError
        If a covariance is not positive definite.
    """
    shared = features.shared
    # Shapes: (1, D, D) where components share a covariance, else (K, D, D).
    covariances = parameters.covariances[:1] if shared else parameters.covariances
    try:
        factors = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise SingularError("a component collapsed onto a hyperplane") from None
    deviations = factors.diagonal(0, 1, 2)
    if strict:
        refuse_collapsed(covariances, deviations)
    try:
        precisions = np.linalg.inv(covariances)
    except np.linalg.LinAlgError:
        # Rounding decides whether a matrix on the verge of singularity has a Cholesky factor.
        raise SingularError("a component collapsed onto a hyperplane") from None
    linear = (precisions @ parameters.means[:, :, None])[:, :, 0]
    quadratic = np.add.reduce(linear * parameters.means, axis=1)
    constants = np.log(parameters.weights) - 0.5 * features.n_features * LOG_2PI
    constants -= np.add.reduce(np.log(deviations), axis=1)
    coefficients = features.coefficients(constants - 0.5 * quadratic, linear, precisions)
    whitening = None
    # One sum over all components is compared first: in most E-steps none is near the limit. A far
    # row may be as far out as a component that holds it is wide, which multiplies the errors.
    magnitudes = np.abs(precisions)
    widest = max(1.0, np.maximum.reduce(covariances, axis=None))
    if not np.add.reduce(magnitudes, axis=None) * widest + np.maximum.reduce(quadratic) < limit:
        widths = np.maximum(1.0, np.diagonal(covariances, axis1=1, axis2=2).max(axis=1))
        risk = magnitudes.sum(axis=(1, 2)) * widths + (quadratic.max() if shared else quadratic)
        risky = np.broadcast_to(risk > limit, parameters.weights.shape)
        if risky.any():
            if np.count_nonzero(~risky) < features.worthwhile:
                risky = np.ones_like(risky)
            factors = np.broadcast_to(factors, parameters.covariances.shape)
            whitening = Whitening.of(risky, parameters.means, factors, constants)
            coefficients = coefficients[whitening.others]
    shared_precision = precisions[0] if shared and whitening is None else None
    return Density(coefficients, whitening, shared_precision)


def refuse_collapsed(covariances: FloatArray, deviations: FloatArray) -> None:
    """Refuse covariances (K, D, D) with a zero among the diagonals of L, which are `deviations`.

    A diagonal entry of L is a feature's standard deviation given the features before it.

    Raises
    ------
    SingularError
    """
    # A component that is wider than this, in units of the data, is far from a collapse.
    if deviations.min() > 1e-3:
        return
    limit = FLAT * covariances.diagonal(0, 1, 2) + COLLAPSED
    # Written with "not >", so that NaN is refused, too. Each component is judged for itself, so
    # that a mixture is refused in a batch where it is refused alone.
    narrow = ~(deviations.min(axis=1) > 1e-3)
    collapsed = narrow & (~(deviations**2 > limit)).any(axis=1)
    if collapsed.any():
        raise SingularError(
            f"component {int(collapsed.argmax())} collapsed onto a point or a hyperplane"
        )
