"""What is to be sampled where the number of components is unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.progress import Progress
from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.number_of_components import ComponentsPrior

_MOST_SWEEPS = 10
"""Sweeps between two kept draws at most."""

_ROWS_PER_DRAW = 10_000
"""Rows that all the sweeps of a kept draw visit, about, where that takes more than one sweep."""


def usual_thinning(n_samples: int) -> int:
    """Return how many sweeps to make for each kept draw of so many rows.

    The number of components changes slowly from sweep to sweep, and a sweep of few rows costs less
    than to keep its result.
    """
    return max(1, min(_MOST_SWEEPS, _ROWS_PER_DRAW // n_samples))


@dataclass(frozen=True)
class UnknownKTask:
    """What is to be sampled, and how long.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        The data in their own units.
    prior : InverseWishartPrior, HierarchicalPrior or NIWPrior
        Of the weights, means and covariances given the number of components.
    components_prior : ComponentsPrior
        Of the number of components.
    max_components : int
        Largest number of components considered, M.
    dynamic : bool
        Whether the Dirichlet distribution of the weights has the prior's concentration divided by
        the number of components.
    draws, tune, chains : int
        Kept and discarded draws of each chain, and how many chains.
    thin : int
        Sweeps made for each draw.
    cores : int or None
        Chains that run at the same time; None for one per processor. Never changes the draws.
    seed : numpy.random.SeedSequence
    progress : callable
    covariance_type : str, default "full"
    """

    X: FloatArray
    prior: Prior
    components_prior: ComponentsPrior
    max_components: int
    dynamic: bool
    draws: int
    tune: int
    chains: int
    thin: int
    cores: int | None
    seed: np.random.SeedSequence
    progress: Progress
    covariance_type: str = "full"
