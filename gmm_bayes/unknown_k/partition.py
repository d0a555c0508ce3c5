"""Partitions of the rows: how often two rows are together, and one partition for all draws.

A partition into clusters is scored by its expected loss under the posterior of partitions, which
depends on that posterior through the co-clustering matrix P only: its entry (i, j) is the
probability that rows i and j are in the same component (Wade & Ghahramani 2018, Bayesian Analysis
13, 559-626).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray, IntArray

MAX_ROWS = 3000
"""Rows up to which the co-clustering matrix is kept."""

_MOST_COMPARISONS = 2_000_000_000
"""Pairs of rows compared over all draws; evenly spaced draws stand for all where that is less."""

_MOST_CANDIDATES = 100
"""Evenly spaced draws whose partitions the search starts from."""

_MOST_CLUSTERS = 50
"""Clusters up to which the tree of the rows is cut."""

_MOST_PASSES = 50
"""Passes over all rows at most; a few are usual."""

LOSSES = ("vi", "binder")
"""Losses by name: variation of information, and Binder's with equal costs."""


@njit()
def _count_pairs(allocations, together):  # type: ignore[no-untyped-def]
    """Add to `together` (N, N) how many draws (S, N) have each pair of rows in one component."""
    for s in range(allocations.shape[0]):
        draw = allocations[s]
        for i in range(draw.shape[0]):
            own = draw[i]
            for j in range(i):
                together[i, j] += own == draw[j]


def co_clustering(allocations: NDArray[np.uint16]) -> FloatArray:
    """Return the probability of each pair of rows to be in one component, shape (N, N).

    Parameters
    ----------
    allocations : ndarray of int, shape (S, N)
        The component of each row in each draw.
    """
    n_draws, n_rows = allocations.shape
    most = max(1, min(n_draws, 2 * _MOST_COMPARISONS // n_rows**2))
    few = allocations[np.linspace(0, n_draws - 1, most).round().astype(np.intp)]
    together = np.zeros((n_rows, n_rows), dtype=np.int32)
    _count_pairs(np.ascontiguousarray(few), together)
    matrix = together / len(few)
    return np.asarray(matrix + matrix.T + np.eye(n_rows))


@njit()
def _term(size, together, binder):  # type: ignore[no-untyped-def]
    """Return a row's part of the loss.

    `size` is how many rows its cluster has, and `together` the sum of its row of P over these. The
    part is ``log size - 2 log together`` (Wade & Ghahramani 2018, equation 13), or for Binder's
    loss ``size - 2 together``. Terms that do not depend on the partition are left out.
    """
    if binder:
        return size - 2.0 * together
    return math.log(size) - 2.0 * math.log(together)


@njit()
def _loss(matrix, labels, n_clusters, binder):  # type: ignore[no-untyped-def]
    """Return the loss of a partition, times N."""
    sizes = np.zeros(n_clusters)
    for label in labels:
        sizes[label] += 1.0
    total = 0.0
    for i in range(labels.shape[0]):
        together = 0.0
        for j in range(labels.shape[0]):
            if labels[j] == labels[i]:
                together += matrix[i, j]
        total += _term(sizes[labels[i]], together, binder)
    return total


@njit()
def _cost_of_joining(matrix, labels, sums, size, i, cluster, binder):  # type: ignore[no-untyped-def]
    """Return by how much the loss grows as row i, which is in no cluster, joins one.

    `sums` (N,) is what each row's entries of P sum up to over the cluster, which has `size` rows.
    """
    cost = _term(size + 1.0, sums[i] + matrix[i, i], binder)
    if size > 0.0:
        for j in range(labels.shape[0]):
            if labels[j] == cluster:
                cost += _term(size + 1.0, sums[j] + matrix[i, j], binder)
                cost -= _term(size, sums[j], binder)
    return cost


@inlined()
def _add(total, sign, row):  # type: ignore[no-untyped-def]
    """Add a row (N,), times a sign, to `total` (N,)."""
    for j in range(total.shape[0]):
        total[j] += sign * row[j]


@njit()
def _improve(matrix, labels, binder, most_passes):  # type: ignore[no-untyped-def]
    """Move rows to the clusters where they cost least until none moves; update `labels` (N,)."""
    n = labels.shape[0]
    largest = labels.max() + 2
    sizes = np.zeros(largest)
    sums = np.zeros((largest, n))
    for i in range(n):
        sizes[labels[i]] += 1.0
        _add(sums[labels[i]], 1.0, matrix[i])
    for _ in range(most_passes):
        moved = False
        for i in range(n):
            old = labels[i]
            labels[i] = -1
            sizes[old] -= 1.0
            _add(sums[old], -1.0, matrix[i])
            best, least = old, math.inf
            tried_empty = False
            for cluster in range(largest):
                if sizes[cluster] == 0.0:
                    if tried_empty:
                        continue
                    tried_empty = True
                cost = _cost_of_joining(
                    matrix, labels, sums[cluster], sizes[cluster], i, cluster, binder
                )
                # The margin keeps rounding errors from moving a row to and fro.
                if cost < least - 1e-9:
                    best, least = cluster, cost
            labels[i] = best
            sizes[best] += 1.0
            _add(sums[best], 1.0, matrix[i])
            moved = moved or best != old
        if not moved:
            return


def point_partition(
    matrix: FloatArray, allocations: NDArray[np.uint16], loss: str = "vi"
) -> IntArray:
    """Return the partition of least expected loss that a search finds, shape (N,).

    The search starts from the best of evenly spaced draws and of the cuts of the tree that average
    linkage makes of 1 - P, and then moves one row at a time. Clusters are numbered by decreasing
    size.

    Parameters
    ----------
    matrix : ndarray of shape (N, N)
        From :func:`co_clustering`.
    allocations : ndarray of int, shape (S, N)
    loss : {"vi", "binder"}, default "vi"
        Variation of information, by its lower bound (Wade & Ghahramani 2018, equation 13), or
        Binder's loss with equal costs, which tends to leave rows in clusters of their own.

    Raises
    ------
    ValueError
        If the loss is unknown.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}; allowed are {', '.join(map(repr, LOSSES))}")
    binder = loss == "binder"
    n_draws, n_rows = allocations.shape
    chosen = np.unique(np.linspace(0, n_draws - 1, _MOST_CANDIDATES).round().astype(np.intp))
    candidates = [allocations[index] for index in chosen]
    if n_rows > 1:
        tree = average(squareform(1.0 - matrix, checks=False))
        cuts = range(1, min(n_rows, _MOST_CLUSTERS) + 1)
        candidates += [fcluster(tree, n, criterion="maxclust") for n in cuts]
    found = [np.unique(labels, return_inverse=True)[1].astype(np.int64) for labels in candidates]
    losses = [_loss(matrix, labels, labels.max() + 1, binder) for labels in found]
    best = found[int(np.argmin(losses))].copy()
    _improve(matrix, best, binder, _MOST_PASSES)
    return by_size(best)


def expected_loss(matrix: FloatArray, labels: IntArray, loss: str = "vi") -> float:
    """Return the expected loss of a partition (N,), but for what does not depend on it.

    Parameters
    ----------
    matrix : ndarray of shape (N, N)
        From :func:`co_clustering`.
    labels : ndarray of int, shape (N,)
    loss : {"vi", "binder"}, default "vi"
    """
    own = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return float(_loss(matrix, own, own.max() + 1, loss == "binder")) / len(own)


def by_size(labels: IntArray) -> IntArray:
    """Return the labels (N,) with clusters numbered 0, 1, ... by decreasing size."""
    _, own, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.asarray(rank[own])
