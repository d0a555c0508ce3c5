"""Starts that are drawn at random."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.projection import structured
from gmm_em.fitting.starts.base import (
    Assignment,
    Rows,
    Start,
    from_responsibilities,
    squared_distances,
)
from gmm_em.rows.samples import Parameters

# Standard deviations of components relative to the data's: 1/2, 1/4, ..., 1/64.
_LADDER = 6
# Share of the data's covariance that keeps the covariance of a few rows from being singular.
_FLOOR = 1e-4


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
        covariances = np.repeat(_whole(rows, structure), n_components, axis=0)
        return _at(rows, rows.draw(n_components, rng), covariances)


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
        identity = np.diag((rows.scale * rows.unit) ** -2.0)
        covariances = np.repeat(identity[None], n_components, axis=0)
        return _at(rows, rows.draw(n_components, rng), covariances)


class TightRows(Start):
    """K random rows as means, covariances much smaller than the data's, equal weights.

    The standard deviations are the data's times 1/2, 1/4, ... or 1/64: one factor for all
    components, or in every other start one for each. Narrow components beside wide ones are found
    from here, and from nowhere where components begin as wide as the data.
    """

    name = "tight_rows"

    @override
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        step = rng.integers(1, _LADDER + 1, n_components)
        if rng.random() < 0.5:
            step[:] = step[0]
        covariances = _whole(rows, structure) * 0.25 ** step[:, None, None]
        weights = np.full(n_components, 1.0 / n_components)
        return _at(rows, rows.draw(n_components, rng), structured(structure, weights, covariances))


class Neighbourhoods(Start):
    """K random rows and their nearest neighbours, whose moments the components take.

    How many neighbours, between the fewest that make a covariance and all rows of a component's
    share, is drawn anew for every start. The scale and the shape of a component follow the data
    there: a tight group, or a piece of a line.
    """

    name = "neighbourhoods"

    @override
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        R = _neighbours(rows, rows.draw(n_components, rng), structure, rng)
        return _of_few(rows, R, structure)


class Nested(Start):
    """One component for all rows, and the others inside it, as in `Neighbourhoods`.

    It finds groups in a broad background, and a narrow component inside a wide one.
    """

    name = "nested"

    @override
    def propose(
        self,
        rows: Rows,
        n_components: int,
        structure: CovarianceStructure,
        rng: np.random.Generator,
    ) -> Parameters:
        if n_components == 1:
            return _of_few(rows, np.ones((rows.X.shape[0], 1)), structure)
        inside = _neighbours(rows, rows.draw(n_components - 1, rng), structure, rng)
        R = np.column_stack([np.ones(rows.X.shape[0]), inside])
        return _of_few(rows, R, structure)


def _whole(rows: Rows, structure: CovarianceStructure) -> FloatArray:
    """Covariance of all rows in the family, shape (1, D, D)."""
    return from_responsibilities(rows, np.ones((rows.X.shape[0], 1)), structure).covariances


def _at(rows: Rows, chosen: IntArray, covariances: FloatArray) -> Parameters:
    k = covariances.shape[0]
    return Parameters(np.full(k, 1.0 / k), rows.X[chosen], covariances)


def _neighbours(
    rows: Rows, chosen: IntArray, structure: CovarianceStructure, rng: np.random.Generator
) -> FloatArray:
    """Ones for the nearest neighbours of each of the chosen rows, shape (N, K)."""
    n, d = rows.X.shape
    # Where covariances are free, so is the metric.
    X = rows.X if structure.second == "diagonal" else rows.white
    k = chosen.shape[0]
    most = max(2.0, n / k)
    least = min(most, structure.min_count(d) + 2.0)
    size = int(least * (most / least) ** rng.random())
    distances = squared_distances(X, X[chosen])
    size = min(max(size, 2), n)
    limits = np.partition(distances, size - 1, axis=0)[size - 1]
    return np.asarray(distances <= limits, dtype=np.float64)


def _of_few(rows: Rows, R: FloatArray, structure: CovarianceStructure) -> Parameters:
    """Moments of (overlapping) groups of rows as components of equal weights."""
    k = R.shape[1]
    counts, means, scatter = rows.scatters(R * rows.weight[:, None])
    covariances = scatter / counts[:, None, None] + _FLOOR * rows.covariance
    weights = np.full(k, 1.0 / k)
    return Parameters(weights, means, structured(structure, weights, covariances))
