"""The posterior of a mixture whose number of components is unknown, as an engine."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from experiments.config.engines import Prior
from experiments.config.section import PositiveInt, Section
from experiments.core.progress import Report
from experiments.core.sizes import of_doubles, of_mixtures
from experiments.core.types import FloatArray
from experiments.engines.bayes import COPIES, SECONDS_TO_START, fit_of
from experiments.engines.contract import Fit
from experiments.engines.costs import GIBBS_SWEEP, slowness
from experiments.engines.fit import ALL_COVARIANCE_TYPES
from gmm_bayes import GaussianMixtureUnknownK, ImproperPosteriorWarning, check_components_prior


class BayesAutoSettings(Section):
    """How the posterior of an unknown number of components is drawn."""

    components_prior: dict[str, str | int | float] = Field(
        default={"kind": "beta-negative-binomial"}
    )
    """Prior of the number of components: a table with the kind "uniform" (max), "poisson" (rate),
    "geometric" (p), "beta-negative-binomial" (a, b, c) or "fixed" (k)."""
    prior: Prior | None = None
    """The prior given the number of components; by default `InverseWishartPrior()`."""
    weights: Literal["static", "dynamic"] = "static"
    """Whether the concentration of the weights is the same for every number of components, or
    divided by it."""
    max_components: PositiveInt | None = None
    """Largest number of components considered; by default what the prior allows, or 50."""
    draws: Annotated[int, Field(ge=4)] = 1000
    """Draws kept per chain."""
    tune: PositiveInt = 1000
    """Draws per chain spent on tuning, not kept."""
    chains: PositiveInt = 4
    """Number of chains."""
    evidence: bool | None = None
    """Whether to estimate the log marginal likelihood given each number; by default where several
    are compared."""

    @field_validator("components_prior")
    @classmethod
    def _is_a_prior(cls, table: dict[str, Any]) -> dict[str, Any]:
        try:
            check_components_prior(table)
        except TypeError as error:
            raise ValueError(str(error)) from None
        return table


# Around so many components the draws are expected, before anything is known of the data.
USUAL_NUMBER = 3
# A move in which the number of components may change takes about so many sweeps that leave it.
SWEEPS_OF_A_MOVE = 3


@dataclass(frozen=True)
class BayesAutoEngine:
    """The posterior given a number of components, from draws in which that number varies."""

    options: BayesAutoSettings
    settings: ClassVar[type[Section]] = BayesAutoSettings
    covariance_types: ClassVar[tuple[str, ...]] = ALL_COVARIANCE_TYPES

    def memory_needed(self, n_samples: int, n_features: int, n_components: int) -> int:
        """Return about how many bytes the draws need, around a number of components."""
        options = self.options
        kept = of_mixtures(COPIES * options.chains * options.draws, n_components, n_features)
        return kept + of_doubles(n_samples, 2 * n_components)

    def seconds_needed(
        self, n_samples: int, n_features: int, n_components: int, n_processors: int
    ) -> float:
        """Return about how long the chains take, around a number of components."""
        options = self.options
        sweep = SWEEPS_OF_A_MOVE * GIBBS_SWEEP.seconds(n_samples, n_features, n_components)
        steps = options.chains * (options.tune + options.draws)
        return SECONDS_TO_START * slowness() + steps * sweep / min(options.chains, n_processors)

    def draw(
        self,
        X: FloatArray,
        seed: np.random.SeedSequence,
        progress: Report,
        covariance_type: str,
    ) -> GaussianMixtureUnknownK:
        """Draw the number of components and all that depends on it."""
        options = self.options
        stage = "posterior of K"
        progress(stage, 0, options.chains * (options.tune + options.draws))
        prior = None if options.prior is None else options.prior.model_dump(exclude_none=True)
        with warnings.catch_warnings():
            # The diagnostics say the same in their problems.
            warnings.simplefilter("ignore", ImproperPosteriorWarning)
            model = GaussianMixtureUnknownK(
                covariance_type=covariance_type,
                components_prior=options.components_prior,
                prior=prior,
                weights=options.weights,
                max_components=options.max_components,
                draws=options.draws,
                tune=options.tune,
                chains=options.chains,
                random_state=seed,
                progressbar=False,
            ).fit(X, callback=lambda done, total: progress(stage, done, total))
        if model.posterior_["posterior"].attrs["interrupted"]:
            # An interrupted sampler returns the draws that it has, which are not a whole posterior.
            raise KeyboardInterrupt
        return model

    def given(self, model: GaussianMixtureUnknownK, n_components: int, seconds: float) -> Fit:
        """Return the posterior given a number of components, which took `seconds` to draw.

        Raises
        ------
        ValueError
            If no draw has so many components.
        """
        start = time.perf_counter()
        known = model.as_known(n_components)
        taken = seconds + time.perf_counter() - start
        fit = fit_of(known, taken, with_evidence=bool(self.options.evidence))
        share = model.n_components_probabilities_[n_components]
        error = model.probability_error(n_components)
        of_k = {
            "log_posterior_of_k": float(np.log(share)),
            "log_posterior_of_k_se": None if error is None else error / share,
        }
        # Draws with one number of components stand in one row, whichever chain they are from. So
        # whether the chains agree is asked of all draws, by what does not depend on the number.
        r_hat = model.diagnostics_.to_dict()["max_r_hat"]
        return replace(fit, diagnostics={**fit.diagnostics, "max_r_hat": r_hat, **of_k})

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Draw the posterior of all numbers of components, and summarise it given one."""
        start = time.perf_counter()
        model = self.draw(X, seed, progress, covariance_type)
        return self.given(model, n_components, time.perf_counter() - start)
