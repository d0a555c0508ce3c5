"""Starts that cluster the rows by distance."""

from __future__ import annotations

from dataclasses import replace
from typing import override

import numpy as np
from scipy.cluster.hierarchy import linkage

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.fitting.starts.base import Assignment, Rows, one_hot, squared_distances

# Hierarchical clustering takes time and memory that grow as the square of the rows.
HIERARCHICAL_ROWS = 400
# Of more than twice as many rows Ward's method looks at so many for each component, and at least at
# the second number.
_WARD_ROWS, _WARD_LEAST = 25, 200
_LLOYD_ITERATIONS = 30


class KMeans(Assignment):
    """Lloyd's k-means, seeded by k-means++."""

    name = "kmeans"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centres = rows.X[plus_plus(rows, n_components, rng)]
        return one_hot(lloyd(rows, centres), n_components)


class PlusPlus(Assignment):
    """Nearest of K centres chosen by k-means++ (Arthur & Vassilvitskii 2007)."""

    name = "k-means++"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centres = rows.X[plus_plus(rows, n_components, rng)]
        return one_hot(_nearest(rows.X, centres), n_components)


class Ward(Assignment):
    """Ward's hierarchical clustering of (a sample of) the rows; the same whatever the seed."""

    name = "ward"
    random = False

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        X = rows.X
        n_rows = HIERARCHICAL_ROWS
        if X.shape[0] > 2 * n_rows:
            n_rows = min(max(_WARD_ROWS * n_components, _WARD_LEAST), n_rows)
        step = -(-X.shape[0] // n_rows)
        tree = linkage(X[::step], "ward")
        R = one_hot(cut(tree, n_components), n_components)
        if step == 1:
            return R
        # A sample of fewer rows than components leaves some without any.
        R = R[:, R.any(axis=0)]
        centres = (R.T @ X[::step]) / R.sum(axis=0)[:, None]
        return one_hot(_nearest(X, centres), n_components)


def cut(tree: FloatArray, n_clusters: int) -> IntArray:
    """Labels of the leaves when the last ``n_clusters - 1`` merges are undone.

    Unlike SciPy's ``fcluster`` it gives as many clusters as asked for where heights are tied.
    """
    n_leaves = tree.shape[0] + 1
    merges = tree[: n_leaves - n_clusters, :2].astype(np.int64)
    nodes = np.arange(n_leaves + merges.shape[0])
    root = nodes.copy()
    root[merges] = nodes[n_leaves:, None]
    # Every node's parent, then its parent's parent, and so on until all are at their roots.
    while not np.array_equal(above := root[root], root):
        root = above
    found, labels = np.unique(root[:n_leaves], return_inverse=True)
    # The latest merge comes first.
    return np.asarray(found.shape[0] - 1 - labels.ravel())


class Quantiles(Assignment):
    """Equal shares of the rows in the order of the first principal component.

    In one dimension this is where mclust begins.
    """

    name = "quantiles"
    random = False

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        X, weight = rows.X, rows.weight
        order = np.argsort(X @ rows.principal[1][:, -1], kind="stable")
        share = np.cumsum(weight[order]) - 0.5 * weight[order]
        labels = np.empty(X.shape[0], dtype=np.int64)
        labels[order] = np.minimum(n_components * share / weight.sum(), n_components - 1)
        return one_hot(labels, n_components)


class Whitened(Assignment):
    """Another start, made in coordinates where the data's covariance is the identity.

    Elongated clusters that lie side by side are told apart there.
    """

    def __init__(self, start: Assignment) -> None:
        self._start = start
        self.name = f"whitened {start.name}"
        # A class attribute of `Start`, which here depends on the start that is wrapped.
        self.random = start.random  # type: ignore[misc]

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        return self._start.responsibilities(replace(rows, X=rows.white), n_components, rng)


def plus_plus(rows: Rows, n_components: int, rng: np.random.Generator) -> IntArray:
    """Choose K rows by k-means++, the best of a few candidates at each step."""
    X, weight = rows.X, rows.weight
    n_candidates = 2 + int(np.log(n_components))
    chosen = np.empty(n_components, dtype=np.int64)
    chosen[0] = rng.choice(X.shape[0], p=weight / weight.sum())
    nearest = squared_distances(X, X[chosen[:1]])[:, 0]
    for k in range(1, n_components):
        mass = weight * nearest
        total = mass.sum()
        p = mass / total if total > 0 else weight / weight.sum()
        candidates = rng.choice(X.shape[0], n_candidates, p=p)
        reduced = np.minimum(nearest[:, None], squared_distances(X, X[candidates]))
        best = int((weight @ reduced).argmin())
        chosen[k], nearest = candidates[best], reduced[:, best]
    return chosen


def lloyd(rows: Rows, centres: FloatArray) -> IntArray:
    """Labels after Lloyd's iterations from the given centres."""
    X, weight = rows.X, rows.weight
    labels = _nearest(X, centres)
    numbers = np.arange(centres.shape[0])[:, None]
    for _ in range(_LLOYD_ITERATIONS):
        assigned = (labels == numbers) * weight
        counts = assigned.sum(axis=1)
        filled = counts > 0
        centres = centres.copy()
        centres[filled] = (assigned @ X)[filled] / counts[filled, None]
        updated = _nearest(X, centres)
        if np.array_equal(updated, labels):
            break
        labels = updated
    return labels


def _nearest(X: FloatArray, centres: FloatArray) -> IntArray:
    """Labels of the nearest centres, shape (N,)."""
    # Squared distances less the square of the row, which changes no comparison.
    distances = X @ (-2.0 * centres.T)
    distances += (centres * centres).sum(axis=1)
    return distances.argmin(axis=1)
