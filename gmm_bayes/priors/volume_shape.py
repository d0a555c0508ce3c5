"""The prior of structures by volume, shape and orientation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, override

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.hyperparameters import (
    PerFeature,
    Scale,
    check_scale,
    check_widths,
    number,
    per_feature,
)
from gmm_bayes.priors.inverse_wishart import scaled_to_components
from gmm_bayes.priors.terms import PriorTerms, VolumeTerms, normal_mean_terms
from gmm_bayes.space.decomposed import DecomposedSpace
from gmm_bayes.space.structures import Decomposed, Structure


@dataclass(frozen=True)
class VolumeShapePrior(Prior):
    """Independent volumes, shapes and orientations, some of which the components share.

    A covariance is ``volume * exp(L)`` with a symmetric matrix L of trace zero, whose eigenvalues
    are the logarithms of the shape and whose eigenvectors are the orientation
    (Banfield & Raftery 1993)::

        weights         ~ Dirichlet(concentration, ..., concentration)
        means[k, d]     ~ Normal(mean_loc[d], mean_scale[d])
        volumes         ~ InverseGamma(nu / 2, psi / 2)
        L               ~ a normal distribution that no rotation changes

    all independent. What components have in common is drawn once, and what each has of its own is
    drawn for each from the same distribution. Where shape and orientation are both common, or both
    each component's own, the coordinates of L in an orthonormal basis have the standard deviation
    `log_shape_scale`. Where L is diagonal, or only one of the two is common, so have those of the
    logarithms of the shape; the orientation is then uniform over rotations.

    A likelihood has no upper bound only where a volume goes to zero, as its factors are at most
    ``(2 pi volume)**(-D / 2)``. There the prior's density vanishes as ``exp(-psi / (2 volume))``.
    So the posterior is proper whatever the data, tied rows included.

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    mean_scale : float or sequence of D floats, default 1
        Standard deviation of the component means around `mean_loc`; positive.
    nu : float, default 3
        Degrees of freedom of a volume; positive. As for one variance under the default of
        :class:`InverseWishartPrior`, 3 is the vaguest integer that gives a volume a mean, `psi`.
    psi : float, optional
        Scale of a volume; positive. By default the volume (the D-th root of the determinant) of the
        default scale matrix of :class:`InverseWishartPrior`, which follows from the data and the
        number of components.
    log_shape_scale : float, default 2
        Standard deviation of the logarithms of the shape; positive. With 2 a variance along an axis
        is between 1/50 and 50 times the volume in at least nineteen of twenty cases.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc`, `mean_scale` and `psi` are those of standardised data or in the data's
        own units. Standardised, every feature has a scale of its own where that leaves the family.
        In the data's own units, a shape is one of the features as they are.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Banfield & Raftery (1993), Biometrics 49, 803-821.
    """

    kind: ClassVar[str] = "volume-shape"
    takes_decomposed: ClassVar[bool] = True

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    mean_scale: PerFeature = 1.0
    nu: float = 3.0
    psi: float | None = None
    log_shape_scale: float = 2.0
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "mean_scale": per_feature("mean_scale", self.mean_scale, positive=True),
            "nu": number("nu", self.nu, positive=True),
            "psi": None if self.psi is None else number("psi", self.psi, positive=True),
            "log_shape_scale": number("log_shape_scale", self.log_shape_scale, positive=True),
        }
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a per-feature hyperparameter has not `n_features` entries."""
        check_widths(self, ("mean_loc", "mean_scale"), n_features)

    @property
    @override
    def takes_from_data(self) -> str | None:
        """``"psi"``, if that follows from the data, or None."""
        return "psi" if self.psi is None else None

    @property
    @override
    def one_scale(self) -> bool:
        return self.in_own_units

    @override
    def written_out(self, data: DataScale) -> Self:
        """Return the prior with the scale of a volume as a number."""
        if self.psi is not None:
            return self
        psi = float(_volume(data))
        if self.in_own_units:
            psi *= float(data.scale[0] ** 2)
        return replace(self, psi=psi)

    def standardised(self, data: DataScale) -> tuple[Any, Any, Any]:
        """Return ``mean_loc``, ``mean_scale`` (D,) and ``psi`` on standardised data."""
        loc, scale = data.loc, data.scale
        mean_loc, mean_scale = np.asarray(self.mean_loc), np.asarray(self.mean_scale)
        psi = _volume(data) if self.psi is None else self.psi
        if not self.in_own_units:
            return mean_loc + 0.0 * loc, mean_scale + 0.0 * loc, psi
        own = psi if self.psi is None else psi / scale[0] ** 2
        return (mean_loc - loc) / scale, mean_scale / scale, own

    @override
    def numbers(self, data: DataScale) -> dict[str, float | FloatArray]:
        """Return the hyperparameters for data standardised as `data` say."""
        mean_loc, mean_scale, psi = self.standardised(data)
        return {
            "concentration": self.concentration,
            "mean_loc": mean_loc,
            "mean_scale": mean_scale,
            "nu": self.nu,
            "psi": float(psi),
            "log_shape_scale": self.log_shape_scale,
        }

    @override
    def terms(self, data: DataScale, structure: Structure) -> PriorTerms:
        """Return the density on data standardised as `data` say."""
        mean_loc, mean_scale, psi = self.standardised(data)
        assert isinstance(structure, Decomposed)
        space = DecomposedSpace(data.n_components, len(data.loc), structure)
        volumes = VolumeTerms.of(space, self.nu, float(psi), self.log_shape_scale)
        return PriorTerms(normal_mean_terms(mean_loc, mean_scale), volumes)

    @override
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""
        assert isinstance(structure, Decomposed)
        assert self.psi is not None
        space = DecomposedSpace(n_components, n_features, structure)
        volumes, shapes, matrices = space.blocks
        # Where only eigenvectors of matrices have a meaning, they are uniform over rotations, which
        # those of standard normal matrices are, too.
        noise = rng.standard_normal((n_components, n_features))
        means = np.asarray(self.mean_loc) + np.asarray(self.mean_scale) * noise
        drawn = 0.5 * self.psi / rng.standard_gamma(0.5 * self.nu, size=volumes)
        own = self.log_shape_scale
        return means, space.covariances(
            np.log(drawn),
            own * rng.standard_normal(shapes),
            (1.0 if structure.turned else own) * rng.standard_normal(matrices),
        )


def _volume(data: DataScale) -> float:
    """Return the volume of the default scale matrix on standardised data."""
    log_det = np.linalg.slogdet(scaled_to_components(data))[1]
    return float(np.exp(log_det / len(data.loc)))
