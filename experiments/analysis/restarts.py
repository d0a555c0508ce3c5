"""Where EM leads from starts of the certificate's own, and from posterior draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.core.missing import treatment_of_missing
from experiments.core.types import FloatArray
from gmm_em import DegenerateError, Mixture, Run, fit_em
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step import observed
from gmm_em.fitting.splits import split_merge
from gmm_em.matching import assign, assignment_cost, component_distances
from gmm_em.rows.samples import Parameters

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws

N_STARTS = 20
"""Starts of a search with a seed of the certificate's own."""
N_SPLITS = 8
"""Mixtures made from EM's by merging two components and splitting a third."""
SAME = 0.01
"""Mixtures closer than this, components matched and weighted, are one maximum."""


def runs_from_draws(
    X: FloatArray, draws: MixtureDraws, chosen: list[int], covariance_type: str
) -> list[Run]:
    """Run EM from posterior draws; what degenerates or is spurious is left out."""
    starts = [draws[index] for index in chosen]
    return [run for start in starts for run in _runs_from(X, start, covariance_type)]


def runs_of_its_own(
    X: FloatArray, em: Mixture, covariance_type: str, seed: np.random.SeedSequence
) -> list[Run]:
    """Run EM from starts that neither EM's search nor the posterior made.

    They are those of a search with another seed, and mixtures made from EM's by merging two of its
    components and splitting a third. Maxima that a search refuses as spurious are left out.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    em : Mixture
        EM's estimate.
    covariance_type : str
    seed : numpy.random.SeedSequence
    """
    k = em.n_components
    runs: list[Run] = []
    try:
        found = fit_em(
            X,
            k,
            covariance_type=covariance_type,
            n_init=N_STARTS,
            random_state=seed,
            missing=treatment_of_missing(X),
        )
        runs += [run for run in found.runs if _counts(run, len(X))]
    except DegenerateError:
        # Where all starts collapse there is no maximum to compare with.
        runs = []
    parameters = Parameters(em.weights, em.means, em.covariances)
    shares = observed.responsibilities(em, X).T
    for made in split_merge(parameters, shares, get_structure(covariance_type), N_SPLITS):
        runs += _runs_from(X, _mixture(made), covariance_type)
    return runs


def _mixture(made: Parameters) -> Mixture:
    return Mixture(made.weights / made.weights.sum(), made.means, made.covariances)


def _runs_from(X: FloatArray, start: Mixture, covariance_type: str) -> list[Run]:
    try:
        result = fit_em(
            X,
            start.n_components,
            covariance_type=covariance_type,
            init=start,
            missing=treatment_of_missing(X),
        )
    except DegenerateError:
        # Where EM collapses there is no maximum to compare with.
        return []
    return [run for run in result.runs if _counts(run, len(X))]


def _counts(run: Run, n_samples: int) -> bool:
    whole = run.converged and run.n_rows == n_samples
    return whole and not run.degenerate and not run.spurious


def are_one(a: Mixture, b: Mixture) -> bool:
    """Say whether two mixtures are one maximum, whatever the order of their components."""
    return distance_between(a, b) < SAME


def distance_between(a: Mixture, b: Mixture) -> float:
    """Return the distance of matched components, each weighted by the first mixture's weight."""
    costs = component_distances(a, b) * a.weights[:, None]
    return float(assignment_cost(costs, assign(costs)))
