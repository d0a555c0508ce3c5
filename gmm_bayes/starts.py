"""Where chains start: apart from each other, but where the posterior has some mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.unconstrained import UnconstrainedSpace
from gmm_em import Mixture

FloatArray = NDArray[np.float64]

_SEEDINGS = 6
_STEPS_ON_HALF = 15
_STEPS_ON_ALL = 5
_LIGHT_STEPS = 10
_LIGHT_PSEUDO_COUNT = 0.5
_MAX_ROWS = 2000
_OVERDISPERSION = 0.5


def random_start(Z: FloatArray, n_components: int, rng: np.random.Generator) -> FloatArray:
    """Return a random plausible unconstrained vector for standardised data.

    Each chain seeds itself: a few times k-means++ (Arthur & Vassilvitskii 2007) and damped EM steps
    on a random half of the rows, the likeliest of them taken a little further on all rows, and then
    noise of the posterior standard deviation that each parameter would have if components were far
    apart. So chains choose their mode independently of each other, which makes their agreement
    worth something, and start about as far from its peak as the posterior's draws are. Starting
    much further out (in D = 4, twice the noise) gives a chain the energy to cross into the
    singularities that a Gaussian mixture's likelihood has where rows are tied.

    Parameters
    ----------
    Z : ndarray of shape (N, D)
        Standardised data.
    n_components : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray
        A point of ``UnconstrainedSpace(n_components, D)``.
    """
    n_samples, n_features = Z.shape
    wanted = max(n_samples // 2, 5 * n_components * (n_features + 1))
    half = _subset(Z, min(wanted, _MAX_ROWS), rng)
    everything = _subset(Z, 2 * _MAX_ROWS, rng)
    heavy = n_features + 2.0
    best, best_value = None, -np.inf
    for _ in range(_SEEDINGS):
        mixture = _em(_seed(half, n_components, rng), half, heavy, _STEPS_ON_HALF)
        mixture = _em(mixture, everything, heavy, _STEPS_ON_ALL)
        value = mixture.log_likelihood(everything)
        if best is None or value > best_value:
            best, best_value = mixture, value
    assert best is not None
    mixture = _em(best, everything, _LIGHT_PSEUDO_COUNT, _LIGHT_STEPS)
    return _jittered(mixture, n_samples, rng)


def _subset(Z: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    if size >= Z.shape[0]:
        return Z
    return np.asarray(Z[rng.choice(Z.shape[0], size=size, replace=False)])


def _seed(Z: FloatArray, n_components: int, rng: np.random.Generator) -> Mixture:
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
    return Mixture(np.full(n_components, 1.0 / n_components), centres, spread)


def _prior_variance(n_components: int, n_features: int) -> float:
    """Share the data's volume among the components (Fraley & Raftery 2007, section 3.2)."""
    return float(n_components ** (-2.0 / n_features))


def _em(mixture: Mixture, Z: FloatArray, pseudo: float, n_steps: int) -> Mixture:
    """Return the mixture after EM steps in which each component also owns `pseudo` observations.

    They pull the covariance towards Fraley & Raftery's (2007) prior scale, one more pulls the mean
    to where it is, and one the weight towards equality, so that no component vanishes or collapses.
    """
    n_samples, n_features = Z.shape
    k = mixture.n_components
    spread = pseudo * _prior_variance(k, n_features) * np.eye(n_features)
    for _ in range(n_steps):
        resp = mixture.responsibilities(Z)
        counts = resp.sum(axis=0)
        means = (resp.T @ Z + mixture.means) / (counts + 1.0)[:, None]
        covariances = np.empty((k, n_features, n_features))
        for j in range(k):
            centred = Z - means[j]
            covariances[j] = (resp[:, j, None] * centred).T @ centred + spread
        covariances /= (counts + pseudo)[:, None, None]
        mixture = Mixture((counts + 1.0) / (n_samples + k), means, covariances)
    return mixture


def _jittered(mixture: Mixture, n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Return the unconstrained vector with asymptotic noise on every coordinate.

    For n rows of one Gaussian: sd of a mean is sd / sqrt(n), of a log standard deviation
    1 / sqrt(2 n), of Fisher's z (half the log-odds) and of a log weight about 1 / sqrt(n).
    """
    k, d = mixture.n_components, mixture.n_features
    space = UnconstrainedSpace(k, d)
    centre = space.from_mixture(mixture.weights, mixture.means, mixture.covariances)
    error = 1.0 / np.sqrt(n_samples * mixture.weights + 1.0)
    sds = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    scale = np.concatenate(
        [
            error[: k - 1],
            (error[:, None] * sds).ravel(),
            np.repeat(error / np.sqrt(2.0), d),
            np.repeat(2.0 * error, space.n_correlations),
        ]
    )
    return np.asarray(centre + scale * rng.standard_normal(space.size))
