"""Draws as unconstrained vectors and back, on either scale."""

from __future__ import annotations

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.draws import MixtureDraws

_TINY = float(np.finfo(np.float64).tiny)


def standardised_draws(target: LogPosterior, thetas: FloatArray) -> MixtureDraws:
    """Return unconstrained vectors (C, S, size) as draws on the standardised scale."""
    return MixtureDraws(*target.space.to_mixtures(thetas))


def own_draws(target: LogPosterior, thetas: FloatArray) -> MixtureDraws:
    """Return unconstrained vectors (C, S, size) as draws in the data's own units."""
    weights, means, covariances = target.space.to_mixtures(thetas)
    loc, scale = target.scaling.loc, target.scaling.scale
    return MixtureDraws(weights, loc + scale * means, covariances * scale[:, None] * scale)


def vectors(target: LogPosterior, draws: MixtureDraws) -> FloatArray:
    """Return draws on the standardised scale as unconstrained vectors (C, S, size)."""
    # A weight that underflowed has no finite logarithm.
    weights = np.maximum(draws.weights, _TINY)
    return target.space.from_mixture(weights, draws.means, draws.covariances)


def standardise(target: LogPosterior, draws: MixtureDraws) -> MixtureDraws:
    """Return draws in the data's own units on the standardised scale."""
    loc, scale = target.scaling.loc, target.scaling.scale
    return MixtureDraws(
        draws.weights,
        (draws.means - loc) / scale,
        draws.covariances / (scale[:, None] * scale),
    )
