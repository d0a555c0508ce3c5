"""What a prior may take from the data: their location, scale, correlations, and K."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import Structure
from gmm_em.e_step.missing import patterns_of


def symmetric_root(matrix: FloatArray) -> FloatArray:
    """Return the symmetric positive definite matrix whose square is `matrix` (D, D)."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)


_ITERATIONS = 100
"""Steps of EM towards the covariance of data with missing values."""


def _covariance_of_observed(Z: FloatArray) -> FloatArray:
    """Return the covariance (D, D) around zero that what was observed of `Z` (N, D) makes likely.

    Covariances of pairs of columns need not give a positive definite matrix. This is EM for one
    Gaussian with a known mean (Little & Rubin 2019, section 11.2), with one row more whose scatter
    is the identity, which keeps the matrix positive definite.
    """
    d = Z.shape[1]
    squares = [(p.rows.size, p.observed, p.values.T @ p.values) for p in patterns_of(Z)]
    covariance = np.eye(d)
    for _ in range(_ITERATIONS):
        total = np.eye(d)
        for n, observed, moments in squares:
            of_observed = covariance[np.ix_(observed, observed)]
            regression = np.linalg.solve(of_observed, covariance[observed]).T
            total += regression @ moments @ regression.T
            total += n * (covariance - regression @ covariance[observed])
        covariance = total / (len(Z) + 1.0)
    return np.asarray(0.5 * (covariance + covariance.T))


class DataScale(NamedTuple):
    """What a prior may take from the data that it is for.

    Parameters
    ----------
    loc, scale : ndarray of shape (D,)
        Of the standardisation, as in :class:`gmm_bayes.space.scaling.Scaling`.
    covariance : ndarray of shape (D, D)
        Covariance of the standardised data: their correlations, where every feature has a scale of
        its own.
    n_components : int
        The number of components, K.
    """

    loc: FloatArray
    scale: FloatArray
    covariance: FloatArray
    n_components: int

    @classmethod
    def of(
        cls, X: FloatArray, n_components: int, structure: Structure, scaling: Scaling | None = None
    ) -> DataScale:
        """Return what the data `X` (N, D) say.

        `scaling` is the standardisation of `X`, which is computed where it is not given.

        Raises
        ------
        ValueError
            If a column of the data is constant.
        """
        known = Scaling.from_data(X, structure) if scaling is None else scaling
        Z = known.standardise(X)
        covariance = Z.T @ Z / len(Z)
        if np.isnan(Z).any():
            covariance = _covariance_of_observed(Z)
        return cls(known.loc, known.scale, covariance, n_components)
