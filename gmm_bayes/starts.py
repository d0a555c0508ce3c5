"""Where chains start: apart from each other, but where the posterior has some mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_em import Mixture

FloatArray = NDArray[np.float64]

_CANDIDATES = 3
_STEPS = 8
_MAX_ROWS = 2000


def random_start(Z: FloatArray, n_components: int, rng: np.random.Generator) -> Mixture:
    """Return a random plausible mixture of standardised data.

    Each chain gets its own random half of the rows (2000 at most), a few k-means++ seedings (Arthur
    & Vassilvitskii 2007) of it, a few damped EM steps from each, and keeps the likeliest. Halves
    differ from each other by more than posterior draws do, so chains start overdispersed; none
    starts at the optimum of all the data, so their agreement is worth something. Taking the best of
    a few seedings spares chains that would spend themselves in a poor local mode.

    Parameters
    ----------
    Z : ndarray of shape (N, D)
        Standardised data.
    n_components : int
    rng : numpy.random.Generator
    """
    n_samples, n_features = Z.shape
    wanted = max(n_samples // 2, 5 * n_components * (n_features + 1))
    rows = rng.choice(n_samples, size=min(n_samples, wanted, _MAX_ROWS), replace=False)
    half = Z[rows]
    best, best_value = None, -np.inf
    for _ in range(_CANDIDATES):
        mixture = _seed(half, n_components, rng)
        for _ in range(_STEPS):
            mixture = _damped_em_step(mixture, half)
        value = mixture.log_likelihood(half)
        if best is None or value > best_value:
            best, best_value = mixture, value
    assert best is not None
    return best


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
    spread = np.broadcast_to(
        _prior_variance(n_components, n_features) * np.eye(n_features),
        (n_components, n_features, n_features),
    )
    return Mixture(np.full(n_components, 1.0 / n_components), centres, spread)


def _prior_variance(n_components: int, n_features: int) -> float:
    """Share the data's volume among the components (Fraley & Raftery 2007, section 3.2)."""
    return float(n_components ** (-2.0 / n_features))


def _damped_em_step(mixture: Mixture, Z: FloatArray) -> Mixture:
    """One EM step in which each component also owns a few pseudo-observations.

    The covariance shrinks towards Fraley & Raftery's (2007) prior scale with D + 2 pseudo-counts,
    and weights towards equality, so that no component can vanish or collapse.
    """
    n_samples, n_features = Z.shape
    k = mixture.n_components
    resp = mixture.responsibilities(Z)
    counts = resp.sum(axis=0)
    means = (resp.T @ Z + mixture.means) / (counts + 1.0)[:, None]
    centred = Z[None, :, :] - means[:, None, :]
    scatter = np.einsum("nk,kni,knj->kij", resp, centred, centred, optimize=True)
    pseudo = n_features + 2.0
    prior = pseudo * _prior_variance(k, n_features) * np.eye(n_features)
    covariances = (scatter + prior) / (counts + pseudo)[:, None, None]
    return Mixture((counts + 1.0) / (n_samples + k), means, covariances)
