"""Initial mixtures: where the climb begins.

A start is an object that looks at a sample of the rows and proposes a hard or soft assignment
of them to components, or centres; the same M-step then turns any proposal into a mixture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, override

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import linkage

from gmm_em.covariance import CovarianceStructure
from gmm_em.features import Parameters
from gmm_em.mixture import FloatArray, IntArray
from gmm_em.samples import Samples

# Hierarchical clustering takes time and memory that grow as the square of the rows.
_WARD_ROWS = 500
_LLOYD_ITERATIONS = 30


class Rows(NamedTuple):
    """The rows that starts look at.

    Attributes
    ----------
    X : ndarray, shape (N, D)
    weight : ndarray, shape (N,)
    scale : ndarray, shape (D,)
        One unit of feature d of `X` in the data's own units.
    """

    X: FloatArray
    weight: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, samples: Samples) -> Rows:
        """Return all rows of the samples."""
        X = samples.take(slice(None))
        weight = np.ones(X.shape[0]) if samples.weight is None else samples.weight
        return cls(X, weight, samples.scale)


class Start(ABC):
    """One way to propose a mixture.

    Attributes
    ----------
    name : str
        The name used in ``init_params``.
    """

    name: str

    @abstractmethod
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        """Propose a mixture of the given structure."""


class Assignment(Start):
    """A start that assigns rows to components; the M-step makes a mixture of it."""

    @abstractmethod
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        """Propose responsibilities, shape (N, K)."""

    @override
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        return from_responsibilities(
            rows, self.responsibilities(rows, n_components, rng), structure
        )


class KMeans(Assignment):
    """Lloyd's k-means, seeded by k-means++."""

    name = "kmeans"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centres = rows.X[plus_plus(rows, n_components, rng)]
        labels = lloyd(rows, centres)
        return one_hot(labels, n_components)


class PlusPlus(Assignment):
    """Nearest of K centres chosen by k-means++ (Arthur & Vassilvitskii 2007)."""

    name = "k-means++"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centres = rows.X[plus_plus(rows, n_components, rng)]
        return one_hot(squared_distances(rows.X, centres).argmin(axis=1), n_components)


class RandomResponsibilities(Assignment):
    """Responsibilities drawn uniformly from the simplex, independently for each row."""

    name = "random"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        draws = rng.standard_exponential((rows.X.shape[0], n_components))
        return np.asarray(draws / draws.sum(axis=1, keepdims=True))


class RandomRows(Start):
    """K random rows as means, the data's covariance for every component, equal weights.

    The start of McLachlan & Peel (2000, section 2.12).
    """

    name = "random_from_data"

    @override
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        whole = from_responsibilities(rows, np.ones((rows.X.shape[0], 1)), structure)
        covariances = np.repeat(whole.covariances, n_components, axis=0)
        return _around_random_rows(rows, covariances, rng)


class Textbook(Start):
    """K random rows as means, identity covariances, equal weights.

    What most textbooks begin with (Bishop 2006, section 9.2.2). The identity is in the data's own
    units, so this start depends on them: features far from unit scale make it a poor one.
    """

    name = "textbook"

    @override
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        covariances = np.repeat(np.diag(rows.scale**-2.0)[None], n_components, axis=0)
        return _around_random_rows(rows, covariances, rng)


def _around_random_rows(
    rows: Rows, covariances: FloatArray, rng: np.random.Generator
) -> Parameters:
    k = covariances.shape[0]
    p = rows.weight / rows.weight.sum()
    chosen = rng.choice(rows.X.shape[0], k, replace=False, p=p)
    return Parameters(np.full(k, 1.0 / k), rows.X[chosen], covariances)


class Ward(Assignment):
    """Ward's hierarchical clustering of (a sample of) the rows; the same whatever the seed."""

    name = "ward"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        X = rows.X
        step = -(-X.shape[0] // _WARD_ROWS)
        tree = linkage(X[::step], "ward")
        R = one_hot(_cut(tree, n_components), n_components)
        centres = (R.T @ X[::step]) / R.sum(axis=0)[:, None]
        if step == 1:
            return R
        return one_hot(squared_distances(X, centres).argmin(axis=1), n_components)


def _cut(tree: FloatArray, n_clusters: int) -> IntArray:
    """Labels of the leaves when the last ``n_clusters - 1`` merges are undone.

    Unlike SciPy's ``fcluster`` it gives as many clusters as asked for where heights are tied.
    """
    n_leaves = tree.shape[0] + 1
    merges = tree[: n_leaves - n_clusters, :2].astype(np.int64)
    labels = np.full(n_leaves + merges.shape[0], -1)
    used = 0
    # From the root down, so that a node's label is known before its children's.
    for node in range(labels.shape[0] - 1, -1, -1):
        if labels[node] < 0:
            labels[node] = used
            used += 1
        if node >= n_leaves:
            labels[merges[node - n_leaves]] = labels[node]
    return labels[:n_leaves]


class Quantiles(Assignment):
    """Equal shares of the rows in the order of the first principal component.

    In one dimension this is where mclust begins.
    """

    name = "quantiles"

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        X, weight, _ = rows
        centred = X - X.mean(axis=0)
        axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
        order = np.argsort(centred @ axis, kind="stable")
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

    @override
    def responsibilities(
        self, rows: Rows, n_components: int, rng: np.random.Generator
    ) -> FloatArray:
        centred = rows.X - rows.X.mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred / centred.shape[0])
        scale = np.sqrt(np.maximum(values, 1e-12 * values.max()))
        white = rows._replace(X=centred @ (vectors / scale))
        return self._start.responsibilities(white, n_components, rng)


