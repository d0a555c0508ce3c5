"""The compiled draws of every row's component, and of what is missing of a row."""

from __future__ import annotations

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.density.incomplete import observed_features, observed_mixture
from gmm_bayes.density.moments import BLOCK_ROWS, allocate, new_block
from gmm_bayes.density.triangular import invert_lower


@njit()
def add_rows(data, rng, components, sums, allocations):  # type: ignore[no-untyped-def]
    """Draw every row's component; add to `sums` the moments of its rows around its mean.

    Parameters are ``data`` (D, N), :class:`gmm_bayes.density.moments.FactorisedMixture`,
    :class:`gmm_bayes.density.moments.Sums`, and an integer array (N,) to which the components are
    written. The sums equal the :class:`gmm_em.Moments` of the drawn allocations.
    """
    means = components.means
    n_features, n_samples = data.shape
    n_components = means.shape[0]
    block = new_block(n_components, n_features)
    away = np.empty(n_features)
    for start in range(0, n_samples, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_samples - start)
        allocate(data, start, n, components, block)
        for i in range(n):
            k = drawn_component(rng, block, i)
            allocations[start + i] = k
            for d in range(n_features):
                away[d] = data[d, start + i] - means[k, d]
            add_residual(k, away, sums)


@inlined()
def drawn_component(rng, block, i):  # type: ignore[no-untyped-def]
    """Draw the component of a block's row i by inversion.

    It is the first one at which the cumulated shares exceed a uniform number.
    """
    left = rng.random() * block.total[i] - block.resp[0, i]
    k = 0
    while left >= 0.0 and k < block.resp.shape[0] - 1:
        k += 1
        left -= block.resp[k, i]
    return k


@inlined()
def add_residual(k, away, sums):  # type: ignore[no-untyped-def]
    """Add a row of component k, as its residual `away` (D,), to the sums."""
    sums.counts[k] += 1.0
    for d in range(away.shape[0]):
        sums.first[k, d] += away[d]
        for j in range(d + 1):
            sums.second[k, d, j] += away[d] * away[j]


@njit()
def add_completed_rows(model, rng, log_weights, means, whiteners, sums):  # type: ignore[no-untyped-def]
    """Draw every incomplete row's component, and what is missing of it; add both to `sums`.

    With z normal like a whole row's residual, the residual given its observed part r is
    ``L A V (r - z_o) + z`` (:mod:`gmm_bayes.density.incomplete`).
    """
    n_components, d = means.shape
    factors = np.zeros((n_components, d, d))
    for k in range(n_components):
        invert_lower(whiteners[k], factors[k])
    noise, residual = np.empty(d), np.empty(d)
    at = 0
    for p in range(model.patterns.shape[0]):
        features = observed_features(model.patterns[p])
        n_rows, n = int(model.patterns[p, 0]), features.shape[0]
        data = model.values[at : at + n_rows * n].reshape(n, n_rows)
        at += n_rows * n
        mixing = np.empty((n_components, d, n))
        components = observed_mixture(log_weights, means, factors, features, mixing)
        block = new_block(n_components, n)
        for start in range(0, n_rows, BLOCK_ROWS):
            size = min(BLOCK_ROWS, n_rows - start)
            allocate(data, start, size, components, block)
            for i in range(size):
                k = drawn_component(rng, block, i)
                for a in range(d):
                    noise[a] = rng.standard_normal()
                _complete_row(
                    data[:, start + i], features, components.means[k], components.whiteners[k],
                    mixing[k], factors[k], noise, residual,
                )  # fmt: skip
                add_residual(k, residual, sums)


@njit()
def _complete_row(x, features, centre, whitener, mixing, factor, noise, residual):  # type: ignore[no-untyped-def]
    """Write a whole row's residual given the observed values `x` (O,) to `residual` (D,).

    ``noise`` (D,) is standard normal; ``z = L noise``.
    """
    d, n = residual.shape[0], features.shape[0]
    white = np.empty(n)
    gap = np.empty(n)
    for a in range(n):
        gap[a] = x[a] - centre[a]
        for m in range(features[a] + 1):
            gap[a] -= factor[features[a], m] * noise[m]
    for a in range(n):
        white[a] = 0.0
        for b in range(a + 1):
            white[a] += whitener[a, b] * gap[b]
    # L (A V (r - z_o) + noise)
    inner = noise.copy()
    for m in range(d):
        for a in range(n):
            inner[m] += mixing[m, a] * white[a]
    for i in range(d):
        residual[i] = 0.0
        for m in range(i + 1):
            residual[i] += factor[i, m] * inner[m]
