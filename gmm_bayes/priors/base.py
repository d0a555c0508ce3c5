"""What a prior offers to the density, the PyMC model and the samplers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.hyperparameters import (
    Scale,
)
from gmm_bayes.priors.terms import (
    PriorTerms,
)
from gmm_bayes.space.structures import Structure, get_structure
from gmm_em import Mixture


class Prior(ABC):
    """What a prior must answer; the components are independent and alike under all of them."""

    concentration: float
    """Of the weights' symmetric Dirichlet distribution."""
    scale: Scale
    """Whether it speaks of standardised data or is in the data's own units."""

    @abstractmethod
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""

    @abstractmethod
    def terms(self, loc: FloatArray, scale: FloatArray, structure: Structure) -> PriorTerms:
        """Return the density on data standardised by `loc` and `scale` (D,)."""

    @abstractmethod
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""

    def sample(
        self,
        rng: np.random.Generator,
        n_components: int,
        n_features: int,
        covariance_type: str = "full",
    ) -> Mixture:
        """Return one mixture drawn from the prior.

        Parameters
        ----------
        rng : numpy.random.Generator
        n_components, n_features : int
        covariance_type : {"full", "tied", "diag", "spherical"}, default "full"

        Returns
        -------
        gmm_em.Mixture
            In the units that the prior speaks of: the data's own, or standardised ones.

        Raises
        ------
        ValueError
            If a hyperparameter does not fit `n_features` features.
        """
        self.check_width(n_features)
        weights = rng.dirichlet(np.full(n_components, self.concentration))
        structure = get_structure(covariance_type)
        return Mixture(weights, *self.draw_components(rng, n_components, n_features, structure))
