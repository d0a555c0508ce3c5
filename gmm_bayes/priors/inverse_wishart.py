"""The default prior: independent normal means and inverse-Wishart covariances."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, override

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.conjugate import (
    SemiConjugatePrior,
    conjugate_law,
    degrees_of_freedom,
)
from gmm_bayes.priors.data_scale import DataScale, symmetric_root
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
from gmm_bayes.priors.terms import PriorTerms, normal_mean_terms
from gmm_bayes.space.structures import Structure

_SHARE_WITHIN = 0.5
"""Share of the data's spread that the default scale matrix gives to the components themselves; the
rest lies between their means."""

_DIAGONAL_SHARE = 0.01
"""Share of the diagonal in the correlations that the default scale matrix is made from. It keeps
the matrix positive definite where features are collinear."""


@dataclass(frozen=True)
class InverseWishartPrior(SemiConjugatePrior):
    """Independent normal means, inverse-Wishart covariances and Dirichlet weights: the default.

    ::

        weights         ~ Dirichlet(concentration, ..., concentration)
        means[k, d]     ~ Normal(mean_loc[d], mean_scale[d])
        covariances[k]  ~ InverseWishart(nu, psi)

    all independent, the same for every component. This prior is *semi-conjugate*: given the means
    the covariances have an inverse-Wishart distribution, and given the covariances the means have a
    normal one, so that every sampler takes it.

    The density vanishes as ``exp(-tr(psi S^-1) / 2)`` when a covariance S approaches a singular
    one. So the posterior is proper whatever the data, tied rows included. Standard deviations that
    are half-normal, as in :class:`LKJPrior`, do not vanish at zero: a component on c tied rows then
    has an infinite integral. A gamma distribution with shape 2 (Chung et al. 2013) is not enough
    for three ties.

    The defaults are for standardised data. ``nu = D + 2`` is the vaguest integer that gives a
    covariance a mean, which is `psi`. A component of n rows with covariance S then has about the
    posterior mean ``(n S + psi) / (n + 1)``, so the prior is worth one row. The default of `psi` is
    ``R ** (1 / 2) / (2 K ** (2 / D))`` with R the correlations of the data:

    - Dividing by ``K ** (2 / D)`` gives K components together the volume of one that is as wide as
      the data (Fraley & Raftery 2007, section 3.2).
    - The 2 says that half of the spread lies between the components (Frühwirth-Schnatter 2006,
      section 6.3.2, has such a share).
    - The matrix root of R is half-way between R and the identity. In R the distances between
      components count as if they were the width of each, along the direction that separates them.
      The identity is far wider than any component where features are nearly collinear. On the iris
      data with K = 3 the marginal likelihood of the root is e^19 times that of R and e^4 times that
      of the identity.

    One part in 100 of R is the identity, so that `psi` is positive definite where features are
    collinear. ``Normal(0, 1)`` puts means where data are. ``Dirichlet(2)`` is flat but for
    vanishing at an empty component, whose other parameters the data say nothing of.

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    mean_scale : float or sequence of D floats, default 1
        Standard deviation of the component means around `mean_loc`; positive.
    nu : float, optional
        Degrees of freedom, more than D - 1; ``D + 2`` by default.
    psi : float, sequence of D floats or D x D nested sequence, optional
        Scale matrix: a multiple of the identity, a diagonal, or the matrix itself; positive
        definite. The mean of a covariance is ``psi / (nu - D - 1)``. By default it follows from the
        data and the number of components, as said above, on either scale.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc`, `mean_scale` and `psi` are those of standardised data or in the data's
        own units.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Chung, Rabe-Hesketh, Dorie, Gelman & Liu (2013), Psychometrika 78, 685-709.
    Fraley & Raftery (2007), J. Classification 24, 155-181.
    Frühwirth-Schnatter (2006), *Finite Mixture and Markov Switching Models*.
    """

    kind: ClassVar[str] = "inverse-wishart"

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    mean_scale: PerFeature = 1.0
    nu: float | None = None
    psi: ScaleMatrix | None = None
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "mean_scale": per_feature("mean_scale", self.mean_scale, positive=True),
            "nu": None if self.nu is None else number("nu", self.nu, positive=True),
            "psi": None if self.psi is None else scale_matrix(self.psi),
        }
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""
        check_widths(self, ("mean_loc", "mean_scale", "psi"), n_features)
        check_dof(self.nu, n_features)

    @override
    def covariance_dof(self, n_features: int) -> float:
        """Return `nu`, by default ``D + 2``."""
        return degrees_of_freedom(self.nu, n_features)

    @property
    @override
    def takes_from_data(self) -> str | None:
        """``"psi"``, if that follows from the data, or None."""
        return "psi" if self.psi is None else None

    @override
    def written_out(self, data: DataScale) -> Self:
        """Return the prior with its scale matrix as numbers."""
        if self.psi is not None:
            return self
        psi = scaled_to_components(data)
        if self.in_own_units:
            psi = psi * (data.scale[:, None] * data.scale[None, :])
        return replace(self, psi=tuple(map(tuple, psi.tolist())))

    def standardised(self, data: DataScale) -> tuple[FloatArray, FloatArray, float, FloatArray]:
        """Return ``mean_loc``, ``mean_scale``, ``nu`` and ``psi`` (D, D) on standardised data."""
        loc, scale = data.loc, data.scale
        d = len(loc)
        nu = degrees_of_freedom(self.nu, d)
        mean_loc, mean_scale = np.asarray(self.mean_loc), np.asarray(self.mean_scale)
        if self.in_own_units:
            mean_loc, mean_scale = (mean_loc - loc) / scale, mean_scale / scale
        else:
            mean_loc, mean_scale = mean_loc + 0.0 * loc, mean_scale + 0.0 * loc
        if self.psi is None:
            return mean_loc, mean_scale, nu, scaled_to_components(data)
        psi = np.asarray(self.psi)
        psi = psi if psi.ndim == 2 else np.diag(np.broadcast_to(psi, d))
        if self.in_own_units:
            psi = psi / (scale[:, None] * scale[None, :])
        return mean_loc, mean_scale, nu, psi

    @override
    def numbers(self, data: DataScale) -> dict[str, float | FloatArray]:
        """Return the hyperparameters for data standardised as `data` say."""
        mean_loc, mean_scale, nu, psi = self.standardised(data)
        return {
            "concentration": self.concentration,
            "mean_loc": mean_loc,
            "mean_scale": mean_scale,
            "nu": nu,
            "psi": psi,
        }

    @override
    def terms(self, data: DataScale, structure: Structure) -> PriorTerms:
        """Return the density on data standardised as `data` say."""
        mean_loc, mean_scale, nu, psi = self.standardised(data)
        law = conjugate_law(structure, nu, psi)
        return PriorTerms(normal_mean_terms(mean_loc, mean_scale), law.terms())

    @override
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""
        # In the prior's own units: its location is 0 and its scale 1.
        zero, one = np.zeros(n_features), np.ones(n_features)
        data = DataScale(zero, one, np.eye(n_features), n_components)
        mean_loc, mean_scale, nu, psi = self.standardised(data)
        law = conjugate_law(structure, nu, psi)
        factors = law.sample(rng, structure.n_covariances(n_components))
        factors = np.broadcast_to(factors, (n_components, n_features, n_features))
        noise = rng.standard_normal((n_components, n_features))
        return mean_loc + mean_scale * noise, factors @ factors.transpose(0, 2, 1)


def scaled_to_components(data: DataScale) -> FloatArray:
    """Return the default scale matrix (D, D) on standardised data."""
    d = len(data.loc)
    share = (1.0 - _DIAGONAL_SHARE) + _DIAGONAL_SHARE * np.eye(d)
    root = symmetric_root(data.covariance * share)
    return np.asarray(_SHARE_WITHIN * root / data.n_components ** (2.0 / d))
