"""The posterior of partitions and of K of tiny data sets, exactly, by enumeration."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from gmm_bayes import ComponentsPrior


def partitions(n: int) -> Iterator[tuple[int, ...]]:
    """Every partition of n rows, as labels that are numbered by first appearance."""

    def extend(labels: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(labels) == n:
            yield labels
            return
        for label in range(max(labels, default=-1) + 2):
            yield from extend((*labels, label))

    return extend(())


def exact_posterior(
    X: NDArray[np.float64],
    components: ComponentsPrior,
    max_components: int,
    concentration: Callable[[int], float],
    log_marginal: Callable[[NDArray[np.float64], int], float],
) -> tuple[dict[tuple[int, ...], float], NDArray[np.float64]]:
    """Probabilities of all partitions, and of K = 1, ..., `max_components`.

    `concentration` gives the Dirichlet distribution's parameter for K, `log_marginal` the marginal
    likelihood of the rows of one component given K.
    """
    n = len(X)
    every = list(partitions(n))
    log_prior = components.truncated(max_components)
    joint = np.full((len(every), max_components), -np.inf)
    for k in range(1, max_components + 1):
        c = concentration(k)
        known = {
            rows: log_marginal(X[list(rows)], k)
            for size in range(1, 2**n)
            for rows in [tuple(i for i in range(n) if size >> i & 1)]
        }
        for at, labels in enumerate(every):
            filled = max(labels) + 1
            if filled > k:
                continue
            clusters = [
                tuple(i for i in range(n) if labels[i] == cluster) for cluster in range(filled)
            ]
            value = log_prior[k - 1] + gammaln(k + 1) - gammaln(k - filled + 1)
            value += gammaln(k * c) - gammaln(n + k * c)
            value += sum(gammaln(len(rows) + c) - gammaln(c) + known[rows] for rows in clusters)
            joint[at, k - 1] = value
    joint -= logsumexp(joint)
    of_partitions = np.exp(logsumexp(joint, axis=1))
    return dict(zip(every, of_partitions, strict=True)), np.exp(logsumexp(joint, axis=0))


def by_first_appearance(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """The labels of each draw (S, N), numbered by first appearance."""
    out = np.empty(labels.shape, dtype=np.int64)
    for s, draw in enumerate(labels):
        seen: dict[int, int] = {}
        out[s] = [seen.setdefault(int(label), len(seen)) for label in draw]
    return out
