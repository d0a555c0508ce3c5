"""The `[em]` and `[bayes]` tables of a config: how each estimate is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from experiments.config.section import Matrix, Positive, PositiveInt, Ridge, Section, Vector


class EMSettings(Section):
    """How the maximum-likelihood fit is made."""

    init_params: Literal[
        "auto",
        "ward",
        "model-based",
        "quantiles",
        "kmeans",
        "k-means++",
        "random",
        "random_from_data",
        "tight_rows",
        "neighbourhoods",
        "nested",
        "textbook",
    ] = "auto"
    """How restarts begin; "auto" mixes all ways."""
    n_init: PositiveInt | None = None
    """Exactly so many starts; by default the search makes as many as it takes, up to a limit."""
    max_iter: PositiveInt = 1000
    """Most EM iterations of a restart."""
    tol: Positive = 1e-10
    """Stop when the gain still to come in mean log-likelihood is estimated below this."""
    reg_covar: Ridge = 0.0
    """Added to the diagonal of every covariance."""
    n_bootstrap: Annotated[int, Field(ge=0)] = 200
    """Bootstrap replicates for the standard errors and intervals, at least 2; with 0 standard
    errors come from the information matrix, and there are no intervals."""

    @model_validator(mode="after")
    def _replicates_vary(self) -> Self:
        if self.n_bootstrap == 1:
            raise ValueError("em.n_bootstrap = 1: allowed is 0 or a number of at least 2")
        return self


class LKJSettings(Section):
    """Prior with separate scales and correlations: `gmm_bayes.LKJPrior`."""

    kind: Literal["lkj"] = "lkj"
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means ~ Normal(mean_loc, mean_scale) per feature."""
    mean_scale: Positive | list[Positive] = 1.0
    """Standard deviation of the prior of the means."""
    sd_scale: Positive | list[Positive] = 1.0
    """Standard deviations of the components ~ HalfNormal(sd_scale)."""
    eta: Positive = 1.0
    """Correlations ~ LKJ(eta)."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


class InverseWishartSettings(Section):
    """Prior that keeps every posterior proper, the default: `gmm_bayes.InverseWishartPrior`."""

    kind: Literal["inverse-wishart"]
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means ~ Normal(mean_loc, mean_scale) per feature."""
    mean_scale: Positive | list[Positive] = 1.0
    """Standard deviation of the prior of the means."""
    nu: Positive | None = None
    """covariances ~ InverseWishart(nu, psi); by default the number of features plus 2."""
    psi: Positive | list[Positive] | Matrix | None = None
    """Scale: a multiple of the identity, a diagonal, or a matrix; by default the data's covariance
    divided by K ** (2 / D)."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


class HierarchicalSettings(Section):
    """Prior that learns the common scale of the components: `gmm_bayes.HierarchicalPrior`."""

    kind: Literal["hierarchical"]
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means ~ Normal(mean_loc, mean_scale) per feature."""
    mean_scale: Positive | list[Positive] = 1.0
    """Standard deviation of the prior of the means."""
    shape: Positive | None = None
    """precisions ~ Wishart(shape, C) given C; by default 2.5 + (D - 1) / 2."""
    rate_shape: Positive | None = None
    """C ~ Wishart(rate_shape, diag(rate_rate)); by default 0.5 + (D - 1) / 2."""
    rate_rate: Positive | list[Positive] | None = None
    """Rate of C; by default 100 rate_shape / (25 shape), on the scale of standardised data."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


class NIWSettings(Section):
    """Conjugate prior: `gmm_bayes.NIWPrior`."""

    kind: Literal["niw"]
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means | covariance ~ Normal(mean_loc, covariance / kappa)."""
    kappa: Positive = 0.1
    """How many observations the prior of a mean is worth."""
    nu: Positive | None = None
    """covariances ~ InverseWishart(nu, psi); by default the number of features plus 2."""
    psi: Positive | list[Positive] | Matrix = 0.25
    """Scale: a multiple of the identity, a diagonal, or a matrix."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


class VolumeShapeSettings(Section):
    """Prior where components share volume, shape or axes: `gmm_bayes.VolumeShapePrior`."""

    kind: Literal["volume-shape"]
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means ~ Normal(mean_loc, mean_scale) per feature."""
    mean_scale: Positive | list[Positive] = 1.0
    """Standard deviation of the prior of the means."""
    nu: Positive = 3.0
    """volumes ~ InverseGamma(nu / 2, psi / 2)."""
    psi: Positive | None = None
    """Scale of a volume; by default it follows from the data."""
    log_shape_scale: Positive = 2.0
    """Standard deviation of the logarithms of the shape."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


# Kinds of priors without the conditional distributions that the Gibbs sampler draws from.
NOT_BY_GIBBS = ("lkj", "volume-shape")


def _lkj_by_default(values: Any) -> Any:
    return {"kind": "lkj", **values} if isinstance(values, dict) else values


Prior = Annotated[
    Annotated[
        InverseWishartSettings
        | HierarchicalSettings
        | LKJSettings
        | NIWSettings
        | VolumeShapeSettings,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_lkj_by_default),
]


class BayesSettings(Section):
    """How the posterior is drawn."""

    sampler: Literal["nuts", "gibbs", "smc", "advi"] = "nuts"
    """The sampling algorithm; "gibbs" does not take the prior of kind "lkj", "advi" is
    approximate."""
    draws: Annotated[int, Field(ge=4)] = 1000
    """Draws kept per chain."""
    tune: Annotated[int, Field(ge=1)] = 1000
    """Draws per chain spent on tuning, not kept."""
    chains: PositiveInt = 4
    """Number of chains."""
    prior: Prior = InverseWishartSettings(kind="inverse-wishart")
    """The prior; where it is left at the default, structures in which components share some of
    volume, shape and orientation have the default of "volume-shape"."""
    evidence: bool | None = None
    """Whether to estimate the log marginal likelihood; by default where several numbers of
    components are compared."""

    @model_validator(mode="after")
    def _gibbs_has_conditionals(self) -> Self:
        if self.sampler == "gibbs" and self.prior.kind in NOT_BY_GIBBS:
            raise ValueError(
                "bayes.sampler = 'gibbs': allowed with bayes.prior.kind = 'inverse-wishart', "
                "'hierarchical' or 'niw' only"
            )
        return self
