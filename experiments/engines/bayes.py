"""The posterior as an engine."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from experiments.config.engines import BayesSettings
from experiments.config.section import Section
from experiments.core.missing import treatment_of_missing
from experiments.core.progress import Report
from experiments.core.sizes import of_doubles, of_mixtures
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit, central
from experiments.engines.costs import (
    GIBBS_SWEEP,
    GRADIENT,
    SWEEPS_OF_A_DRAW,
    gradients_of_a_draw,
    slowness,
)
from experiments.engines.fit import ALL_COVARIANCE_TYPES
from experiments.values.parameters import Parameters, combine
from gmm_bayes import (
    GaussianMixtureBayes,
    HierarchicalPrior,
    ImproperPosteriorWarning,
    InverseWishartPrior,
    LKJPrior,
    NIWPrior,
    VolumeShapePrior,
    prior_from_dict,
)

# How often the draws are held at the same time.
COPIES = 4
# What a sampler takes before its first draw: code that is compiled, and starts that are found.
SECONDS_TO_START = 3.0
# Chains start at maxima that climbs on all rows reach: so many, fewer where these take longer than
# so many seconds, each with so many evaluations of the density.
MOST_CLIMBS, FEWEST_CLIMBS, SECONDS_OF_CLIMBS = 60, 8, 5.0
DENSITIES_OF_A_CLIMB = 250


@dataclass(frozen=True)
class BayesEngine:
    """The posterior; its standard deviations and equal-tailed credible intervals."""

    options: BayesSettings
    settings: ClassVar[type[Section]] = BayesSettings
    covariance_types: ClassVar[tuple[str, ...]] = ALL_COVARIANCE_TYPES
    accepts_missing: ClassVar[bool] = True

    def memory_needed(self, n_samples: int, n_features: int, n_components: int) -> int:
        """Return about how many bytes a fit needs: draws as drawn, aligned, and as ArviZ's tree."""
        options = self.options
        kept = of_mixtures(COPIES * options.chains * options.draws, n_components, n_features)
        # Of the draws that tune a chain only the unconstrained vector is held.
        n_free = n_components * (1 + n_features + n_features * (n_features + 1) // 2)
        tuning = of_doubles(options.chains, options.tune, n_free)
        return kept + tuning + of_doubles(n_samples, 2 * n_components)

    def seconds_needed(
        self, n_samples: int, n_features: int, n_components: int, n_processors: int
    ) -> float:
        """Return about how long the chains take, of which each uses one processor.

        ADVI and SMC through PyMC are taken for NUTS.
        """
        size = (n_samples, n_features, n_components)
        climb = DENSITIES_OF_A_CLIMB * GRADIENT.usual_seconds(*size)
        climbs = min(MOST_CLIMBS * climb, max(FEWEST_CLIMBS * climb, SECONDS_OF_CLIMBS))
        at_once = min(self.options.chains, n_processors)
        return slowness() * (SECONDS_TO_START + (climbs + self.usual_seconds(*size)) / at_once)

    def usual_seconds(self, n_samples: int, n_features: int, n_components: int) -> float:
        """Return the seconds of one processor that all chains take where the costs are from."""
        options, size = self.options, (n_samples, n_features, n_components)
        step = SWEEPS_OF_A_DRAW * GIBBS_SWEEP.usual_seconds(*size)
        if options.sampler != "gibbs":
            step = gradients_of_a_draw(n_features, n_components) * GRADIENT.usual_seconds(*size)
        if options.evidence:
            # Bridge sampling evaluates the density at as many draws of a proposal again.
            step += GRADIENT.usual_seconds(*size)
        return options.chains * (options.tune + options.draws) * step

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Draw the posterior and summarise it."""
        options = self.options
        start = time.perf_counter()
        stage = "posterior draws"
        progress(stage, 0, options.chains * (options.tune + options.draws))
        with warnings.catch_warnings():
            # The diagnostics say the same in their problems.
            warnings.simplefilter("ignore", ImproperPosteriorWarning)
            model = GaussianMixtureBayes(
                n_components,
                covariance_type=covariance_type,
                prior=_prior(options),
                sampler=options.sampler,
                draws=options.draws,
                tune=options.tune,
                chains=options.chains,
                missing=treatment_of_missing(X),
                random_state=seed,
                progressbar=False,
            ).fit(X, callback=lambda done, total: progress(stage, done, total))
        if model.posterior_["posterior"].attrs["interrupted"]:
            # An interrupted sampler returns the draws that it has, which are not a whole posterior.
            raise KeyboardInterrupt
        return fit_of(model, time.perf_counter() - start, with_evidence=bool(options.evidence))


def fit_of(model: GaussianMixtureBayes, seconds: float, *, with_evidence: bool) -> Fit:
    """Return what an engine found, from a fitted posterior.

    Parameters
    ----------
    model : GaussianMixtureBayes
    seconds : float
        What drawing it took; the marginal likelihood's time is added.
    with_evidence : bool
        Whether to estimate the marginal likelihood.
    """
    start = time.perf_counter()
    evidence = _evidence(model) if with_evidence else {}
    draws = model.draws_
    every = Parameters.of(draws)
    return Fit(
        title="posterior",
        mixture=model.mixture_,
        uncertainty=combine(lambda values: values.std(axis=(0, 1), ddof=1), every),
        intervals=central(every, axis=(0, 1)),
        seconds=seconds + time.perf_counter() - start,
        diagnostics={**model.diagnostics_.to_dict(), "n_draws": len(draws), **evidence},
        draws=draws,
        permutations=model.permutations_,
        model=model.model_in_numbers_,
        posterior=model.posterior_,
        log_likelihood=model.log_likelihood_,
    )


def _prior(
    options: BayesSettings,
) -> InverseWishartPrior | HierarchicalPrior | LKJPrior | NIWPrior | VolumeShapePrior | None:
    """Return the prior that was asked for; None leaves the choice to the structure."""
    if options.prior == BayesSettings().prior:
        return None
    return prior_from_dict(options.prior.model_dump(exclude_none=True))


def _evidence(model: GaussianMixtureBayes) -> dict[str, Any]:
    """Return the log marginal likelihood with its error, or why there is none."""
    try:
        value, error = model.log_marginal_likelihood()
    except ValueError as reason:
        return {"no_log_marginal_likelihood": str(reason)}
    return {
        "log_marginal_likelihood": value,
        "log_marginal_likelihood_se": error if np.isfinite(error) else None,
    }
