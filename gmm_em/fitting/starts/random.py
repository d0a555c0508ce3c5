"""Starts that are drawn at random."""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.fitting.starts.base import Assignment, Rows, Start, from_responsibilities
from gmm_em.rows.samples import Parameters


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
