"""Covariance structures: what each leaves free, and its M-step.

A structure is an object that answers. It says which second moments it needs, turns them into
covariance matrices, counts its free parameters, and knows the compact shape in which
scikit-learn stores its matrices. Each of mclust's fourteen models is one more such object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar, Literal, override

import numpy as np
from numpy.typing import NDArray

from gmm_em.mixture import FloatArray

IndexArray = NDArray[np.intp]
Second = Literal["full", "diagonal", "pooled"]


class CovarianceStructure(ABC):
    """One family of constraints on the covariance matrices.

    Attributes
    ----------
    name : str
        The name used in ``covariance_type``.
    second : {"full", "diagonal", "pooled"}
        The second moments its M-step needs: a matrix per component, the diagonal per component,
        or one matrix summed over components.
    common_scale : bool
        Whether rescaling features one by one would leave the family.
    """

    name: ClassVar[str]
    second: ClassVar[Second]
    common_scale: ClassVar[bool] = False

    @abstractmethod
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        """Maximise the expected log-likelihood over the covariances.

        Parameters
        ----------
        counts : ndarray, shape (K,)
            Weighted count of each component.
        scatter : ndarray, shape (K, D, D), (K, D) or (D, D), as `second` says
            Weighted sums of products of deviations from the components' own means.
        total : float
            Sum of `counts`.

        Returns
        -------
        ndarray, shape (K, D, D)
        """

    @abstractmethod
    def basis(self, n_features: int) -> FloatArray:
        """Lower-triangle entries of one matrix as linear functions of its free coordinates.

        Shape (D (D + 1) / 2, q); entries row by row.
        """

    @abstractmethod
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        """Spread free coordinates over the lower triangles of log-Cholesky matrices.

        A linear map, scaled so that a unit step is a unit of the complete data's information
        when component k has weight ``roots[k] ** 2``. Used by the accelerator.

        Parameters
        ----------
        free : ndarray, shape (n_parameters(K, D),)
        roots : ndarray, shape (K,)
        n_features : int

        Returns
        -------
        ndarray, shape (K, D, D), or (1, D, D) where components share one matrix
        """

    @abstractmethod
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        """Apply the adjoint of :meth:`to_log_factors`, which carries a gradient back."""

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters in the covariances of K components in D dimensions."""

    @abstractmethod
    def compact(self, covariances: FloatArray) -> FloatArray:
        """Return matrices of shape (K, D, D) in scikit-learn's shape for this structure."""

    @abstractmethod
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Undo :meth:`compact`; also serves precisions and their Cholesky factors."""

    @abstractmethod
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of :meth:`compact`'s result."""

    @abstractmethod
    def min_count(self, n_features: int) -> float:
        """Distinct rows a component needs for its covariance to be non-singular."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Full(CovarianceStructure):
    """Every component has its own matrix (mclust's VVV)."""

    name = "full"
    second = "full"

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        return scatter / counts[:, None, None]

    @override
    def basis(self, n_features: int) -> FloatArray:
        return np.eye(n_features * (n_features + 1) // 2)

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        rows, columns, scale = _triangle(n_features)
        out = np.zeros((roots.shape[0], n_features, n_features))
        out[:, rows, columns] = free.reshape(roots.shape[0], -1) * scale / roots[:, None]
        return out

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        rows, columns, scale = _triangle(gradient.shape[1])
        return (gradient[:, rows, columns] * scale / roots[:, None]).ravel()

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return covariances

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return compact

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    @override
    def min_count(self, n_features: int) -> float:
        return n_features + 1.0


class Tied(CovarianceStructure):
    """All components share one matrix (mclust's EEE)."""

    name = "tied"
    second = "pooled"

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        return np.repeat(scatter[None] / total, counts.shape[0], axis=0)

    @override
    def basis(self, n_features: int) -> FloatArray:
        return np.eye(n_features * (n_features + 1) // 2)

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        rows, columns, scale = _triangle(n_features)
        out = np.zeros((1, n_features, n_features))
        out[0, rows, columns] = free * scale
        return out

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        rows, columns, scale = _triangle(gradient.shape[1])
        return np.asarray(gradient[0, rows, columns] * scale)

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return covariances[0]

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return np.repeat(compact[None], n_components, axis=0)

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    @override
    def min_count(self, n_features: int) -> float:
        return 0.0


class Diagonal(CovarianceStructure):
    """Every component has its own diagonal matrix (mclust's VVI)."""

    name = "diag"
    second = "diagonal"

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        return _diagonal_matrices(scatter / counts[:, None])

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = _triangle(n_features)
        return np.eye(rows.shape[0])[:, rows == columns]

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        return _diagonal_matrices(
            free.reshape(roots.shape[0], n_features) / (np.sqrt(2.0) * roots[:, None])
        )

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        diagonals = np.diagonal(gradient, axis1=1, axis2=2)
        return np.asarray(diagonals / (np.sqrt(2.0) * roots[:, None])).ravel()

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return np.diagonal(covariances, axis1=1, axis2=2).copy()

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return _diagonal_matrices(compact)

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    @override
    def min_count(self, n_features: int) -> float:
        return 2.0


class Spherical(CovarianceStructure):
    """Every component has one variance for all features (mclust's VII)."""

    name = "spherical"
    second = "diagonal"
    common_scale = True

    @override
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        n_features = scatter.shape[1]
        variances = scatter.sum(axis=1) / (n_features * counts)
        return _diagonal_matrices(np.repeat(variances[:, None], n_features, axis=1))

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = _triangle(n_features)
        return (rows == columns).astype(np.float64)[:, None]

    @override
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        scaled = free / (np.sqrt(2.0 * n_features) * roots)
        return _diagonal_matrices(np.repeat(scaled[:, None], n_features, axis=1))

    @override
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        traces = np.trace(gradient, axis1=1, axis2=2)
        return np.asarray(traces / (np.sqrt(2.0 * gradient.shape[1]) * roots))

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    @override
    def compact(self, covariances: FloatArray) -> FloatArray:
        return covariances[:, 0, 0].copy()

    @override
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return _diagonal_matrices(np.repeat(compact[:, None], n_features, axis=1))

    @override
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    @override
    def min_count(self, n_features: int) -> float:
        return 2.0


STRUCTURES: dict[str, CovarianceStructure] = {
    structure.name: structure for structure in (Full(), Tied(), Diagonal(), Spherical())
}


def get_structure(covariance_type: str | CovarianceStructure) -> CovarianceStructure:
    """Return the structure of that name; a structure object is returned as it is."""
    if isinstance(covariance_type, CovarianceStructure):
        return covariance_type
    try:
        return STRUCTURES[covariance_type]
    except (KeyError, TypeError):
        raise ValueError(
            f"covariance_type must be one of {sorted(STRUCTURES)}, got {covariance_type!r}"
        ) from None


@lru_cache(maxsize=32)
def _triangle(n_features: int) -> tuple[IndexArray, IndexArray, FloatArray]:
    """Lower triangle: its rows, its columns, and the scale of a unit step of information."""
    rows, columns = np.tril_indices(n_features)
    triangle = (
        rows.astype(np.intp),
        columns.astype(np.intp),
        np.where(rows == columns, np.sqrt(0.5), 1.0),
    )
    for shared in triangle:
        shared.flags.writeable = False
    return triangle


def _diagonal_matrices(variances: FloatArray) -> FloatArray:
    n_components, n_features = variances.shape
    out = np.zeros((n_components, n_features, n_features), dtype=variances.dtype)
    index = np.arange(n_features)
    out[:, index, index] = variances
    return out
