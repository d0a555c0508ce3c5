"""The normal-inverse-Wishart prior, conjugate to a component."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.conjugate import (
    SemiConjugatePrior,
    conjugate_law,
    degrees_of_freedom,
)
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.hyperparameters import (
    PerFeature,
    Scale,
    ScaleMatrix,
    check_dof,
    check_scale,
    check_widths,
    number,
    per_feature,
    scale_matrix,
)
from gmm_bayes.priors.terms import (
    PriorTerms,
    conjugate_mean_terms,
)
from gmm_bayes.space.structures import Structure


@dataclass(frozen=True)
class NIWPrior(SemiConjugatePrior):
    """Conjugate prior: normal-inverse-Wishart components and Dirichlet weights.

    ::

        weights         ~ Dirichlet(concentration, ..., concentration)
        covariances[k]  ~ InverseWishart(nu, psi)
        means[k]        ~ Normal(mean_loc, covariances[k] / kappa)

    independent over components and the same for each. Conjugacy allows the blocked Gibbs sampler.
    Unlike :class:`LKJPrior` it vanishes at singular covariances, so the posterior is proper even
    where rows are tied.

    The defaults are for standardised data. ``Dirichlet(2)`` as in :class:`LKJPrior`. ``nu = D +
    2`` is the vaguest integer that gives the covariance a mean, which is `psi`: components half as
    wide as all the data in every direction. ``kappa = 0.1`` then puts their means about 1.6
    standard deviations of the data around its centre, so wherever the data are.

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    kappa : float, default 0.1
        How many observations the prior on a mean is worth; positive.
    nu : float, optional
        Degrees of freedom, more than D - 1; ``D + 2`` by default.
    psi : float, sequence of D floats or D x D nested sequence, default 0.25
        Scale matrix: a multiple of the identity, a diagonal, or the matrix itself; positive
        definite. The mean of a covariance is ``psi / (nu - D - 1)``.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc` and `psi` are those of standardised data or in the data's own units.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., section 3.6.
    """

    kind: ClassVar[str] = "niw"

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    kappa: float = 0.1
    nu: float | None = None
    psi: ScaleMatrix = 0.25
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "kappa": number("kappa", self.kappa, positive=True),
            "nu": None if self.nu is None else number("nu", self.nu, positive=True),
            "psi": scale_matrix(self.psi),
        }
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""
        check_widths(self, ("mean_loc", "psi"), n_features)
        check_dof(self.nu, n_features)

    @override
    def covariance_dof(self, n_features: int) -> float:
        """Return `nu`, by default ``D + 2``."""
        return degrees_of_freedom(self.nu, n_features)

    def standardised(self, loc: Any, scale: Any) -> tuple[Any, float, float, Any]:
        """Return ``mean_loc`` (D,), ``kappa``, ``nu`` and ``psi`` (D, D) on standardised data.

        `loc` and `scale` (D,) are those of the standardisation.
        """
        d = len(loc)
        nu = degrees_of_freedom(self.nu, d)
        psi = np.asarray(self.psi)
        psi = psi if psi.ndim == 2 else np.diag(np.broadcast_to(psi, d))
        if not self.in_own_units:
            return np.asarray(self.mean_loc) + 0.0 * loc, self.kappa, nu, psi
        mean_loc = (np.asarray(self.mean_loc) - loc) / scale
        return mean_loc, self.kappa, nu, psi / (scale[:, None] * scale[None, :])

    @override
    def numbers(self, data: DataScale) -> dict[str, float | FloatArray]:
        """Return the hyperparameters for data standardised as `data` say."""
        mean_loc, kappa, nu, psi = self.standardised(data.loc, data.scale)
        return {
            "concentration": self.concentration,
            "mean_loc": mean_loc,
            "kappa": kappa,
            "nu": nu,
            "psi": psi,
        }

    @override
    def terms(self, data: DataScale, structure: Structure) -> PriorTerms:
        """Return the density on data standardised as `data` say."""
        mean_loc, kappa, nu, psi = self.standardised(data.loc, data.scale)
        law = conjugate_law(structure, nu, psi)
        return PriorTerms(conjugate_mean_terms(mean_loc, kappa), law.terms())

    @override
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""
        # In the prior's own units: its location is 0 and its scale 1.
        mean_loc, kappa, nu, psi = self.standardised(np.zeros(n_features), np.ones(n_features))
        law = conjugate_law(structure, nu, psi)
        factors = law.sample(rng, structure.n_covariances(n_components))
        factors = np.broadcast_to(factors, (n_components, n_features, n_features))
        noise = rng.standard_normal((n_components, n_features, 1))
        means = mean_loc + (factors @ noise)[..., 0] / math.sqrt(kappa)
        return means, factors @ factors.transpose(0, 2, 1)
