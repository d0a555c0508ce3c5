"""The LKJ prior: standard deviations and correlations apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np
from scipy.special import logit

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
from gmm_bayes.priors.properness import largest_tie
from gmm_bayes.priors.terms import (
    PriorTerms,
    independent_terms,
    partial_correlation_shapes,
)
from gmm_bayes.space.structures import Structure
from gmm_bayes.space.unconstrained import UnconstrainedSpace


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

    The defaults are for standardised data, ``z = (x - mean) / population standard deviation``, and
    are meant to rule out nonsense only. ``Dirichlet(2)`` is flat but for vanishing at an empty
    component, where every other parameter of it would be unidentified. ``Normal(0, 1)`` puts
    component means where data are. ``HalfNormal(1)`` says that no component is much wider than all
    the data together, which is true by construction, and leaves small ones free. ``LKJ(1)`` is
    uniform over correlation matrices (Lewandowski, Kurowicka & Joe 2009).

    Half-normal standard deviations do not vanish at zero. So the posterior of two or more
    components is improper where a value occurs twice in a feature, as in almost all rounded data: a
    component that collapses onto the tied rows has an infinite integral. A fit warns of that, and
    refuses the marginal likelihood. :class:`InverseWishartPrior` has no such gap.

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
        Whether `mean_loc`, `mean_scale` and `sd_scale` are those of standardised data or in the
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

    kind: ClassVar[str] = "lkj"

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

    def standardised(self, loc: Any, scale: Any) -> tuple[Any, Any, Any]:
        """Return ``mean_loc, mean_scale, sd_scale`` (each (D,)) as they read on standardised data.

        `loc` and `scale` (D,) are those of the standardisation.
        """
        own = [np.asarray(v) for v in (self.mean_loc, self.mean_scale, self.sd_scale)]
        if not self.in_own_units:
            return own[0] + 0.0 * loc, own[1] + 0.0 * loc, own[2] + 0.0 * loc
        return (own[0] - loc) / scale, own[1] / scale, own[2] / scale

    @override
    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a per-feature hyperparameter has not `n_features` entries."""
        check_widths(self, ("mean_loc", "mean_scale", "sd_scale"), n_features)

    def sd_scales(self, sd_scale: Any, structure: Structure) -> Any:
        """Return `sd_scale` (D,) as the scales of the structure's free standard deviations."""
        return structure.pooled(sd_scale**2.0) ** 0.5

    @override
    def numbers(self, data: DataScale) -> dict[str, float | FloatArray]:
        """Return the hyperparameters for data standardised as `data` say."""
        mean_loc, mean_scale, sd_scale = self.standardised(data.loc, data.scale)
        return {
            "concentration": self.concentration,
            "mean_loc": mean_loc,
            "mean_scale": mean_scale,
            "sd_scale": sd_scale,
            "eta": self.eta,
        }

    @override
    def terms(self, data: DataScale, structure: Structure) -> PriorTerms:
        """Return the density on data standardised as `data` say."""
        mean_loc, mean_scale, sd_scale = self.standardised(data.loc, data.scale)
        return independent_terms(
            structure, mean_loc, mean_scale, self.sd_scales(sd_scale, structure), self.eta
        )

    @override
    def improper_on(self, X: FloatArray, n_components: int, structure: Structure) -> str | None:
        """Return why the posterior given `X` has no finite integral, or None if it has one.

        Let a component collapse onto c tied rows, its standard deviation s towards zero. Its
        likelihood grows as ``s**-c``, the mean has to stay within s, and the prior of s does not
        vanish, so that the integral of ``s**(1 - c)`` has no finite value from c = 2 on.
        """
        tie = largest_tie(X, n_components, structure)
        if tie is None:
            return None
        return (
            f"the posterior is improper: {tie.n_rows} rows have {tie.place}, and under an LKJPrior "
            "the probability of a component that collapses onto them has no upper bound; use "
            "prior=InverseWishartPrior()"
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
