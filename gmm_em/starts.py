"""Initial mixtures: where the climb begins.

A start is an object that looks at a sample of the rows and proposes a hard or soft assignment
of them to components, or centres; the same M-step then turns any proposal into a mixture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, override

import numpy as np

from gmm_em.covariance import CovarianceStructure
from gmm_em.kernels import Parameters
from gmm_em.mixture import FloatArray, IntArray

# A start needs no more rows than this to see where the components are.
PILOT_ROWS = 20_000
_LLOYD_ITERATIONS = 30


class Start(ABC):
    """One way to propose a mixture.

    Attributes
    ----------
    name : str
        The name used in ``init_params``.
    """

    name: ClassVar[str]

    @abstractmethod
    def responsibilities(
        self, X: FloatArray, weight: FloatArray, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        """Propose responsibilities, shape (N, K), for rows (N, D) of the given weights."""

    def propose(
        self,
        X: FloatArray,
        weight: FloatArray,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        """Propose a mixture of the given structure."""
        responsibilities = self.responsibilities(X, weight, n_components, rng)
        return from_responsibilities(X, weight, responsibilities, structure)


class KMeans(Start):
    """Lloyd's k-means, seeded by k-means++."""

    name = "kmeans"

    @override
    def responsibilities(
        self, X: FloatArray, weight: FloatArray, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centres = X[plus_plus(X, weight, n_components, rng)]
        labels = lloyd(X, weight, centres)
        return one_hot(labels, n_components)


class PlusPlus(Start):
    """Nearest of K centres chosen by k-means++ (Arthur & Vassilvitskii 2007)."""

    name = "k-means++"

    @override
    def responsibilities(
        self, X: FloatArray, weight: FloatArray, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centres = X[plus_plus(X, weight, n_components, rng)]
        return one_hot(squared_distances(X, centres).argmin(axis=1), n_components)


class RandomResponsibilities(Start):
    """Responsibilities drawn uniformly from the simplex, independently for each row."""

    name = "random"

    @override
    def responsibilities(
        self, X: FloatArray, weight: FloatArray, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        draws = rng.standard_exponential((X.shape[0], n_components))
        return np.asarray(draws / draws.sum(axis=1, keepdims=True))


class Textbook(Start):
    """K random rows as means, the data's covariance for every component, equal weights.

    The start of McLachlan & Peel (2000, section 2.12) and of most textbooks.
    """

    name = "random_from_data"

    @override
    def responsibilities(
        self, X: FloatArray, weight: FloatArray, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        raise NotImplementedError("the textbook start proposes parameters directly")

    @override
    def propose(
        self,
        X: FloatArray,
        weight: FloatArray,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        everything = np.ones((X.shape[0], 1))
        whole = from_responsibilities(X, weight, everything, structure)
        chosen = rng.choice(X.shape[0], n_components, replace=False, p=weight / weight.sum())
        return Parameters(
            np.full(n_components, 1.0 / n_components),
            X[chosen],
            np.repeat(whole.covariances, n_components, axis=0),
        )


STARTS: dict[str, Start] = {
    start.name: start for start in (KMeans(), PlusPlus(), RandomResponsibilities(), Textbook())
}


def get_start(init_params: str) -> Start:
    """Return the start of that name."""
    try:
        return STARTS[init_params]
    except (KeyError, TypeError):
        raise ValueError(
            f"init_params must be one of {sorted(STARTS)}, got {init_params!r}"
        ) from None


def from_responsibilities(
    X: FloatArray, weight: FloatArray, responsibilities: FloatArray, structure: CovarianceStructure
) -> Parameters:
    """M-step from proposed responsibilities, kept away from singular covariances.

    Each component's scatter is averaged with D + 1 rows' worth of the pooled one, so that a
    small cluster starts with a sensible shape; EM forgets it in its first steps.
    """
    d = X.shape[1]
    R = responsibilities * weight[:, None]
    counts = np.maximum(R.sum(axis=0), 1e-3 * weight.sum() / R.shape[1])
    means = (R.T @ X) / counts[:, None]
    deviations = X - X.mean(axis=0)
    total = (deviations * weight[:, None]).T @ deviations
    scatter = np.empty((R.shape[1], d, d))
    for k in range(R.shape[1]):
        centred = X - means[k]
        scatter[k] = (centred * R[:, k, None]).T @ centred
    pooled = scatter.sum(axis=0) / weight.sum()
    # Where rows of clusters coincide, the whole data still have a spread.
    pooled = pooled + 1e-3 * total / weight.sum()
    shrunk = (scatter + (d + 1) * pooled) / (counts + d + 1)[:, None, None] * counts[:, None, None]
    second: FloatArray = shrunk
    if structure.second == "diagonal":
        second = np.diagonal(shrunk, axis1=1, axis2=2)
    elif structure.second == "pooled":
        second = shrunk.sum(axis=0)
    covariances = structure.covariances(counts, second, float(counts.sum()))
    return Parameters(counts / counts.sum(), means, covariances)


def plus_plus(
    X: FloatArray, weight: FloatArray, n_components: int, rng: np.random.Generator
) -> IntArray:
    """Choose K rows by k-means++, the best of a few candidates at each step."""
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


def lloyd(X: FloatArray, weight: FloatArray, centres: FloatArray) -> IntArray:
    """Labels after Lloyd's iterations from the given centres."""
    labels = squared_distances(X, centres).argmin(axis=1)
    for _ in range(_LLOYD_ITERATIONS):
        assigned = one_hot(labels, centres.shape[0]) * weight[:, None]
        counts = assigned.sum(axis=0)
        filled = counts > 0
        centres = centres.copy()
        centres[filled] = (assigned.T @ X)[filled] / counts[filled, None]
        updated = squared_distances(X, centres).argmin(axis=1)
        if np.array_equal(updated, labels):
            break
        labels = updated
    return labels


def squared_distances(X: FloatArray, centres: FloatArray) -> FloatArray:
    """Squared Euclidean distances, shape (N, K)."""
    # Centred and scaled data keep the expanded form accurate enough for choosing.
    expanded = (X**2).sum(axis=1)[:, None] - 2.0 * (X @ centres.T) + (centres**2).sum(axis=1)
    return np.maximum(expanded, 0.0, out=expanded)


def one_hot(labels: IntArray, n_components: int) -> FloatArray:
    """Responsibilities of 1 for the given labels, shape (N, K)."""
    out = np.zeros((labels.shape[0], n_components))
    out[np.arange(labels.shape[0]), labels] = 1.0
    return out
