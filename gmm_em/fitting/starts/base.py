"""What a start is, and the M-step that makes a mixture of its proposal.

Starts look at the rows in standardised coordinates, or in whitened ones where the covariance
structure allows, so that what they propose does not depend on the units of the data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self, override

import numpy as np

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.projection import structured
from gmm_em.e_step.features import QuadraticMap
from gmm_em.rows.samples import Parameters, Samples

# Variances smaller than this fraction of the largest are rounding.
_FLAT = 1e-12
# Products of pairs of features are formed at once for up to this many features.
_QUADRATIC_FEATURES = 24


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that starts look at, in standardised coordinates.

    Attributes
    ----------
    X : ndarray, shape (N, D)
        Of mean zero and standard deviation one. Structures that a scale per feature would
        distort get one scale for all features.
    weight : ndarray, shape (N,)
    centre, scale : ndarray, shape (D,)
        ``X * scale + centre`` are the rows in the samples' inner units.
    unit : ndarray, shape (D,)
        One unit of each feature of the inner units in the data's own units.
    """

    X: FloatArray
    weight: FloatArray
    centre: FloatArray
    scale: FloatArray
    unit: FloatArray

    @classmethod
    def of(
        cls, samples: Samples, structure: CovarianceStructure, n_rows: int | None = None
    ) -> Self:
        """Return the rows of the samples, or about `n_rows` of them at equal distances."""
        step = 1 if n_rows is None else max(1, samples.n_samples // n_rows)
        X = samples.take(slice(None, None, step))
        weight = np.ones(X.shape[0]) if samples.weight is None else samples.weight[::step]
        # Only ratios of weights matter here, and their sum must not overflow.
        weight = weight / weight.max()
        centre = weight @ X / weight.sum()
        X = X - centre
        variance = weight @ X**2 / weight.sum()
        if structure.common_scale:
            variance[:] = variance.mean()
        scale = np.sqrt(np.where(variance > 0, variance, 1.0))
        return cls(X / scale, weight, centre, scale, samples.scale)

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance of all rows, shape (D, D)."""
        return np.asarray((self.X * self.weight[:, None]).T @ self.X / self.weight.sum())

    @cached_property
    def principal(self) -> tuple[FloatArray, FloatArray]:
        """Principal variances in rising order, and directions in columns.

        A direction points to where the rows are skewed, so that it does not depend on the order
        or the sign of the features.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        skewness = self.weight @ (self.X @ vectors) ** 3
        return values, vectors * np.where(skewness < 0, -1.0, 1.0)

    @cached_property
    def whitener(self) -> FloatArray:
        """What `X` is multiplied by in `white`, shape (D, D)."""
        values, vectors = self.principal
        return np.asarray(vectors / np.sqrt(np.maximum(values, _FLAT * values.max())))

    @cached_property
    def white(self) -> FloatArray:
        """The rows in coordinates where their covariance is the identity, shape (N, D)."""
        return np.asarray(self.X @ self.whitener)

    @cached_property
    def _products(self) -> FloatArray:
        features = QuadraticMap(self.X.shape[1])
        phi = np.empty((features.size, self.X.shape[0]))
        features.fill(self.X.T, phi)
        return phi

    def quadratic(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        """Evaluate ``c + b x - x P x / 2`` at all rows, for M functions: shape (M, N).

        Parameters
        ----------
        constants : ndarray, shape (M,)
        linear : ndarray, shape (M, D)
        precisions : ndarray, shape (M, D, D)
        """
        d = self.X.shape[1]
        if d <= _QUADRATIC_FEATURES:
            coefficients = QuadraticMap(d).coefficients(constants, linear, precisions)
            return np.asarray(coefficients @ self._products)
        out = linear @ self.X.T + constants[:, None]
        for values, precision in zip(out, precisions, strict=True):
            values -= 0.5 * ((self.X @ precision) * self.X).sum(axis=1)
        return out

    def scatters(self, R: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Sum weighted responsibilities (N, K): counts (K,), means (K, D), scatters (K, D, D)."""
        k, d = R.shape[1], self.X.shape[1]
        least = 1e-3 * self.weight.sum() / k
        if d <= _QUADRATIC_FEATURES:
            sums = R.T @ self._products.T
            counts = np.maximum(sums[:, 0], least)
            means = sums[:, 1 : d + 1] / counts[:, None]
            second = QuadraticMap(d).second(sums)
            return (
                counts,
                means,
                second - sums[:, 0, None, None] * (means[:, :, None] * means[:, None, :]),
            )
        counts = np.maximum(R.sum(axis=0), least)
        means = (R.T @ self.X) / counts[:, None]
        scatter = np.empty((k, d, d))
        for j in range(k):
            centred = self.X - means[j]
            scatter[j] = (centred * R[:, j, None]).T @ centred
        return counts, means, scatter

    def draw(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draw `n` different rows, by weight."""
        p = self.weight / self.weight.sum()
        return rng.choice(self.X.shape[0], n, replace=False, p=p)

    def inner(self, proposal: Parameters) -> Parameters:
        """Return a proposal in the samples' inner units."""
        return Parameters(
            proposal.weights,
            proposal.means * self.scale + self.centre,
            proposal.covariances * (self.scale[:, None] * self.scale),
        )

    def seen(self, mixture: Parameters) -> Parameters:
        """Return a mixture in the samples' inner units in the coordinates of the rows."""
        return Parameters(
            mixture.weights,
            (mixture.means - self.centre) / self.scale,
            mixture.covariances / (self.scale[:, None] * self.scale),
        )


class Start(ABC):
    """One way to propose a mixture.

    Attributes
    ----------
    name : str
        The name used in ``init_params``.
    random : bool
        Whether two starts of this kind differ.
    """

    name: str
    random: ClassVar[bool] = True

    @abstractmethod
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        """Propose a mixture of the given structure, in the coordinates of `rows`."""


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
    d = rows.X.shape[1]
    total = rows.weight.sum()
    counts, means, scatter = rows.scatters(responsibilities * rows.weight[:, None])
    # Where rows of clusters coincide, the whole data still have a spread.
    pooled = scatter.sum(axis=0) / total + 1e-3 * rows.covariance
    shrunk = (scatter + (d + 1) * pooled) / (counts + d + 1)[:, None, None]
    return Parameters(counts / counts.sum(), means, structured(structure, counts, shrunk))


def squared_distances(X: FloatArray, centres: FloatArray) -> FloatArray:
    """Squared Euclidean distances, shape (N, K)."""
    # Centred and scaled data keep the expanded form accurate enough for choosing.
    expanded = X @ (-2.0 * centres.T)
    expanded += (X * X).sum(axis=1)[:, None]
    expanded += (centres * centres).sum(axis=1)
    return np.maximum(expanded, 0.0, out=expanded)


def one_hot(labels: IntArray, n_components: int) -> FloatArray:
    """Responsibilities of 1 for the given labels, shape (N, K)."""
    out = np.zeros((labels.shape[0], n_components))
    out[np.arange(labels.shape[0]), labels] = 1.0
    return out
