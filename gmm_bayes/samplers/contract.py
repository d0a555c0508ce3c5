"""The interface of a sampler: the task that it gets, and the draws that it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.cores import processors
from gmm_bayes.core.progress import Progress
from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evidence import Evidence
from gmm_bayes.priors.base import Prior


@dataclass(frozen=True)
class Task:
    """What is to be sampled, and how long.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        The data in their own units.
    n_components : int
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior or NIWPrior
    draws, tune, chains : int
        Kept and discarded iterations of each chain, and how many chains.
    cores : int or None
        Chains that run at the same time; None for one per processor. Never changes the draws.
    seed : numpy.random.SeedSequence
        The one source of randomness.
    progress : callable
    covariance_type : str, default "full"
        The name of a structure in :data:`gmm_em.covariance.registry.STRUCTURES`.
    """

    X: FloatArray
    n_components: int
    prior: Prior
    draws: int
    tune: int
    chains: int
    cores: int | None
    seed: np.random.SeedSequence
    progress: Progress
    covariance_type: str = "full"


@dataclass(frozen=True)
class Sampled:
    """What a sampler returns.

    Parameters
    ----------
    draws : MixtureDraws
        In the data's own units, with labels as the sampler left them.
    stats : mapping of str to ndarray of shape (C, S)
        Per-draw statistics under ArviZ's names (``lp``, ``diverging``, ``energy``, ...).
    interrupted : bool
        Whether the user stopped the sampler, so that there are fewer draws than asked for.
    attributes : mapping
        Plain values to record with the posterior: library, version, settings.
    evidence : Evidence, optional
        The log marginal likelihood, where the sampler gives it.
    problems : tuple of str
        What the sampler itself finds wrong, one sentence each.
    notes : tuple of str
        What to know when reading the diagnostics of its draws.
    paths : mapping of str to ndarray of shape (C, T)
        Anything recorded along the way of each chain to its draws, such as the ELBO.
    origins : tuple of str
        Where each chain came from, in words; empty where the sampler does not tell.
    population : MixtureDraws, optional
        Particles that looked for the modes before the chains started, in the data's own units.
    """

    draws: MixtureDraws
    stats: Mapping[str, NDArray[Any]]
    interrupted: bool
    attributes: Mapping[str, Any]
    evidence: Evidence | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    paths: Mapping[str, FloatArray] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    population: MixtureDraws | None = None


@runtime_checkable
class Sampler(Protocol):
    """Anything that can draw a posterior."""

    def default_prior(self) -> Prior:
        """Return the prior to use where none is given."""
        ...

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for."""
        ...


def usable_cores(task: Task) -> int:
    """Return how many chains to run at the same time."""
    return min(task.chains, task.cores or processors())
