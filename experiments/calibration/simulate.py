"""Simulation-based calibration: whether a sampler draws the posterior that the model defines.

Truths are drawn from the prior and data from the truths. Then, whatever the prior and the data, the
rank of a truth among draws of its posterior is uniform (Cook, Gelman & Rubin 2006; Talts et al.
2018). A sampler that is biased, overconfident or stuck shows in the ranks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from arviz_stats.base import array_stats

from experiments.config.experiment import ExperimentConfig
from experiments.core.errors import FitError, UsageError
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.datasets.load import load_dataset
from gmm_bayes import (
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    MixtureDraws,
    NIWPrior,
    VolumeShapePrior,
    prior_from_dict,
)
from gmm_bayes.samplers.contract import Sampler, Task
from gmm_bayes.samplers.registry import get_sampler
from gmm_em import Mixture
from gmm_em.core.threads import single_threaded_blas
from gmm_em.parameter_names import ParameterLayout, ParameterName

N_DRAWS = 63
"""Nearly independent draws that a truth is ranked among: 64 ranks."""
ENOUGH_ESS = 2 * N_DRAWS
"""Effective draws of a posterior from which so many, evenly spaced, hardly depend on each other."""
MAX_DOUBLINGS = 3
"""How often a chain is made twice as long for want of effective draws."""


@dataclass(frozen=True)
class Simulation:
    """What one simulated data set says.

    Attributes
    ----------
    ranks : dict of str to int
        Of each quantity: how many of `N_DRAWS` draws are below the truth.
    ess : float
        The smallest effective sample size over the quantities.
    """

    ranks: dict[str, int]
    ess: float


@dataclass(frozen=True)
class Calibration:
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

    Raises
    ------
    UsageError
        If the prior is on the standardised scale or does not fit the number of features, or there
        are too few rows.
    """

    prior: InverseWishartPrior | HierarchicalPrior | LKJPrior | NIWPrior | VolumeShapePrior
    sampler: Sampler
    n_samples: int
    n_features: int
    n_components: int
    draws: int
    tune: int
    chains: int
    seed: int
    covariance_type: str = "full"

    def __post_init__(self) -> None:
        if self.prior.scale != "data":
            raise UsageError(
                "bayes.prior.scale = 'standardised': the prior would depend on the data that are "
                "drawn from it, allowed for calibration is 'data'"
            )
        if self.prior.takes_from_data is not None:
            raise UsageError(
                f"bayes.prior.{self.prior.takes_from_data} is not given, so the prior would depend "
                "on the data that are drawn from it, allowed for calibration are numbers"
            )
        least = max(2, self.n_components)
        if self.n_samples < least:
            raise UsageError(
                f"number of rows = {self.n_samples}: allowed for calibration is {least} or more, "
                "one for each component and two for a spread"
            )
        try:
            self.prior.check_width(self.n_features)
        except ValueError as error:
            raise UsageError(f"bayes.prior: {error}") from None

    @classmethod
    def of(cls, config: ExperimentConfig) -> Calibration:
        """Return the calibration of a config's posterior on data of the config's size.

        Raises
        ------
        UsageError
            If the config's prior, data or number of components does not allow it.
        """
        if not isinstance(config.n_components, int):
            raise UsageError(
                f"n_components = {config.n_components}: allowed for calibration is one number"
            )
        bayes = config.bayes
        shape = load_dataset(config.data, config.name, stream(config.seed, "data")).X.shape
        try:
            prior = prior_from_dict(bayes.prior.model_dump(exclude_none=True))
        except ValueError as error:
            raise UsageError(f"bayes.prior: {error}") from None
        return cls(
            prior=prior,
            sampler=get_sampler(bayes.sampler),
            n_samples=shape[0],
            n_features=shape[1],
            n_components=config.n_components,
            draws=bayes.draws,
            tune=bayes.tune,
            chains=bayes.chains,
            seed=config.seed,
            covariance_type=config.only_structure("for calibration"),
        )

    @single_threaded_blas()
    def simulate(self, number: int) -> Simulation:
        """Return what data set `number` says; it depends on no other.

        Raises
        ------
        FitError
            If the prior cannot be drawn from, or the sampler refuses what comes of it.
        KeyboardInterrupt
            If the user interrupts.
        """
        try:
            # Where a prior underflows, an error follows that says so.
            with np.errstate(divide="ignore", under="ignore"):
                return self._simulate(*stream(self.seed, f"sbc {number}").spawn(2))
        except ValueError as error:
            raise FitError(f"simulation {number} cannot be made: {error}") from error

    def _simulate(
        self, data_seed: np.random.SeedSequence, fit_seed: np.random.SeedSequence
    ) -> Simulation:
        rng = np.random.default_rng(data_seed)
        truth = self.prior.sample(rng, self.n_components, self.n_features, self.covariance_type)
        X = truth.sample(self.n_samples, rng)[0]
        task = Task(
            X,
            self.n_components,
            self.prior,
            self.draws,
            self.tune,
            self.chains,
            None,
            fit_seed,
            lambda done, total: None,
            self.covariance_type,
        )
        for attempt in range(MAX_DOUBLINGS + 1):
            longer = replace(task, draws=task.draws << attempt, seed=fit_seed.spawn(1)[0])
            sampled = self.sampler.sample(longer)
            if sampled.interrupted:
                raise KeyboardInterrupt
            found = self._quantities(sampled.draws, X)
            ess = _smallest_ess(found)
            if ess >= ENOUGH_ESS:
                break
        true = self._quantities(_as_draws(truth), X)
        ranks = {name: _rank(true[name].item(), values) for name, values in found.items()}
        return Simulation(ranks, ess)

    def _quantities(self, draws: MixtureDraws, X: FloatArray) -> dict[str, FloatArray]:
        """Return draws (C, S) of what is identified, components by their first coordinate.

        Numbering components by a function of the mixture, the same for truth and draws, makes each
        parameter a function of the mixture alone: no alignment, which would look at the truth.
        """
        layout = ParameterLayout(draws.n_components, draws.n_features, self.covariance_type)
        # The last weight is what the others leave.
        last = ParameterName("weight", draws.n_components - 1)
        ordered = draws.permute(np.argsort(draws.means[..., 0], axis=-1))
        found = {_label(name): name.value(ordered) for name in layout.names if name != last}
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


def _smallest_ess(found: dict[str, FloatArray]) -> float:
    values = np.stack(list(found.values()))
    if (np.ptp(values, axis=(1, 2)) == 0.0).any():
        return 0.0  # it never moved, which ArviZ counts as independent draws of a constant
    return float(np.min(array_stats.ess(values, method="bulk")))


def _rank(true: float, values: FloatArray) -> int:
    """Return how many of `N_DRAWS` draws, evenly spaced through all chains, are below the truth."""
    flat = values.ravel()
    spaced = np.linspace(0, flat.size - 1, N_DRAWS).round().astype(np.intp)
    return int((flat[spaced] < true).sum())
