"""Simulation-based calibration of the posterior of an unknown number of components."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast, override

import numpy as np

from experiments.calibration.simulator import AnyPrior, Quantities, Simulator, check_calibrated
from experiments.config.experiment import ExperimentConfig
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.engines.bayes_auto import BayesAutoEngine
from experiments.engines.registry import make_engine
from gmm_bayes import VaryingDraws
from gmm_bayes.unknown_k.run import sample
from gmm_bayes.unknown_k.settings import PriorOfUnknownK
from gmm_bayes.unknown_k.task import UnknownKTask, usual_thinning

ENGINE = "bayes-auto"
"""Whose settings say what is calibrated."""


@dataclass(frozen=True)
class UnknownKCalibration(Simulator):
    """What is calibrated: the telescoping sampler with its priors, on data of one size.

    Parameters
    ----------
    found : PriorOfUnknownK
        Of the number of components, and of the mixture given that, on the data's own scale.
    n_samples, n_features : int
    draws, tune, chains : int
        Of each posterior; `draws` is doubled where the draws are worth too little.
    seed : int
    covariance_type : str, default "full"
    settings : dict, optional
        The table of a config that all this comes from, if it comes from one.
    title : str, optional

    Raises
    ------
    UsageError
        If the prior is on the standardised scale or does not fit the number of features, or there
        are too few rows.
    """

    found: PriorOfUnknownK
    n_samples: int
    n_features: int
    draws: int
    tune: int
    chains: int
    seed: int
    covariance_type: str = "full"
    settings: dict[str, Any] = field(default_factory=dict)
    title: str = ""

    def __post_init__(self) -> None:
        key = f"settings.{ENGINE}.prior"
        check_calibrated(self.prior, self.n_features, self.n_samples, 2, key)

    @classmethod
    def of(cls, config: ExperimentConfig, X: FloatArray) -> UnknownKCalibration:
        """Return the calibration of a config's posterior on data of the size of `X` (N, D).

        Raises
        ------
        UsageError
            If the config's settings or data do not allow it.
        """
        if ENGINE not in config.engines:
            raise UsageError(
                f"n_components = 'auto' with engines = {config.engines}: allowed with '{ENGINE}' "
                "among them"
            )
        engine = make_engine(ENGINE, config.engine_options(ENGINE))
        assert isinstance(engine, BayesAutoEngine)
        options = engine.options
        if options.prior is None:
            raise UsageError(
                f"settings.{ENGINE}.prior is not given, and the default prior depends on the data, "
                "allowed for calibration is a prior with scale = 'data' and numbers"
            )
        try:
            found = PriorOfUnknownK.of(
                options.components_prior,
                options.prior.model_dump(exclude_none=True),
                options.weights,
                None,
                options.max_components,
                X.shape[1],
            )
        except (TypeError, ValueError) as error:
            raise UsageError(f"settings.{ENGINE}: {error}") from None
        return cls(
            found=found,
            n_samples=X.shape[0],
            n_features=X.shape[1],
            draws=options.draws,
            tune=options.tune,
            chains=options.chains,
            seed=config.seed,
            covariance_type=config.only_structure("for calibration"),
            settings=options.model_dump(mode="json"),
            title=f"telescoping sampler with prior {options.prior.kind}",
        )

    @property
    def prior(self) -> AnyPrior:
        """Of the mixture given the number of components."""
        # Every prior of that interface is one of these.
        return cast("AnyPrior", self.found.prior)

    @property
    @override
    def size(self) -> dict[str, int | str]:
        """Numbers of rows, features and components."""
        return {
            "n_samples": self.n_samples,
            "n_features": self.n_features,
            "n_components": f"1 to {self.found.max_components}",
        }

    @override
    def truth(self, rng: np.random.Generator) -> tuple[Quantities, FloatArray]:
        """Return a truth's quantities, and rows drawn from it."""
        found = self.found
        chances = np.exp(found.components.truncated(found.max_components))
        k = 1 + int(rng.choice(chances.size, p=chances))
        prior = self.prior
        if found.dynamic:
            prior = replace(prior, concentration=prior.concentration / k)
        mixture = prior.sample(rng, k, self.n_features, self.covariance_type)
        X, labels = mixture.sample(self.n_samples, rng)
        truth = VaryingDraws(
            n_components=np.array([[k]]),
            n_filled=np.array([[np.unique(labels).size]]),
            weights=mixture.weights,
            means=mixture.means,
            covariances=mixture.covariances,
            allocations=labels.astype(np.uint16)[None, None],
        )
        return _quantities(truth, X), X

    @override
    def posterior(self, X: FloatArray, draws: int, seed: np.random.SeedSequence) -> Quantities:
        """Return the quantities of posterior draws given the rows."""
        sampled = sample(
            UnknownKTask(
                X=X,
                prior=self.found.prior,
                components_prior=self.found.components,
                max_components=self.found.max_components,
                dynamic=self.found.dynamic,
                draws=draws,
                tune=self.tune,
                chains=self.chains,
                thin=usual_thinning(len(X)),
                cores=None,
                seed=seed,
                progress=lambda done, total: None,
                covariance_type=self.covariance_type,
            )
        )
        if sampled.interrupted:
            raise KeyboardInterrupt
        return _quantities(sampled.draws, X)


def _quantities(draws: VaryingDraws, X: FloatArray) -> Quantities:
    """Return draws (C, S) of what neither the number nor the order of components defines."""
    mean, covariance = draws.moments()
    largest = np.maximum.reduceat(draws.weights, draws.starts).reshape(draws.n_components.shape)
    found: Quantities = {
        "n_components": draws.n_components,
        "n_filled": draws.n_filled,
        "largest_weight": largest,
        "log_likelihood": draws.log_likelihood(X),
    }
    for i in range(draws.n_features):
        found[f"mean[{i}]"] = mean[:, :, i]
        for j in range(i + 1):
            found[f"covariance[{i}, {j}]"] = covariance[:, :, i, j]
    return found
