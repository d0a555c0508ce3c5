"""The `[em]` and `[bayes]` tables of a config: how each estimate is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from experiments.config.section import Matrix, Positive, PositiveInt, Ridge, Section, Vector


class EMSettings(Section):
    """How the maximum-likelihood fit is made."""

    init_params: Literal[
        "auto", "ward", "quantiles", "kmeans", "k-means++", "random", "random_from_data", "textbook"
    ] = "auto"
    """How restarts begin; "auto" mixes all ways."""
    n_init: PositiveInt = 30
    """Number of restarts: short runs, the best half of which are carried to convergence."""
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


class NIWSettings(Section):
    """Conjugate prior, needed by the Gibbs sampler: `gmm_bayes.NIWPrior`."""

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


def _lkj_by_default(values: Any) -> Any:
    return {"kind": "lkj", **values} if isinstance(values, dict) else values


Prior = Annotated[
    Annotated[LKJSettings | NIWSettings, Field(discriminator="kind")],
    BeforeValidator(_lkj_by_default),
]


class BayesSettings(Section):
    """How the posterior is drawn."""

    sampler: Literal["nuts", "gibbs", "smc", "advi"] = "nuts"
    """The sampling algorithm; "gibbs" needs the prior of kind "niw", "advi" is approximate."""
    draws: Annotated[int, Field(ge=4)] = 1000
    """Draws kept per chain."""
    tune: Annotated[int, Field(ge=1)] = 1000
    """Draws per chain spent on tuning, not kept."""
    chains: PositiveInt = 4
    """Number of chains."""
    prior: Prior = LKJSettings()
    """The prior."""
    evidence: bool | None = None
    """Whether to estimate the log marginal likelihood; by default where several numbers of
    components are compared."""

    @model_validator(mode="after")
    def _gibbs_is_conjugate(self) -> Self:
        if self.sampler == "gibbs" and self.prior.kind != "niw":
            raise ValueError("bayes.sampler = 'gibbs': allowed with bayes.prior.kind = 'niw' only")
        return self
