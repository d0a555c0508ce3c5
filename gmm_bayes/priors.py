"""Prior distributions: what they mean, and on which scale they speak."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, override

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from gmm_bayes.conjugate import conjugate_law
from gmm_bayes.hyperparameters import (
    PerFeature,
    Scale,
    arguments,
    check_scale,
    number,
    per_feature,
    plain,
    scale_matrix,
)
from gmm_bayes.prior_terms import (
    PriorTerms,
    conjugate_mean_terms,
    independent_terms,
    partial_correlation_shapes,
)
from gmm_bayes.structures import Structure, get_structure
from gmm_bayes.unconstrained import UnconstrainedSpace
from gmm_em import Mixture

FloatArray = NDArray[np.float64]


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


@dataclass(frozen=True)
class LKJPrior(Prior):
    """Weakly informative prior with separate scales and correlations.

    ::

        weights              ~ Dirichlet(concentration, ..., concentration)
        means[k, d]          ~ Normal(mean_loc[d], mean_scale[d])
        sds[k, d]            ~ HalfNormal(sd_scale[d])
        correlation[k]       ~ LKJ(eta)

    all independent, the same for every component, so that the posterior is invariant to
    relabelling.

    The defaults speak of standardised data, ``z = (x - mean) / population standard deviation``, and
    are meant to rule out nonsense only. ``Dirichlet(2)`` is flat but for vanishing at an empty
    component, where every other parameter of it would be unidentified. ``Normal(0, 1)`` puts
    component means where data are. ``HalfNormal(1)`` says that no component is much wider than all
    the data together, which is true by construction, and leaves small ones free. ``LKJ(1)`` is
    uniform over correlation matrices (Lewandowski, Kurowicka & Joe 2009).

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    mean_scale : float or sequence of D floats, default 1
        Standard deviation of the component means around `mean_loc`; positive.
    sd_scale : float or sequence of D floats, default 1
        Scale of the half-normal distribution of the components' standard deviations; positive.
    eta : float, default 1
        LKJ shape: 1 is uniform, larger values favour weak correlations; positive. Unused for D = 1.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc`, `mean_scale` and `sd_scale` speak of standardised data or are in the
        data's own units. Standardised hyperparameters make the prior depend on the data's first two
        moments; state them in the data's units where that is not wanted.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Lewandowski, Kurowicka & Joe (2009), "Generating random correlation matrices based on vines and
    extended onion method", J. Multivariate Analysis 100, section 2.
    """

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    mean_scale: PerFeature = 1.0
    sd_scale: PerFeature = 1.0
    eta: float = 1.0
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked = {
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "mean_scale": per_feature("mean_scale", self.mean_scale, positive=True),
            "sd_scale": per_feature("sd_scale", self.sd_scale, positive=True),
            "eta": number("eta", self.eta, positive=True),
        }
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain numbers, strings and lists, ready for TOML or JSON."""
        return {"kind": "lkj", **{k: plain(v) for k, v in asdict(self).items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LKJPrior:
        """Return the prior that :meth:`to_dict` described; missing keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown or ``kind`` is not "lkj".
        """
        return cls(**arguments(cls, "lkj", values))

    def standardised(self, loc: Any, scale: Any) -> tuple[Any, Any, Any]:
        """Return ``mean_loc, mean_scale, sd_scale`` (each (D,)) as they read on standardised data.

        `loc` and `scale` (D,) are those of the standardisation. Only arithmetic is used, so that
        they may be NumPy arrays or symbolic tensors.
        """
        own = [np.asarray(v) for v in (self.mean_loc, self.mean_scale, self.sd_scale)]
        if self.scale == "standardised":
            return own[0] + 0.0 * loc, own[1] + 0.0 * loc, own[2] + 0.0 * loc
        return (own[0] - loc) / scale, own[1] / scale, own[2] / scale

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a per-feature hyperparameter has not `n_features` entries."""
        for name in ("mean_loc", "mean_scale", "sd_scale"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != n_features:
                raise ValueError(
                    f"prior's {name} has {len(value)} entries, but the data have {n_features} "
                    "features; give one number, or one for each feature"
                )

    def sd_scales(self, sd_scale: Any, structure: Structure) -> Any:
        """Return `sd_scale` (D,) as the scales of the structure's free standard deviations."""
        return structure.pooled(sd_scale**2.0) ** 0.5

    @override
    def terms(self, loc: FloatArray, scale: FloatArray, structure: Structure) -> PriorTerms:
        """Return the density on data standardised by `loc` and `scale` (D,)."""
        mean_loc, mean_scale, sd_scale = self.standardised(loc, scale)
        return independent_terms(
            structure, mean_loc, mean_scale, self.sd_scales(sd_scale, structure), self.eta
        )

    @override
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""
        space = UnconstrainedSpace(n_components, n_features, structure)
        n_covariances = structure.n_covariances(n_components)
        sd_scale = np.broadcast_to(np.asarray(self.sd_scale), n_features)
        scales = np.broadcast_to(
            self.sd_scales(sd_scale, structure), (n_covariances, structure.n_sds(n_features))
        )
        shapes = partial_correlation_shapes(self.eta, structure, n_features)
        noise = rng.standard_normal((n_components, n_features))
        means = np.asarray(self.mean_loc) + np.asarray(self.mean_scale) * noise
        sds = scales * np.abs(rng.standard_normal(scales.shape))
        unit = rng.beta(shapes, shapes, size=(n_covariances, shapes.size))
        return means, space.covariances(np.log(sds), logit(unit))


@dataclass(frozen=True)
class NIWPrior(Prior):
    """Conjugate prior: normal-inverse-Wishart components and Dirichlet weights.

    ::

        weights         ~ Dirichlet(concentration, ..., concentration)
        covariances[k]  ~ InverseWishart(nu, psi)
        means[k]        ~ Normal(mean_loc, covariances[k] / kappa)

    independent over components and the same for each. Conjugacy allows the blocked Gibbs sampler.
    Unlike :class:`LKJPrior` it vanishes at singular covariances, so the posterior is proper even
    where rows are tied.

    The defaults speak of standardised data. ``Dirichlet(2)`` as in :class:`LKJPrior`. ``nu = D +
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
        Whether `mean_loc` and `psi` speak of standardised data or are in the data's own units.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., section 3.6.
    """

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    kappa: float = 0.1
    nu: float | None = None
    psi: float | tuple[float, ...] | tuple[tuple[float, ...], ...] = 0.25
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
    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain values, ready for TOML or JSON; an unset `nu` is left out."""
        values = {k: plain(v) for k, v in asdict(self).items() if v is not None}
        return {"kind": "niw", **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NIWPrior:
        """Return the prior that :meth:`to_dict` described; missing keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown or ``kind`` is not "niw".
        """
        return cls(**arguments(cls, "niw", values))

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""
        for name in ("mean_loc", "psi"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != n_features:
                raise ValueError(
                    f"prior's {name} is for {len(value)} features, but the data have {n_features}"
                )
        if self.nu is not None and self.nu <= n_features - 1:
            raise ValueError(
                f"prior's nu must be more than D - 1 = {n_features - 1}, but is {self.nu:g}"
            )

    def standardised(self, loc: Any, scale: Any) -> tuple[Any, float, float, Any]:
        """Return ``mean_loc`` (D,), ``kappa``, ``nu`` and ``psi`` (D, D) on standardised data.

        Only arithmetic on `loc` and `scale` (D,), which may be NumPy arrays or symbolic tensors.
        """
        d = int(loc.type.shape[0]) if hasattr(loc, "type") else len(loc)
        nu = d + 2.0 if self.nu is None else self.nu
        psi = np.asarray(self.psi)
        psi = psi if psi.ndim == 2 else np.diag(np.broadcast_to(psi, d))
        if self.scale == "standardised":
            return np.asarray(self.mean_loc) + 0.0 * loc, self.kappa, nu, psi
        mean_loc = (np.asarray(self.mean_loc) - loc) / scale
        return mean_loc, self.kappa, nu, psi / (scale[:, None] * scale[None, :])

    @override
    def terms(self, loc: FloatArray, scale: FloatArray, structure: Structure) -> PriorTerms:
        """Return the density on data standardised by `loc` and `scale` (D,)."""
        mean_loc, kappa, nu, psi = self.standardised(loc, scale)
        law = conjugate_law(structure, nu, psi)
        return PriorTerms(conjugate_mean_terms(mean_loc, kappa), law.terms())

    @override
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""
        own_units = np.zeros(n_features), np.ones(n_features)
        mean_loc, kappa, nu, psi = self.standardised(*own_units)
        law = conjugate_law(structure, nu, psi)
        factors = law.sample(rng, structure.n_covariances(n_components))
        factors = np.broadcast_to(factors, (n_components, n_features, n_features))
        noise = rng.standard_normal((n_components, n_features, 1))
        means = mean_loc + (factors @ noise)[..., 0] / math.sqrt(kappa)
        return means, factors @ factors.transpose(0, 2, 1)


def check_prior(prior: Any, n_features: int) -> LKJPrior | NIWPrior:
    """Return the prior, if it is one for data of so many features.

    Raises
    ------
    TypeError, ValueError
        If it is none, or a hyperparameter does not fit.
    """
    if not isinstance(prior, LKJPrior | NIWPrior):
        raise TypeError(f"prior must be an LKJPrior or an NIWPrior, but is {prior!r}")
    prior.check_width(n_features)
    return prior


def prior_from_dict(values: Mapping[str, Any]) -> LKJPrior | NIWPrior:
    """Return the prior that a mapping describes: its ``kind`` is "lkj" (the default) or "niw".

    Raises
    ------
    TypeError, ValueError
        If `values` is no mapping, or the kind or a key is unknown.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"a prior is described by a table of its settings, but this is {values!r}")
    kinds: dict[str, type[LKJPrior] | type[NIWPrior]] = {"lkj": LKJPrior, "niw": NIWPrior}
    kind = values.get("kind", "lkj")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"prior's kind is {kind!r}; allowed are {', '.join(map(repr, kinds))}")
    return kinds[kind].from_dict(values)
