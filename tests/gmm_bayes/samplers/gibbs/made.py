"""What the tests of the Gibbs sampler's compiled parts are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_bayes import HierarchicalPrior, InverseWishartPrior, NIWPrior
from gmm_bayes.priors.conjugate import SemiConjugatePrior
from gmm_bayes.samplers.contract import Task
from gmm_bayes.samplers.gibbs.coordinates import Coordinates
from gmm_bayes.samplers.gibbs.marginal_density import MixtureArrays, new_mixture
from gmm_bayes.samplers.gibbs.setup import Setup
from gmm_bayes.samplers.gibbs.sweep import ConjugateModel, State

STRUCTURES = ("full", "tied", "diag", "spherical", "EII", "EEI")


class Made(NamedTuple):
    """A problem whose standardised scale is the data's own."""

    X: NDArray[np.float64]
    prior: NIWPrior | InverseWishartPrior | HierarchicalPrior
    model: ConjugateModel
    coordinates: Coordinates


def made(
    rng: np.random.Generator,
    k: int,
    d: int,
    covariance_type: str,
    n: int = 60,
    *,
    conjugate: bool = True,
) -> Made:
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.3 * np.tri(d))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    prior = (
        NIWPrior(1.7, 0.2, 0.7, d + 2.5, np.eye(d) + 0.2, "data")
        if conjugate
        else InverseWishartPrior(1.7, 0.2, 0.7, d + 2.5, np.eye(d) + 0.2, "data")
    )
    return made_of(X, k, prior, covariance_type)


def made_hierarchical(
    rng: np.random.Generator, k: int, d: int, covariance_type: str, n: int = 60
) -> Made:
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.3 * np.tri(d))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rates = np.linspace(0.8, 1.6, d)
    prior = HierarchicalPrior(1.7, 0.2, 0.7, 0.5 * d + 1.5, 0.5 * d + 0.5, rates, "data")
    return made_of(X, k, prior, covariance_type)


def made_of(
    X: NDArray[np.float64], k: int, prior: SemiConjugatePrior, covariance_type: str
) -> Made:
    seed = np.random.SeedSequence(0)
    task = Task(X, k, prior, 10, 10, 1, 1, seed, lambda done, total: None, covariance_type)
    setup = Setup.of(task, prior)
    return Made(X, prior, setup.model, setup.coordinates)


def state_of(coordinates: Coordinates, theta: NDArray[np.float64]) -> State:
    weights, means, covariances = coordinates.to_mixtures(theta)
    whiteners = np.linalg.inv(np.linalg.cholesky(covariances))
    return State(weights, means, whiteners, np.arange(len(weights), dtype=np.int64))


def scratch_for(coordinates: Coordinates) -> MixtureArrays:
    """Room for a mixture."""
    return new_mixture(coordinates.n_components, coordinates.n_features)
