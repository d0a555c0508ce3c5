"""Draws from the prior as unconstrained vectors."""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior


def prior_vectors(target: LogPosterior, n: int, rng: np.random.Generator) -> FloatArray:
    """Return unconstrained vectors (n, size) drawn from the prior.

    Draws whose covariance float64 cannot tell from a singular one are drawn again: they lie off
    the support of :class:`gmm_bayes.density.log_posterior.LogPosterior`.
    """
    prior, space, scaling = target.written_out_prior, target.space, target.scaling
    loc, scale = (
        (scaling.loc, scaling.scale) if prior.in_own_units else (0.0, np.ones(space.n_features))
    )
    out = np.empty((n, space.size))
    done = 0
    while done < n:
        try:
            drawn = prior.sample(rng, space.n_components, space.n_features, space.structure.name)
        except ValueError:  # Mixture refuses a covariance that is singular in float64
            continue
        theta = space.from_mixture(
            np.maximum(drawn.weights, np.finfo(float).tiny),
            (drawn.means - loc) / scale,
            drawn.covariances / (scale[:, None] * scale),
        )
        theta = space.redrawn(theta, rng)
        if np.isfinite(theta).all() and math.isfinite(target.log_prior(theta)):
            out[done] = theta
            done += 1
    return out
