"""What a prior may take from the data: their location, scale, correlations, and K."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import Structure


def symmetric_root(matrix: FloatArray) -> FloatArray:
    """Return the symmetric positive definite matrix whose square is `matrix` (D, D)."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)


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
        return cls(known.loc, known.scale, Z.T @ Z / len(Z), n_components)
