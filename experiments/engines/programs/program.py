"""What the engines of other probabilistic programs have in common: all but the program."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from experiments.config.section import Section
from experiments.core.progress import Report
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.engines.drawn import fit_of_draws
from experiments.engines.programs.settings import ProgramSettings, model_in_numbers
from experiments.engines.programs.starts import starts_at_rows
from gmm_bayes import MixtureDraws, ModelInNumbers


@dataclass(frozen=True)
class ProgramEngine(ABC):
    """The posterior by another program, from a model that shares no code with engine `bayes`.

    A program is given rows and hyperparameters as numbers, and works on the standardised scale.
    """

    options: ProgramSettings
    settings: ClassVar[type[Section]] = ProgramSettings
    title: ClassVar[str]

    @abstractmethod
    def draw(
        self, model: ModelInNumbers, starts: MixtureDraws, seed: np.random.SeedSequence
    ) -> tuple[MixtureDraws, Mapping[str, FloatArray]]:
        """Draw the posterior.

        Parameters
        ----------
        model : ModelInNumbers
        starts : MixtureDraws of C chains with one draw each
            Where the chains start, on the standardised scale.
        seed : SeedSequence

        Returns
        -------
        draws : MixtureDraws
            On the standardised scale, as they were drawn.
        stats : mapping of str to ndarray of shape (C, S)
            Statistics of the sampler under ArviZ's names.
        """

    @abstractmethod
    def log_densities(self, model: ModelInNumbers, mixtures: MixtureDraws) -> FloatArray:
        """Return the log of the unnormalised posterior density at mixtures (M,).

        The mixtures are on the standardised scale, and those of all chains follow each other. The
        density is that with respect to weights, means and entries of covariances.
        """

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
    ) -> Fit:
        """Draw the posterior, align and diagnose the draws, and summarise them.

        Raises
        ------
        ValueError
            If the model is not stated for that prior, or the data cannot be fitted.
        """
        start = time.perf_counter()
        total = self.options.chains * (self.options.tune + self.options.draws)
        progress("posterior draws", 0, total)
        model = model_in_numbers(X, n_components, self.options)
        of_starts, of_chains = _two(seed)
        starts = starts_at_rows(model, self.options.chains, of_starts)
        draws, stats = self.draw(model, starts, of_chains)
        progress("posterior draws", total, total)
        seconds = time.perf_counter() - start
        own = model.to_own_units(draws)
        return fit_of_draws(self.title, own, X, stats=stats, seconds=seconds, model=model)

    def log_density(self, X: FloatArray, draws: MixtureDraws) -> FloatArray:
        """Return the log of the unnormalised posterior density at mixtures.

        It is that of the program's model with respect to weights, means and entries of covariances.

        Parameters
        ----------
        X : ndarray of shape (N, D)
        draws : MixtureDraws of C chains and S draws
            The mixtures, in the data's own units.

        Returns
        -------
        ndarray of shape (C, S)
        """
        model = model_in_numbers(X, draws.n_components, self.options)
        found = self.log_densities(model, model.standardise(draws))
        return np.asarray(found).reshape(draws.weights.shape[:2])


def _two(seed: np.random.SeedSequence) -> list[np.random.SeedSequence]:
    """Return two independent seeds, the same whenever they are asked for."""
    return np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key).spawn(2)
