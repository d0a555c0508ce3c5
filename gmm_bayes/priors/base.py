"""The interface of a prior to the density, the PyMC model and the samplers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.hyperparameters import Scale, arguments, plain
from gmm_bayes.priors.terms import PriorTerms
from gmm_bayes.space.structures import Structure, get_structure
from gmm_em import Mixture


class Prior(ABC):
    """What a prior must answer.

    Under every prior the components are independent and alike. A class that inherits from this one
    is a frozen dataclass whose fields are the hyperparameters.
    """

    kind: ClassVar[str]
    """Name of the prior in files."""
    takes_decomposed: ClassVar[bool] = False
    """Whether it is for structures by volume, shape and orientation, and for no others."""
    concentration: float
    """Of the symmetric Dirichlet distribution of the weights."""
    scale: Scale
    """Whether the hyperparameters are those of standardised data or in the data's own units."""

    @abstractmethod
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""

    def check_structure(self, structure: Structure) -> None:
        """Raise ValueError if this is no prior of covariances of that structure."""
        if structure.decomposed and not self.takes_decomposed:
            raise ValueError(
                f"covariance_type is {structure.name!r}, whose prior is a VolumeShapePrior; "
                f"{type(self).__name__} is for components that have all of a covariance in common, "
                "or nothing"
            )
        if self.takes_decomposed and not structure.decomposed:
            raise ValueError(
                f"covariance_type is {structure.name!r}, but a {type(self).__name__} is for "
                "structures by volume, shape and orientation; use prior=InverseWishartPrior()"
            )

    @property
    def one_scale(self) -> bool:
        """Whether data are standardised by one scale for all features, whatever the structure."""
        return False

    @abstractmethod
    def terms(self, data: DataScale, structure: Structure) -> PriorTerms:
        """Return the density on data standardised as `data` say."""

    @abstractmethod
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""

    def numbers(self, data: DataScale) -> dict[str, float | FloatArray]:
        """Return every hyperparameter of the laws in the class's docstring, by its name there.

        They are those for data that are standardised as `data` say; what is one for each feature
        has shape (D,), a scale matrix (D, D). Nothing is left to a default.

        Raises
        ------
        ValueError
            If this prior has no such list.
        """
        raise ValueError(
            f"a {type(self).__name__} is not written out for other programs, allowed are "
            "inverse-wishart, hierarchical, lkj, niw and volume-shape"
        )

    @property
    def takes_from_data(self) -> str | None:
        """The hyperparameter that follows from the data by default, or None if none does."""
        return None

    def written_out(self, data: DataScale) -> Self:
        """Return the same prior with every hyperparameter that follows from the data as numbers."""
        return self

    def improper_on(self, X: FloatArray, n_components: int, structure: Structure) -> str | None:
        """Return why the posterior given `X` (N, D) has no finite integral, or None if it has one.

        The answer is one sentence.
        """
        return None

    @property
    def in_own_units(self) -> bool:
        """Whether the hyperparameters are in the data's own units."""
        return self.scale == "data"

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain values, ready for TOML or JSON.

        A hyperparameter that is None is left out.
        """
        values = {k: plain(v) for k, v in vars(self).items() if v is not None}
        return {"kind": self.kind, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the prior that :meth:`to_dict` described; missing keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown or ``kind`` is another prior's.
        """
        return cls(**arguments(cls, cls.kind, values))

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
        covariance_type : str, default "full"

        Returns
        -------
        gmm_em.Mixture
            In the units of the hyperparameters: the data's own, or standardised ones.

        Raises
        ------
        ValueError
            If a hyperparameter does not fit `n_features` features, or follows from the data, which
            are not here.
        """
        self.check_width(n_features)
        if self.takes_from_data is not None:
            raise ValueError(
                f"prior's {self.takes_from_data} follows from the data, which are not given here; "
                "give it as a number, or call GaussianMixtureBayes.sample_prior_predictive"
            )
        weights = rng.dirichlet(np.full(n_components, self.concentration))
        structure = get_structure(covariance_type)
        self.check_structure(structure)
        return Mixture(weights, *self.draw_components(rng, n_components, n_features, structure))
