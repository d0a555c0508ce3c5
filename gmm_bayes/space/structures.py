"""Covariance structures of the posterior: which parameters each has, and on which scale.

A structure of :mod:`gmm_em.covariance` answers for the M-step and counts the free parameters. What
the prior, the unconstrained vector and the PyMC model need to know follows from those counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gmm_bayes.core.checks import check_covariance_type
from gmm_bayes.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import SKLEARN_NAMES
from gmm_em.covariance.registry import STRUCTURES as OF_EM


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
        """Name of the structure, as in :data:`gmm_em.covariance.registry.STRUCTURES`."""
        return self.em.name

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
        return variances.mean(axis=-1, keepdims=True) if self.isotropic else variances

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


STRUCTURES: dict[str, Structure] = {name: Structure(OF_EM[name]) for name in SKLEARN_NAMES}
FULL = STRUCTURES["full"]


def get_structure(covariance_type: str) -> Structure:
    """Return the structure of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    return STRUCTURES[check_covariance_type(covariance_type, tuple(STRUCTURES))]