STARTS: dict[str, Start] = {
    start.name: start
    for start in (
        Ward(),
        Quantiles(),
        KMeans(),
        PlusPlus(),
        RandomResponsibilities(),
        RandomRows(),
        Textbook(),
    )
}

# No single start finds the best maximum on all data: on a dozen data sets each of these was the
# only one to find it somewhere.
_FIXED: tuple[Start, ...] = (Ward(), Whitened(Ward()), Quantiles(), KMeans())
_CYCLE: tuple[Start, ...] = (
    PlusPlus(),
    RandomResponsibilities(),
    RandomRows(),
    PlusPlus(),
    RandomResponsibilities(),
    Whitened(KMeans()),
)


def _sequence(init_params: str, first: int, n: int) -> list[Start]:
    """Return starts number `first` to `first + n - 1` of a named strategy."""
    if init_params == "auto":
        fixed = _FIXED[first : first + n]
        rest = range(max(first, len(_FIXED)) - len(_FIXED), first + n - len(_FIXED))
        return [*fixed, *(_CYCLE[i % len(_CYCLE)] for i in rest)]
    try:
        return [STARTS[init_params]] * n
    except (KeyError, TypeError):
        raise ValueError(
            f"init_params must be one of {['auto', *sorted(STARTS)]}, got {init_params!r}"
        ) from None


@dataclass(frozen=True, eq=False)
class PartialStart:
    """What of a start is given, in the data's own units; the rest is estimated.

    With `means` given, rows are assigned to the nearest, and weights and covariances estimated
    from that. Otherwise whatever is given replaces what each start of a strategy proposed.

    Parameters
    ----------
    weights : array_like, shape (K,), optional
    means : array_like, shape (K, D), optional
    covariances : array_like, shape (K, D, D), optional
    """

    weights: ArrayLike | None = None
    means: ArrayLike | None = None
    covariances: ArrayLike | None = None

    def complete(
        self, samples: Samples, structure: CovarianceStructure, proposals: list[Parameters]
    ) -> list[Parameters]:
        """Return starts in inner units, from the proposals where `means` are not given."""
        if self.means is not None:
            rows = Rows.of(samples)
            means = (np.asarray(self.means, dtype=np.float64) - samples.centre) / samples.scale
            nearest = one_hot(squared_distances(rows.X, means).argmin(axis=1), means.shape[0])
            guess = from_responsibilities(rows, nearest, structure)
            proposals = [guess._replace(means=means)]
        if self.weights is not None:
            weights = np.asarray(self.weights, dtype=np.float64)
            proposals = [proposal._replace(weights=weights) for proposal in proposals]
        if self.covariances is not None:
            covariances = np.asarray(self.covariances, dtype=np.float64)
            covariances = covariances / (samples.scale[:, None] * samples.scale)
            proposals = [proposal._replace(covariances=covariances) for proposal in proposals]
        return proposals


def propose(
    samples: Samples,
    n_components: int,
    structure: CovarianceStructure,
    init_params: str,
    rngs: Sequence[np.random.Generator],
    first: int = 0,
) -> list[Parameters]:
    """Propose one mixture per random stream, as starts number `first` and up of the strategy."""
    starts = _sequence(init_params, first, len(rngs))
    rows = Rows.of(samples)
    return [
        start.propose(rows, n_components, structure, rng)
        for start, rng in zip(starts, rngs, strict=True)
    ]


def from_responsibilities(
    rows: Rows, responsibilities: FloatArray, structure: CovarianceStructure
) -> Parameters:
    """M-step from proposed responsibilities, kept away from singular covariances.

    Each component's scatter is averaged with D + 1 rows' worth of the pooled one, so that a
    small cluster starts with a sensible shape; EM forgets it in its first steps.
    """
    X, weight, _ = rows
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


def plus_plus(rows: Rows, n_components: int, rng: np.random.Generator) -> IntArray:
    """Choose K rows by k-means++, the best of a few candidates at each step."""
    X, weight, _ = rows
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
    X, weight, _ = rows
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
