"""Covariance structures of the posterior: which parameters each has, and on which scale.

The names are those of :mod:`gmm_em.covariance`. There a structure answers for the M-step, here for
the prior, the unconstrained vector and the PyMC model. All four follow from three yes-or-no facts,
so a structure is these facts and what follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gmm_bayes.core.checks import check_covariance_type


@dataclass(frozen=True)
class Structure:
    """One family of covariance matrices.

    Every covariance of it is ``diag(s) C diag(s)``, with s standard deviations and C correlations.

    Parameters
    ----------
    name : str
        As in :data:`gmm_em.covariance.registry.STRUCTURES`.
    shared : bool
        Whether all components have the same covariance.
    isotropic : bool
        Whether all features have the same standard deviation; then they are standardised by one
        common scale, for rescaling features one by one would leave the family.
    correlated : bool
        Whether correlations are free; otherwise they are zero.
    """

    name: str
    shared: bool = False
    isotropic: bool = False
    correlated: bool = True

    def n_covariances(self, n_components: int) -> int:
        """Return how many covariances there are: K, or 1 where it is shared."""
        return 1 if self.shared else n_components

    def n_sds(self, n_features: int) -> int:
        """Return the number of standard deviations of one covariance: D, or 1."""
        return 1 if self.isotropic else n_features

    def n_correlations(self, n_features: int) -> int:
        """Return the number of free correlations of one covariance: D(D-1)/2, or 0."""
        return n_features * (n_features - 1) // 2 if self.correlated else 0

    def members(self, n_components: int) -> int:
        """Return how many components have a covariance in common: K where it is shared, or 1."""
        return n_components if self.shared else 1

    def pooled(self, variances: Any) -> Any:
        """Return the features' variances (..., D) as those of the free standard deviations.

        The mean (..., 1) where the standard deviation is common; otherwise as they are. NumPy
        arrays or symbolic tensors.
        """
        return variances.mean(axis=-1, keepdims=True) if self.isotropic else variances

    @property
    def covariance_dims(self) -> tuple[str, ...]:
        """Name the axis over covariances, for variables of the PyMC model."""
        return () if self.shared else ("component",)

    @property
    def sd_dims(self) -> tuple[str, ...]:
        """Name the axes of the standard deviations, for variables of the PyMC model."""
        return self.covariance_dims if self.isotropic else (*self.covariance_dims, "feature")


STRUCTURES: dict[str, Structure] = {
    structure.name: structure
    for structure in (
        Structure("full"),
        Structure("tied", shared=True),
        Structure("diag", correlated=False),
        Structure("spherical", isotropic=True, correlated=False),
    )
}
FULL = STRUCTURES["full"]


def get_structure(covariance_type: str) -> Structure:
    """Return the structure of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    return STRUCTURES[check_covariance_type(covariance_type)]
