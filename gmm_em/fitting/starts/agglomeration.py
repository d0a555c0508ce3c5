"""Hierarchical clustering by likelihood, mclust's way to begin."""

from __future__ import annotations

from typing import override

import numpy as np
from scipy.cluster.hierarchy import linkage

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.fitting.starts.base import Assignment, Rows, one_hot, squared_distances
from gmm_em.fitting.starts.clustering import HIERARCHICAL_ROWS, cut

# Groups that Ward's method makes of the rows before the likelihood decides.
_GROUPS = 60


class Agglomeration(Assignment):
    """Merge the pair of groups that costs the least classification likelihood.

    The criterion is that of normal clusters with free covariances, ``sum_k n_k log |W_k / n_k|``
    (Banfield & Raftery 1993, equation 2.2; Fraley 1998). Ward's method, in whitened coordinates,
    merges rows to 60 groups first, because the criterion takes no notice of groups of a few rows.
    """

    name = "model-based"
    random = False

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        X = rows.white
        step = -(-X.shape[0] // HIERARCHICAL_ROWS)
        part, weight = X[::step], rows.weight[::step]
        n_groups = min(part.shape[0], max(n_components, _GROUPS))
        labels = cut(linkage(part, "ward"), n_groups)
        labels = _merge(part, weight, labels, n_components)
        R = one_hot(labels, n_components)
        if step == 1:
            return R
        # The other rows go with the nearest row of the sample.
        return R[squared_distances(X, part).argmin(axis=1)]


def _merge(X: FloatArray, weight: FloatArray, labels: IntArray, n_clusters: int) -> IntArray:
    """Merge groups until `n_clusters` are left."""
    n_groups = int(labels.max()) + 1
    d = X.shape[1]
    R = one_hot(labels, n_groups) * weight[:, None]
    counts = R.sum(axis=0)
    sums = R.T @ X
    products = np.stack([(X * R[:, g, None]).T @ X for g in range(n_groups)])
    # A small group has the shape of a ball about as wide as a group.
    within = (products.sum(axis=0) - (sums / counts[:, None]).T @ sums) / counts.sum()
    floor = np.eye(d) * max(float(np.trace(within)) / d, 1e-6)

    def cost(counts: FloatArray, sums: FloatArray, products: FloatArray) -> FloatArray:
        means = sums / counts[:, None]
        scatter = products - sums[:, :, None] * means[:, None, :]
        shrunk = (scatter + floor) / (counts + 1.0)[:, None, None]
        return np.asarray(counts * np.linalg.slogdet(shrunk)[1])

    alone = cost(counts, sums, products)
    rises = np.full((n_groups, n_groups), np.inf)
    first, second = np.triu_indices(n_groups, 1)

    def joined(a: IntArray, b: IntArray) -> FloatArray:
        together = cost(counts[a] + counts[b], sums[a] + sums[b], products[a] + products[b])
        return np.asarray(together - alone[a] - alone[b])

    rises[first, second] = joined(first, second)
    alive = np.ones(n_groups, dtype=bool)
    labels = labels.copy()
    for _ in range(n_groups - n_clusters):
        a, b = np.unravel_index(int(rises.argmin()), rises.shape)
        counts[a] += counts[b]
        sums[a] += sums[b]
        products[a] += products[b]
        alone[a] = cost(counts[a : a + 1], sums[a : a + 1], products[a : a + 1])[0]
        labels[labels == b] = a
        alive[b] = False
        rises[b], rises[:, b] = np.inf, np.inf
        others = np.flatnonzero(alive)
        others = others[others != a]
        low, high = np.minimum(others, a), np.maximum(others, a)
        rises[low, high] = joined(low, high)
    return np.unique(labels, return_inverse=True)[1].ravel()
