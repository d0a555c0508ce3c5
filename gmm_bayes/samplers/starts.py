"""Where chains start: apart from each other, but where the posterior has some mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.moments import FactorisedMixture, Sums, whitened_moments
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.density.row_loops import load_moments
from gmm_bayes.priors.registry import default_prior
from gmm_bayes.space.spaces import space_of
from gmm_bayes.space.structures import FULL, Structure

_SEEDINGS = 6
"""How often a chain seeds itself; the likeliest seeding is taken further."""
_STEPS_ON_HALF = 15
"""EM steps of each seeding on a random half of the rows."""
_STEPS_ON_ALL = 5
"""EM steps of each seeding on all rows."""
_LAST_STEPS = 10
"""EM steps of the likeliest seeding."""
_LAST_PSEUDO_COUNT = 0.5
"""Observations that each component owns in the last steps, where damping may be slight."""
_MAX_ROWS = 2000
"""Rows of the random half at most; of all rows, twice as many."""


_CLIMBS = 3
"""Climbs from the prior."""
_DRAWS_PER_CLIMB = 4
"""Draws of the prior, the most probable of which is climbed from."""
_STEPS_OF_CLIMB = 60
"""Iterations of a climb at most."""


@dataclass(frozen=True)
class _Start:
    """Weights (K,), means (K, D) and covariances (K, D, D) on the way to a start."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


def random_start(
    Z: FloatArray, n_components: int, rng: np.random.Generator, structure: Structure = FULL
) -> FloatArray:
    """Return a random plausible unconstrained vector for standardised data.

    Each chain seeds itself a few times by k-means++ (Arthur & Vassilvitskii 2007) and damped EM
    steps on a random half of the rows. The likeliest result is taken a little further on all rows.
    A few climbs of the posterior density from draws of the default prior, which share nothing with
    such seeds, replace it where one of them ends higher. Each parameter then gets normal noise,
    whose standard deviation is the posterior's if components were far apart.

    So chains choose their mode independently of each other, which gives their agreement its worth,
    and start about as far from its peak as the posterior's draws are. Starting much further out (in
    D = 4, with twice the noise) gives a chain the energy to cross into the singularities that a
    Gaussian mixture's likelihood has where rows are tied.

    Parameters
    ----------
    Z : ndarray of shape (N, D)
        Standardised data.
    n_components : int
    rng : numpy.random.Generator
    structure : Structure, default full

    Returns
    -------
    ndarray
        A point of the structure's unconstrained space.
    """
    n_samples, n_features = Z.shape
    wanted = max(n_samples // 2, 5 * n_components * (n_features + 1))
    half = _subset(Z, min(wanted, _MAX_ROWS), rng)
    everything = _subset(Z, 2 * _MAX_ROWS, rng)
    pseudo = n_features + 2.0
    best, best_value = None, -np.inf
    for _ in range(_SEEDINGS):
        seeded = _kmeans_plusplus(half, n_components, rng)
        start = _em(seeded, half, pseudo, _STEPS_ON_HALF, structure)
        start = _em(start, everything, pseudo, _STEPS_ON_ALL, structure)
        value = _expect(start, everything)[0]
        if best is None or value > best_value:
            best, best_value = start, value
    assert best is not None
    best = _em(best, everything, _LAST_PSEUDO_COUNT, _LAST_STEPS, structure)
    best = _most_probable(best, everything, rng, structure)
    return _noisy(best, n_samples, rng, structure)


def _most_probable(
    seeded: _Start, Z: FloatArray, rng: np.random.Generator, structure: Structure
) -> _Start:
    """Return the most probable of a start and of climbs from the prior.

    Both the density and the prior draws are those of the default prior, under which no climb ends
    in a singularity.
    """
    k = len(seeded.weights)
    if k == 1:
        return seeded
    target = LogPosterior(Z, k, default_prior(structure), structure)

    means, covariances = target.scaling.standardise_parameters(seeded.means, seeded.covariances)
    ends = [target.space.from_mixture(seeded.weights, means, covariances)]
    for _ in range(_CLIMBS):
        drawn = prior_vectors(target, _DRAWS_PER_CLIMB, rng)
        found = minimize(
            target.negative,
            drawn[np.argmin([target.negative(theta)[0] for theta in drawn])],
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS_OF_CLIMB},
        )
        ends.append(found.x)
    best = int(np.argmin([target.negative(theta)[0] for theta in ends]))
    if best == 0:
        return seeded
    weights, means, covariances = target.space.to_mixtures(ends[best])
    return _Start(weights, *target.scaling.to_own_units(means, covariances))


