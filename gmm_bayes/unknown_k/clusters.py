"""Which cluster of a point partition a row belongs to, averaged over draws of any K."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.unknown_k.draws import VaryingDraws

_MOST_DOUBLES = 1 << 24
"""Doubles in the largest temporary array: 128 MB."""


def cluster_probabilities(draws: VaryingDraws, X: FloatArray, partition: IntArray) -> FloatArray:
    """Return the probability of each cluster of a partition for a new row, shape (N, C).

    The arguments are those of :func:`cluster_log_prob`.
    """
    joint = cluster_log_prob(draws, X, partition)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def cluster_log_prob(draws: VaryingDraws, X: FloatArray, partition: IntArray) -> FloatArray:
    """Return the log of the average joint density of row and cluster, shape (N, C).

    In one draw a component's density is shared out among the clusters of the partition as the rows
    of that component are. A component without rows is shared out by the clusters' sizes. Draws of
    all numbers of components are averaged.

    Parameters
    ----------
    draws : VaryingDraws
    X : ndarray of shape (N, D)
    partition : ndarray of int, shape (n,)
        The cluster, 0, ..., C - 1, of each of the rows that were fitted.
    """
    few = draws.thinned()
    n_clusters = int(partition.max()) + 1
    sizes = np.bincount(partition, minlength=n_clusters) / len(partition)
    top = np.full(len(X), -np.inf)
    total = np.zeros((len(X), n_clusters))
    for given, chosen in few.by_number():
        shares = _shares(few.allocations[chosen], partition, given.n_components, sizes)
        most = max(1, _MOST_DOUBLES // (len(given) * given.n_components))
        for start in range(0, len(X), most):
            rows = slice(start, start + most)
            log_prob = given.log_prob(X[rows])[0]
            highest = np.maximum(top[rows], log_prob.max(axis=0))
            densities = np.exp(log_prob - highest)
            joint = given.responsibilities(X[rows])[0] * densities[..., None]
            total[rows] *= np.exp(top[rows] - highest)[:, None]
            total[rows] += _summed(joint, shares)
            top[rows] = highest
    with np.errstate(divide="ignore"):
        return np.asarray(top[:, None] + np.log(total) - np.log(len(few)))


def _summed(joint: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the sum over draws and components of (S, N, K) times (S, K, C), shape (N, C)."""
    return np.asarray((joint @ shares).sum(axis=0))


def _shares(
    allocations: NDArray[np.uint16], partition: IntArray, n_components: int, sizes: FloatArray
) -> FloatArray:
    """Return the share of each component's rows in each cluster, shape (S, K, C)."""
    n_draws, n_clusters = len(allocations), len(sizes)
    counts = np.zeros((n_draws, n_components, n_clusters))
    np.add.at(counts, (np.arange(n_draws)[:, None], allocations, partition[None, :]), 1.0)
    of_each = counts.sum(axis=2, keepdims=True)
    return np.where(of_each > 0.0, counts / np.maximum(of_each, 1.0), sizes)
