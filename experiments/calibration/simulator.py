"""What every calibration does: truths from the prior, data from them, ranks among the draws.

Truths are drawn from the prior and data from the truths. Then, whatever the prior and the data, the
rank of a truth among draws of its posterior is uniform (Cook, Gelman & Rubin 2006; Talts et al.
2018). A sampler that is biased, overconfident or stuck shows in the ranks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from arviz_stats.base import array_stats

from experiments.core.errors import FitError, UsageError
from experiments.core.seeds import stream
from experiments.core.types import FloatArray, IntArray
from gmm_bayes import (
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    NIWPrior,
    VolumeShapePrior,
)
from gmm_em.core.threads import single_threaded_blas

N_DRAWS = 63
"""Nearly independent draws that a truth is ranked among: 64 ranks."""
ENOUGH_ESS = 2 * N_DRAWS
"""Effective draws of a posterior from which so many, evenly spaced, hardly depend on each other."""
MAX_DOUBLINGS = 3
"""How often a chain is made twice as long for want of effective draws."""

AnyPrior = HierarchicalPrior | InverseWishartPrior | LKJPrior | NIWPrior | VolumeShapePrior

Quantities = dict[str, FloatArray | IntArray]
"""Values (C, S) of each quantity in S draws of C chains; of a truth, one draw of one chain."""


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


class Simulator(ABC):
    """A posterior that is calibrated, on data of one size."""

    draws: int
    """Of each posterior's chains; doubled where the draws are worth too little."""
    seed: int
    covariance_type: str
    settings: dict[str, Any]
    """The table of a config that determines the posterior, but for the size of the data."""
    title: str
    """The sampler and the prior in words."""

    @property
    @abstractmethod
    def size(self) -> dict[str, int | str]:
        """``n_samples``, ``n_features`` and ``n_components``, which may be several."""

    @abstractmethod
    def truth(self, rng: np.random.Generator) -> tuple[Quantities, FloatArray]:
        """Return a truth's quantities, and rows (N, D) drawn from it."""

    @abstractmethod
    def posterior(self, X: FloatArray, draws: int, seed: np.random.SeedSequence) -> Quantities:
        """Return the quantities of posterior draws given the rows.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts.
        """

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
        true, X = self.truth(rng)
        for attempt in range(MAX_DOUBLINGS + 1):
            found = self.posterior(X, self.draws << attempt, fit_seed.spawn(1)[0])
            ess = _smallest_ess(found)
            if ess >= ENOUGH_ESS:
                break
        ranks = {name: rank(true[name].item(), values, rng) for name, values in found.items()}
        return Simulation(ranks, ess)


def check_calibrated(
    prior: AnyPrior, n_features: int, n_samples: int, least: int, table: str
) -> None:
    """Refuse a prior that depends on the data or does not fit them, and too few rows.

    Parameters
    ----------
    prior : HierarchicalPrior, InverseWishartPrior, LKJPrior, NIWPrior or VolumeShapePrior
    n_features, n_samples : int
    least : int
        The fewest rows.
    table : str
        The key of the prior in a config, for the messages.

    Raises
    ------
    UsageError
    """
    if prior.scale != "data":
        raise UsageError(
            f"{table}.scale = 'standardised': the prior would depend on the data that are "
            "drawn from it, allowed for calibration is 'data'"
        )
    if prior.takes_from_data is not None:
        raise UsageError(
            f"{table}.{prior.takes_from_data} is not given, so the prior would depend "
            "on the data that are drawn from it, allowed for calibration are numbers"
        )
    if n_samples < least:
        raise UsageError(
            f"number of rows = {n_samples}: allowed for calibration is {least} or more, "
            "one for each component and two for a spread"
        )
    try:
        prior.check_width(n_features)
    except ValueError as error:
        raise UsageError(f"{table}: {error}") from None


def rank(true: float, values: FloatArray | IntArray, rng: np.random.Generator) -> int:
    """Return how many of `N_DRAWS` draws, evenly spaced through all chains, are below the truth.

    A draw that equals the truth is above or below it at random. Otherwise the ranks of whole
    numbers would not be uniform (Talts et al. 2018, section 4.1, have continuous quantities only).
    """
    flat = values.ravel()
    spaced = flat[np.linspace(0, flat.size - 1, N_DRAWS).round().astype(np.intp)]
    ties = int((spaced == true).sum())
    return int((spaced < true).sum()) + (int(rng.integers(ties + 1)) if ties else 0)


def _smallest_ess(found: Mapping[str, FloatArray | IntArray]) -> float:
    """Return the smallest effective sample size over the quantities.

    A number that never moved is worth no draw, although ArviZ counts it as independent draws of a
    constant. Whole numbers may well have one value in a whole posterior: they are then left out.
    """
    stuck = {name: np.ptp(values) == 0.0 for name, values in found.items()}
    if any(stuck[name] and values.dtype.kind == "f" for name, values in found.items()):
        return 0.0
    moving = [np.asarray(values, dtype=float) for name, values in found.items() if not stuck[name]]
    return float(np.min(array_stats.ess(np.stack(moving), method="bulk")))