def _subset(Z: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    """Return `size` rows at random, or all where there are no more."""
    if size >= Z.shape[0]:
        return Z
    return np.asarray(Z[rng.choice(Z.shape[0], size=size, replace=False)])


def _kmeans_plusplus(Z: FloatArray, n_components: int, rng: np.random.Generator) -> _Start:
    """Return equal components around centres chosen by k-means++ (Arthur & Vassilvitskii 2007)."""
    n_samples, n_features = Z.shape
    centres = np.empty((n_components, n_features))
    centres[0] = Z[rng.integers(n_samples)]
    nearest = np.full(n_samples, np.inf)
    for k in range(1, n_components):
        nearest = np.minimum(nearest, ((Z - centres[k - 1]) ** 2).sum(axis=1))
        total = nearest.sum()
        chance = nearest / total if total > 0.0 else None  # all rows are centres already
        centres[k] = Z[rng.choice(n_samples, p=chance)]
    variance = _prior_variance(n_components, n_features)
    spread = np.tile(variance * np.eye(n_features), (n_components, 1, 1))
    return _Start(np.full(n_components, 1.0 / n_components), centres, spread)


def _prior_variance(n_components: int, n_features: int) -> float:
    """Share the data's volume among the components (Fraley & Raftery 2007, section 3.2)."""
    return float(n_components ** (-2.0 / n_features))


def _expect(start: _Start, Z: FloatArray) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """Return the log-likelihood but for a constant, and the moments around the current means.

    Those are the counts (K,), ``sum r (z - mean)`` (K, D) and ``sum r (z - mean)(z - mean)'``.
    """
    k, d = start.means.shape
    factors = np.linalg.cholesky(start.covariances)
    log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    counts, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    log_const = np.log(start.weights) - log_det
    components = FactorisedMixture(log_const, start.means, np.linalg.inv(factors))
    rows = np.ascontiguousarray(Z.T)
    load_moments()
    value = whitened_moments(rows, components, Sums(counts, first, second), True)
    second += np.tril(second, -1).transpose(0, 2, 1)
    shift = (factors @ first[..., None])[..., 0]
    return value, counts, shift, factors @ second @ factors.transpose(0, 2, 1)


def _em(start: _Start, Z: FloatArray, pseudo: float, n_steps: int, structure: Structure) -> _Start:
    """Return the start after EM steps in which each component also owns `pseudo` observations.

    Those observations pull the covariance towards Fraley & Raftery's (2007) prior scale. One more
    pulls the mean to where it is, and one more the weight towards equality. So no component
    vanishes or collapses.
    """
    n_samples, n_features = Z.shape
    k = start.weights.size
    spread = pseudo * _prior_variance(k, n_features) * np.eye(n_features)
    for _ in range(n_steps):
        _, counts, shift, scatter = _expect(start, Z)
        step = shift / (counts + 1.0)[:, None]
        # Around the new means: the cross terms of (z - mean - step).
        cross = shift[:, :, None] * step[:, None, :]
        scatter += counts[:, None, None] * step[:, :, None] * step[:, None, :]
        scatter -= cross + cross.transpose(0, 2, 1)
        start = _Start(
            (counts + 1.0) / (n_samples + k),
            start.means + step,
            structure.maximize(counts + pseudo, scatter + spread),
        )
    return start


def _noisy(
    start: _Start, n_samples: int, rng: np.random.Generator, structure: Structure
) -> FloatArray:
    """Return the unconstrained vector with asymptotic noise on every coordinate.

    For n rows of one Gaussian: sd of a mean is sd / sqrt(n), of a log weight about 1 / sqrt(n).
    """
    k, d = start.means.shape
    space = space_of(k, d, structure)
    centre = space.from_mixture(start.weights, start.means, start.covariances)
    rows = n_samples * start.weights
    error = 1.0 / np.sqrt(rows + 1.0)
    sds = np.sqrt(np.diagonal(start.covariances, axis1=1, axis2=2))
    scale = np.concatenate([error[: k - 1], (error[:, None] * sds).ravel(), space.errors(rows)])
    return np.asarray(centre + scale * rng.standard_normal(space.size))
