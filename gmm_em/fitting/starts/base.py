"""What a start is, and the M-step that makes a mixture of its proposal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, override

import numpy as np

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.rows.samples import Parameters, Samples


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
