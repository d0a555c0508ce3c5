"""Where EM leads from given mixtures, and from starts of the certificate's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.stats import invwishart

from experiments.core.missing import treatment_of_missing
from experiments.core.types import FloatArray
from gmm_em import DegenerateError, Mixture, Run, fit_em
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.missing import imputed
from gmm_em.fitting.splits import moved_mixtures
from gmm_em.matching import distance_between

N_STARTS = 20
"""Starts of a search with a seed of the certificate's own."""
N_PRIOR_DRAWS = 8
"""Mixtures drawn from a weak prior."""
N_SPLITS = 8
"""Mixtures made from EM's by merging two components and splitting a third."""
SAME = 0.01
"""Mixtures closer than this, components matched and weighted, are one maximum."""


def runs_from(X: FloatArray, starts: Iterable[Mixture], covariance_type: str) -> list[Run]:
    """Run EM from mixtures; what degenerates or is spurious is left out."""
    return [run for start in starts for run in _runs_from(X, start, covariance_type)]


def runs_of_its_own(
    X: FloatArray, em: Mixture, covariance_type: str, seed: np.random.SeedSequence
) -> list[Run]:
    """Run EM from starts that neither EM's search nor the posterior made.

    They are those of a search with another seed, mixtures drawn from a weak prior, and mixtures
    made from EM's by merging two of its components and splitting a third. Maxima that a search
    refuses as spurious are left out.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    em : Mixture
        EM's estimate.
    covariance_type : str
    seed : numpy.random.SeedSequence
    """
    k = em.n_components
    seed_of_search, seed_of_prior = seed.spawn(2)
    runs: list[Run] = []
    try:
        found = fit_em(
            X,
            k,
            covariance_type=covariance_type,
            n_init=N_STARTS,
            random_state=seed_of_search,
            missing=treatment_of_missing(X),
        )
        runs += [run for run in found.runs if _counts(run, len(X))]
    except DegenerateError:
        # Where all starts collapse there is no maximum to compare with.
        runs = []
    runs += runs_from(
        X, prior_mixtures(em, covariance_type, N_PRIOR_DRAWS, seed_of_prior), covariance_type
    )
    split = moved_mixtures(imputed(X), em, get_structure(covariance_type), N_SPLITS)
    return runs + runs_from(X, split, covariance_type)


def prior_mixtures(
    em: Mixture, covariance_type: str, n: int, seed: np.random.SeedSequence
) -> Iterator[Mixture]:
    """Yield mixtures drawn from a weak prior, in which nothing of a search's starts is used.

    Weights are uniform on the simplex, means normal with the mean and covariance of all rows, and
    covariances inverse-Wishart with D + 2 degrees of freedom around that of all rows over
    K ** (2 / D) (Fraley & Raftery 2007, section 2.2).

    Parameters
    ----------
    em : Mixture
        EM's estimate, which has the mean and, about, the covariance of the rows.
    covariance_type : str
    n : int
        How many.
    seed : numpy.random.SeedSequence
    """
    k, d = em.means.shape
    rng, structure = np.random.default_rng(seed), get_structure(covariance_type)
    scale = em.covariance / k ** (2 / d)
    for _ in range(n):
        weights = rng.dirichlet(np.ones(k))
        means = rng.multivariate_normal(em.mean, em.covariance, k)
        covariances = invwishart.rvs(d + 2, scale, size=k, random_state=rng).reshape(k, d, d)
        yield Mixture(weights, means, structured(structure, weights, covariances))


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
