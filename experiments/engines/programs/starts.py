"""Where the chains of other programs start: at rows, without a look at what EM found."""

from __future__ import annotations

import numpy as np

from experiments.core.types import FloatArray
from gmm_bayes import MixtureDraws, ModelInNumbers


def starts_at_rows(
    model: ModelInNumbers, n_chains: int, seed: np.random.SeedSequence
) -> MixtureDraws:
    """Return one mixture for each chain, on the standardised scale.

    The means are rows that lie far apart (Arthur & Vassilvitskii 2007, section 2.2), the weights
    are equal, and every covariance has the shape of the data's and one K-th of its standard
    deviations' product.

    Parameters
    ----------
    model : ModelInNumbers
    n_chains : int
    seed : SeedSequence

    Returns
    -------
    MixtureDraws of `n_chains` chains with one draw each
    """
    k, (_, d) = model.n_components, model.rows.shape
    streams = [np.random.default_rng(child) for child in seed.spawn(n_chains)]
    means = np.array([_far_apart(model.rows, k, rng) for rng in streams])
    # A hundredth of the identity keeps it positive definite where features are collinear.
    width = 0.99 * model.rows.T @ model.rows / len(model.rows) + 0.01 * np.eye(d)
    covariances = np.broadcast_to(width / k ** (2.0 / d), (n_chains, 1, k, d, d))
    weights = np.full((n_chains, 1, k), 1.0 / k)
    return MixtureDraws(weights, means[:, None], covariances.copy())


def _far_apart(rows: FloatArray, n_rows: int, rng: np.random.Generator) -> FloatArray:
    """Return rows (n_rows, D), each drawn in proportion to its squared distance to those before."""
    chosen = [rows[rng.integers(len(rows))]]
    for _ in range(n_rows - 1):
        apart = np.min([((rows - row) ** 2).sum(axis=1) for row in chosen], axis=0)
        total = apart.sum()
        share = apart / total if total > 0.0 else None
        chosen.append(rows[rng.choice(len(rows), p=share)])
    return np.array(chosen)
