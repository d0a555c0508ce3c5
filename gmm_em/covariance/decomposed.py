"""Structures by volume, shape and orientation (Banfield & Raftery 1993, equation 3).

A covariance matrix is ``volume * Q diag(shape) Q^T``: the volume is the D-th root of the
determinant, the shape has product 1, and Q is a rotation.
"""

from __future__ import annotations

from typing import ClassVar, override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.coordinates import Coordinates, NaturalCoordinates
from gmm_em.covariance.layout import diagonal_matrices, triangle
from gmm_em.covariance.spectral import Orientation, Spectral

# Rows are in standard units. A component whose sum of squares is below this has collapsed, and the
# reciprocals of still smaller numbers overflow.
LEAST_MOMENT = 1e-200


class Decomposed(CovarianceStructure):
    """A structure in which volume, shape and orientation are each common or each component's own.

    With one feature there are no shapes and no orientations, so that there are two structures
    only: every name that begins with E stands for one variance, and every other for K.

    Attributes
    ----------
    own_volume, own_shape : bool
        Whether it differs between components.
    orientation : {"axes", "common", "own"}
        Along the features' axes, the same for all components, or different.
    """

    own_volume: ClassVar[bool]
    own_shape: ClassVar[bool]
    orientation: ClassVar[Orientation]

    @override
    def n_parameters(self, n_components: int, n_features: int) -> int:
        groups = {"axes": 0, "common": 1, "own": n_components}[self.orientation]
        volumes = n_components if self.own_volume else 1
        shapes = n_components if self.own_shape else 1
        rotations = n_features * (n_features - 1) // 2
        return volumes + shapes * (n_features - 1) + groups * rotations

    @override
    def basis(self, n_features: int) -> FloatArray:
        rows, columns, _ = triangle(n_features)
        entries = np.eye(rows.shape[0])
        return entries[:, rows == columns] if self.orientation == "axes" else entries

    @override
    def coordinates(self, covariances: FloatArray, roots: FloatArray) -> Coordinates:
        return self._spectral(covariances, roots)

    @override
    def natural(self, covariances: FloatArray) -> NaturalCoordinates | None:
        return self._spectral(covariances, None)

    def _spectral(self, covariances: FloatArray, roots: FloatArray | None) -> Spectral:
        return Spectral(
            covariances,
            roots,
            own_volume=self.own_volume,
            own_shape=self.own_shape,
            orientation=self.orientation,
        )

    @override
    def min_count(self, n_features: int) -> float:
        return 2.0


def unrestricted(counts: FloatArray, scatter: FloatArray) -> FloatArray:
    """Return the components' own covariances (K, D, D), for scatters (K, D, D) or (K, D).

    An M-step returns them where a component has collapsed and the structure has no answer. One of
    them is then singular, which the next E-step reports.
    """
    if scatter.ndim == 2:
        return diagonal_matrices(scatter / counts[:, None])
    return np.asarray(scatter / counts[:, None, None])


def geometric_means(moments: FloatArray) -> FloatArray:
    """Geometric mean of each row of positive numbers, shape (K,)."""
    return np.asarray(np.exp(np.log(moments).mean(axis=1)))
