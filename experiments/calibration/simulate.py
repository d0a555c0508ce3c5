"""Simulation-based calibration of the posterior of a known number of components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, override

import numpy as np

from experiments.calibration.simulator import AnyPrior, Quantities, Simulator, check_calibrated
from experiments.config.experiment import ExperimentConfig
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from gmm_bayes import MixtureDraws, prior_from_dict
from gmm_bayes.samplers.contract import Sampler, Task
from gmm_bayes.samplers.registry import get_sampler
from gmm_em import Mixture
from gmm_em.parameter_names import ParameterLayout, ParameterName


@dataclass(frozen=True)
class Calibration(Simulator):
    """What is calibrated: a sampler with a prior, on data of one size.

    Parameters
    ----------
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior, NIWPrior or VolumeShapePrior
        On the data's own scale: a prior that looks at the data is none to draw truths from.
    sampler : Sampler
    n_samples, n_features, n_components : int
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

    prior: AnyPrior
    sampler: Sampler
    n_samples: int
    n_features: int
    n_components: int
    draws: int
    tune: int
    chains: int
    seed: int
    covariance_type: str = "full"
    settings: dict[str, Any] = field(default_factory=dict)
    title: str = ""

    def __post_init__(self) -> None:
        least = max(2, self.n_components)
        check_calibrated(self.prior, self.n_features, self.n_samples, least, "bayes.prior")

    @classmethod
    def of(cls, config: ExperimentConfig, X: FloatArray) -> Calibration:
        """Return the calibration of a config's posterior on data of the size of `X` (N, D).

        Raises
        ------
        UsageError
            If the config's prior, data or number of components does not allow it.
        """
        if not isinstance(config.n_components, int):
            raise UsageError(
                f"n_components = {config.n_components}: allowed for calibration is one number, or "
                "'auto'"
            )
        bayes = config.bayes
        try:
            prior = prior_from_dict(bayes.prior.model_dump(exclude_none=True))
        except ValueError as error:
            raise UsageError(f"bayes.prior: {error}") from None
        return cls(
            prior=prior,
            sampler=get_sampler(bayes.sampler),
            n_samples=X.shape[0],
            n_features=X.shape[1],
            n_components=config.n_components,
            draws=bayes.draws,
            tune=bayes.tune,
            chains=bayes.chains,
            seed=config.seed,
            covariance_type=config.only_structure("for calibration"),
            settings=bayes.model_dump(mode="json"),
            title=f"{bayes.sampler} with prior {bayes.prior.kind}",
        )

    @property
    @override
    def size(self) -> dict[str, int | str]:
        """Numbers of rows, features and components."""
        return {
            "n_samples": self.n_samples,
            "n_features": self.n_features,
            "n_components": self.n_components,
        }

    @override
    def truth(self, rng: np.random.Generator) -> tuple[Quantities, FloatArray]:
        """Return a truth's quantities, and rows drawn from it."""
        truth = self.prior.sample(rng, self.n_components, self.n_features, self.covariance_type)
        X = truth.sample(self.n_samples, rng)[0]
        return self._quantities(_as_draws(truth), X), X

    @override
    def posterior(self, X: FloatArray, draws: int, seed: np.random.SeedSequence) -> Quantities:
        """Return the quantities of posterior draws given the rows."""
        sampled = self.sampler.sample(
            Task(
                X,
                self.n_components,
                self.prior,
                draws,
                self.tune,
                self.chains,
                None,
                seed,
                lambda done, total: None,
                self.covariance_type,
            )
        )
        if sampled.interrupted:
            raise KeyboardInterrupt
        return self._quantities(sampled.draws, X)

    def _quantities(self, draws: MixtureDraws, X: FloatArray) -> Quantities:
        """Return draws (C, S) of what is identified, components by their first coordinate.

        Numbering components by a function of the mixture, the same for truth and draws, makes each
        parameter a function of the mixture alone: no alignment, which would look at the truth.
        """
        layout = ParameterLayout(draws.n_components, draws.n_features, self.covariance_type)
        # The last weight is what the others leave.
        last = ParameterName("weight", draws.n_components - 1)
        ordered = draws.permute(np.argsort(draws.means[..., 0], axis=-1))
        found: Quantities = {
            _label(name): name.value(ordered) for name in layout.names if name != last
        }
        found["log_likelihood"] = draws.log_likelihood(X)
        return found


def _label(name: ParameterName) -> str:
    """Name a quantity as ArviZ does, by the array that holds it: ``means[0, 1]``."""
    return f"{name.array}[{', '.join(map(str, name.index))}]"


def _as_draws(mixture: Mixture) -> MixtureDraws:
    """Return a mixture as one draw of one chain."""
    return MixtureDraws(
        mixture.weights[None, None], mixture.means[None, None], mixture.covariances[None, None]
    )
