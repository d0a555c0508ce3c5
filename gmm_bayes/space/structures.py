"""Covariance structures of the posterior: which parameters each has, and on which scale.

A structure of :mod:`gmm_em.covariance` answers for the M-step and counts the free parameters. What
the prior, the unconstrained vector and the PyMC model need to know follows from those counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, override

from gmm_bayes.core.checks import check_covariance_type
from gmm_bayes.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.decomposed import Decomposed as DecomposedOfEM
from gmm_em.covariance.registry import NAMES
from gmm_em.covariance.registry import get_structure as of_em


def common_mean(variances: Any) -> Any:
    """Return the mean (..., 1) of the features' variances (..., D)."""
    return variances.mean(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Structure:
    """One family of covariance matrices.

    Every covariance of it is ``diag(s) C diag(s)``, with s standard deviations and C correlations.
    Components have all of a covariance in common or nothing, features have one standard deviation
    in common or none, and correlations are all free or all zero.

    Parameters
    ----------
    em : gmm_em.CovarianceStructure
        The same family in the EM algorithm.
    """

    em: CovarianceStructure

    @property
    def name(self) -> str:
        """Name of the structure, one of :data:`gmm_em.covariance.registry.NAMES`."""
        return self.em.name

    @property
    def decomposed(self) -> bool:
        """Whether it has a volume, a shape and an orientation in place of those."""
        return False

    @property
    def shared(self) -> bool:
        """Whether all components have the same covariance."""
        return self.em.n_parameters(2, 1) == self.em.n_parameters(1, 1)

    @property
    def isotropic(self) -> bool:
        """Whether all features have the same standard deviation.

        They are then standardised by one common scale: rescaling features one by one would leave
        the family.
        """
        return self.em.common_scale

    @property
    def correlated(self) -> bool:
        """Whether correlations are free; otherwise they are zero."""
        return self.n_correlations(2) > 0

    def n_covariances(self, n_components: int) -> int:
        """Return how many covariances there are: K, or 1 where it is shared."""
        return 1 if self.shared else n_components

    def n_sds(self, n_features: int) -> int:
        """Return the number of standard deviations of one covariance: D, or 1."""
        return 1 if self.isotropic else n_features

    def n_correlations(self, n_features: int) -> int:
        """Return the number of free correlations of one covariance: D(D-1)/2, or 0."""
        return self.em.n_parameters(1, n_features) - self.n_sds(n_features)

    def members(self, n_components: int) -> int:
        """Return how many components have a covariance in common: K where it is shared, or 1."""
        return n_components if self.shared else 1

    def pooled(self, variances: Any) -> Any:
        """Return the features' variances (..., D) as those of the free standard deviations.

        Where the standard deviation is common, that is their mean (..., 1); otherwise they are
        returned as they are. NumPy arrays or symbolic tensors.
        """
        return common_mean(variances) if self.isotropic else variances

    def maximize(self, counts: FloatArray, scatter: FloatArray) -> FloatArray:
        """Return the M-step's covariances (K, D, D).

        Parameters
        ----------
        counts : ndarray of shape (K,)
            Weighted count of each component.
        scatter : ndarray of shape (K, D, D)
            Weighted sums of products of deviations from the components' own means.
        """
        return self.em.covariances(counts, self.em.reduce(scatter), float(counts.sum()))

    @property
    def covariance_dims(self) -> tuple[str, ...]:
        """Name the axis over covariances, for variables of the PyMC model."""
        return () if self.shared else ("component",)

    @property
    def sd_dims(self) -> tuple[str, ...]:
        """Name the axes of the standard deviations, for variables of the PyMC model."""
        return self.covariance_dims if self.isotropic else (*self.covariance_dims, "feature")


@dataclass(frozen=True)
class Decomposed(Structure):
    """A family in which components share some of volume, shape and orientation, not all or none.

    Every covariance of it is ``exp(v) exp(L)`` with a log-volume v and a symmetric matrix L of
    trace zero, of which exp is the matrix exponential: the eigenvalues of L are the logarithms of
    the shape, and its eigenvectors are the orientation.

    Parameters
    ----------
    em : gmm_em.covariance.decomposed.Decomposed
    """

    em: DecomposedOfEM

    @property
    @override
    def decomposed(self) -> bool:
        return True

    @property
    @override
    def shared(self) -> bool:
        return False

    @property
    @override
    def correlated(self) -> bool:
        return self.em.orientation != "axes"

    @override
    def n_sds(self, n_features: int) -> int:
        return n_features

    @property
    def whole_matrix(self) -> bool:
        """Whether shape and orientation are both common, or both each component's own.

        L is then a free matrix.
        """
        own_axes = {"common": False, "own": True}.get(self.em.orientation)
        return own_axes is not None and own_axes == self.em.own_shape

    @property
    def turned(self) -> bool:
        """Whether shape and orientation are free apart from each other.

        The orientation is then that of the eigenvectors of a matrix whose eigenvalues say nothing.
        """
        return self.correlated and not self.whole_matrix

    @property
    def n_volumes(self) -> tuple[int, int]:
        """Whether volumes are common (1, 0) or each component's own (0, 1)."""
        return _common_or_own(self.em.own_volume)

    @property
    def n_shapes(self) -> tuple[int, int]:
        """The same for vectors of log-shapes; (0, 0) where matrices have the shape."""
        return (0, 0) if self.whole_matrix else _common_or_own(self.em.own_shape)

    @property
    def n_matrices(self) -> tuple[int, int]:
        """The same for matrices; (0, 0) where the orientation is that of the features."""
        return _common_or_own(self.em.orientation == "own") if self.correlated else (0, 0)


def _common_or_own(own: bool) -> tuple[int, int]:
    return (0, 1) if own else (1, 0)


def _offered(em: CovarianceStructure) -> Iterator[Structure]:
    """Yield the structure of the posterior that is one of EM, if there is one."""
    if isinstance(em, DecomposedOfEM):
        yield Decomposed(em)
        return
    # One variance, a variance for each of three features, or a whole matrix.
    free = {1} if em.common_scale else {3, 6}
    if em.n_parameters(1, 3) in free and em.n_parameters(2, 3) in {
        n * f for n in (1, 2) for f in free
    }:
        yield Structure(em)


STRUCTURES: dict[str, Structure] = {
    name: structure for name in NAMES for structure in _offered(of_em(name))
}
FULL = STRUCTURES["full"]


def get_structure(covariance_type: str) -> Structure:
    """Return the structure of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    return STRUCTURES[check_covariance_type(covariance_type, tuple(STRUCTURES))]
