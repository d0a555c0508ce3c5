"""Conversions between draws and unconstrained vectors, and between the two scales."""

from __future__ import annotations

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.draws import MixtureDraws

_TINY = float(np.finfo(np.float64).tiny)
"""Stands for a weight that underflowed to zero, whose logarithm would not be finite."""


def standardised_draws(target: LogPosterior, thetas: FloatArray) -> MixtureDraws:
    """Return unconstrained vectors (C, S, size) as draws on the standardised scale."""
    return MixtureDraws(*target.space.to_mixtures(thetas))


def own_draws(target: LogPosterior, thetas: FloatArray) -> MixtureDraws:
    """Return unconstrained vectors (C, S, size) as draws in the data's own units."""
    weights, means, covariances = target.space.to_mixtures(thetas)
    return MixtureDraws(weights, *target.scaling.to_own_units(means, covariances))


def vectors(target: LogPosterior, draws: MixtureDraws) -> FloatArray:
    """Return draws on the standardised scale as unconstrained vectors (C, S, size)."""
    weights = np.maximum(draws.weights, _TINY)
    return target.space.from_mixture(weights, draws.means, draws.covariances)


def standardise(target: LogPosterior, draws: MixtureDraws) -> MixtureDraws:
    """Return draws in the data's own units on the standardised scale."""
    standardised = target.scaling.standardise_parameters(draws.means, draws.covariances)
    return MixtureDraws(draws.weights, *standardised)
