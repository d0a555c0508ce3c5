"""The hierarchical prior: covariances whose common scale is learnt from the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, override

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.conjugate import SemiConjugatePrior
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.hyperparameters import (
    PerFeature,
    Scale,
    check_scale,
    check_widths,
    number,
    per_feature,
)
from gmm_bayes.priors.properness import tied_rows
from gmm_bayes.priors.shared_scale import SharedGammas, SharedWishart, shared_scale_law
from gmm_bayes.priors.terms import PriorTerms, normal_mean_terms
from gmm_bayes.space.structures import Structure

_RANGE = 5.0
"""About the range of a feature of standardised data, which the default of `rate_rate` is made
from."""


@dataclass(frozen=True)
class HierarchicalPrior(SemiConjugatePrior):
    """Covariances with a common scale matrix C, which has a prior of its own.

    ::

        weights          ~ Dirichlet(concentration, ..., concentration)
        means[k, d]      ~ Normal(mean_loc[d], mean_scale[d])
        precisions[k]    ~ Wishart(shape, C)               given C
        C                ~ Wishart(rate_shape, diag(rate_rate))

    The precisions are the inverse covariances, and ``P ~ Wishart(a, C)`` has the density
    ``|P|**(a - (D + 1) / 2) exp(-tr(C P))``, but for a constant. With one feature these are gamma
    distributions: ``1 / sigma**2 ~ Gamma(shape, C)`` and ``C ~ Gamma(rate_shape, rate_rate)``. This
    is the prior of Richardson & Green (1997), and of Frühwirth-Schnatter (2006, section 6.3.2) for
    several features. Given C, the mean of a covariance is ``C / (shape - (D + 1) / 2)``.

    C is what the components' widths have in common. The data decide about it, so that little has to
    be said about the widths beforehand; and a component with few rows borrows its width from the
    others. C is no parameter of the posterior: it is integrated out in closed form, and the Gibbs
    sampler draws it within its sweeps. With G covariances the precisions then have the density ::

        prod |P_g|**(shape - (D + 1) / 2) / |diag(rate_rate) + sum P_g|**(rate_shape + G shape)

    but for a constant.

    The other structures follow from the law of the diagonal entries, so that the hyperparameters
    mean the same for each:

    - "tied": one precision, ``G = 1``.
    - "diag": ``1 / variances[k, d] ~ Gamma(shape - (D - 1) / 2, C[d])`` and ``C[d] ~
      Gamma(rate_shape, rate_rate[d])``.
    - "spherical": ``1 / variances[k] ~ Gamma(shape - (D - 1) / 2, C)`` and ``C ~ Gamma(rate_shape,
      r)`` with ``1 / r`` the mean of ``1 / rate_rate``, so that the mean of C is that of the C[d].

    With C free, the density vanishes as a power of a collapsing component's variance, and not
    exponentially. Let m < K components collapse, the i-th onto c_i rows with one value in some
    feature. The posterior is proper only if ``sum (c_i - 1) / 2 < (K - m) shape + rate_shape`` for
    every m. (For "diag", the shape is that of the gamma distribution. For "spherical", too, the
    rows have to coincide, and the sum counts D times. A tied covariance collapses only where a
    feature has no more than K values; N rows with v values then need ``(N - v) / 2 <
    rate_shape``.) A fit looks for such values, feature by feature, and warns where there are too
    many. :class:`InverseWishartPrior` needs no such condition.

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    mean_scale : float or sequence of D floats, default 1
        Standard deviation of the component means around `mean_loc`; positive.
    shape : float, optional
        Shape of the precisions given C, more than (D - 1) / 2; by default ``2.5 + (D - 1) / 2``.
    rate_shape : float, optional
        Shape of C, more than (D - 1) / 2; by default ``0.5 + (D - 1) / 2``.
    rate_rate : float or sequence of D floats, optional
        Rate of C, the diagonal of a matrix; positive. The mean of C is ``rate_shape / rate_rate``.
        By default ``100 rate_shape / (25 shape)`` on the scale of standardised data, whichever
        `scale` is. In the literature 25 is the square of the range of the data; five standard
        deviations stand for that here.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc`, `mean_scale` and `rate_rate` are those of standardised data or in the
        data's own units.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Frühwirth-Schnatter (2006), *Finite Mixture and Markov Switching Models*, section 6.3.2.
    Malsiner-Walli, Frühwirth-Schnatter & Grün (2016), Statistics and Computing 26, 303-324: the
    defaults of `shape`, `rate_shape` and `rate_rate`.
    Richardson & Green (1997), J. R. Statist. Soc. B 59, 731-792.
    """

    kind: ClassVar[str] = "hierarchical"

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    mean_scale: PerFeature = 1.0
    shape: float | None = None
    rate_shape: float | None = None
    rate_rate: PerFeature | None = None
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "mean_scale": per_feature("mean_scale", self.mean_scale, positive=True),
        }
        for name in ("shape", "rate_shape"):
            if getattr(self, name) is not None:
                checked[name] = number(name, getattr(self, name), positive=True)
        if self.rate_rate is not None:
            checked["rate_rate"] = per_feature("rate_rate", self.rate_rate, positive=True)
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""
        check_widths(self, ("mean_loc", "mean_scale", "rate_rate"), n_features)
        least = 0.5 * (n_features - 1)
        for name, value in zip(("shape", "rate_shape"), self._shapes(n_features), strict=True):
            if value <= least:
                raise ValueError(
                    f"prior's {name} must be more than (D - 1) / 2 = {least:g}, but is {value:g}"
                )

    @property
    @override
    def takes_from_data(self) -> str | None:
        """``"rate_rate"``, if that follows from the data's scale, or None."""
        return "rate_rate" if self.rate_rate is None and self.in_own_units else None

    @override
    def covariance_dof(self, n_features: int) -> float:
        """Return twice the shape."""
        return 2.0 * self._shapes(n_features)[0]

    def standardised(self, data: DataScale) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return ``mean_loc``, ``mean_scale`` and ``rate_rate`` on standardised data, each (D,)."""
        loc, scale = np.asarray(data.loc), np.asarray(data.scale)
        own = self.in_own_units
        shift, unit = (loc, scale) if own else (np.zeros_like(loc), np.ones_like(scale))
        if self.rate_rate is None:
            shape, rate_shape = self._shapes(loc.size)
            rates = np.full(loc.size, 100.0 * rate_shape / (shape * _RANGE**2))
        else:
            # A covariance shrinks by the square of the unit, and so does the rate's inverse.
            rates = np.asarray(self.rate_rate) * unit**2
        mean_loc, mean_scale = np.asarray(self.mean_loc), np.asarray(self.mean_scale)
        return (mean_loc - shift) / unit, mean_scale / unit, rates

    def law(self, rates: FloatArray, structure: Structure) -> SharedWishart | SharedGammas:
        """Return the law of the covariances of that structure; `rates` (D,) are C's."""
        return shared_scale_law(structure, *self._shapes(rates.size), rates)

    @override
    def written_out(self, data: DataScale) -> Self:
        """Return the prior with its rate as numbers."""
        if self.takes_from_data is None:
            return self
        rates = self.standardised(data)[2] / np.asarray(data.scale) ** 2
        return replace(self, rate_rate=tuple(rates.tolist()))

    @override
    def numbers(self, data: DataScale) -> dict[str, float | FloatArray]:
        """Return the hyperparameters for data standardised as `data` say."""
        mean_loc, mean_scale, rates = self.standardised(data)
        d = len(rates)
        shape, rate_shape = self._shapes(d)
        return {
            "concentration": self.concentration,
            "mean_loc": np.broadcast_to(mean_loc, d),
            "mean_scale": np.broadcast_to(mean_scale, d),
            "shape": shape,
            "rate_shape": rate_shape,
            "rate_rate": rates,
        }

    @override
    def terms(self, data: DataScale, structure: Structure) -> PriorTerms:
        """Return the density on data standardised as `data` say."""
        mean_loc, mean_scale, rates = self.standardised(data)
        n_covariances = structure.n_covariances(data.n_components)
        of_covariances, shared = self.law(rates, structure).terms(n_covariances)
        return PriorTerms(normal_mean_terms(mean_loc, mean_scale), of_covariances, shared)

    @override
    def draw_components(
        self, rng: np.random.Generator, n_components: int, n_features: int, structure: Structure
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (K, D) and covariances (K, D, D) drawn from the prior."""
        # In the prior's own units: its location is 0 and its scale 1.
        zero, one = np.zeros(n_features), np.ones(n_features)
        data = DataScale(zero, one, np.eye(n_features), n_components)
        mean_loc, mean_scale, rates = self.standardised(data)
        factors = self.law(rates, structure).sample(rng, structure.n_covariances(n_components))
        factors = np.broadcast_to(factors, (n_components, n_features, n_features))
        noise = rng.standard_normal((n_components, n_features))
        return mean_loc + mean_scale * noise, factors @ factors.transpose(0, 2, 1)

    @override
    def improper_on(self, X: FloatArray, n_components: int, structure: Structure) -> str | None:
        """Return why the posterior given `X` has no finite integral, or None if it has one.

        The condition is that of the class's docstring. Components without a row may collapse, too,
        beside the others, at no cost; so the largest m is the worst.
        """
        d = X.shape[1]
        law = self.law(np.ones(d), structure)
        times = d if structure.isotropic else 1
        needed, culprit = 0.0, None
        for ties in tied_rows(X, structure):
            collapsed = ties[: n_components - 1]
            n_left = 1
            if len(ties) <= n_components:
                collapsed, n_left = ties, 0
            elif structure.shared or n_components == 1:
                continue
            excess = 0.5 * times * sum(tie.n_rows - 1 for tie in collapsed) - n_left * law.shape
            if excess >= max(needed, law.rate_shape):
                needed, culprit = excess, ties[0]
        if culprit is None:
            return None
        return (
            f"the posterior is improper: {culprit.n_rows} rows have {culprit.place}, and under a "
            f"HierarchicalPrior with rate_shape {law.rate_shape:g} the probability of components "
            "that collapse onto such rows has no upper bound; use prior=InverseWishartPrior(), or "
            f"a rate_shape above {needed:g}"
        )

    def _shapes(self, n_features: int) -> tuple[float, float]:
        """Return `shape` and `rate_shape`, by default those of the literature."""
        half = 0.5 * (n_features - 1)
        return (
            2.5 + half if self.shape is None else self.shape,
            0.5 + half if self.rate_shape is None else self.rate_shape,
        )
