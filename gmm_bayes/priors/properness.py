"""Whether data with repeated values leave a posterior improper."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.structures import Structure


class Tie(NamedTuple):
    """Rows that coincide in some features, so that a component may collapse onto them.

    Parameters
    ----------
    n_rows : int
        How many rows coincide.
    place : str
        Where, for a sentence.
    """

    n_rows: int
    place: str


def largest_tie(X: FloatArray, n_components: int, structure: Structure) -> Tie | None:
    """Return the most rows that one component can collapse onto, or None if there are no two.

    One component can give all of its density to rows with one value of a feature while the others
    keep the rest of the rows. Where all features have one variance, a component collapses onto
    whole rows only. Where components share their covariance, all collapse together, which takes a
    feature with no more different values than there are components. A single component cannot
    collapse, because no column is constant.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    n_components : int
    structure : Structure
    """
    if n_components == 1:
        return None
    if structure.isotropic:
        counts = np.unique(X, axis=0, return_counts=True)[1]
        found = [Tie(int(counts.max()), "the same values in every feature")]
    else:
        found = [_tie_in(X[:, d], d) for d in range(X.shape[1])]
    if structure.shared:
        n_values = [np.unique(column).size for column in X.T]
        found = [tie for tie, n in zip(found, n_values, strict=True) if len(X) > n <= n_components]
    largest = max(found, key=lambda tie: tie.n_rows, default=Tie(1, ""))
    return largest if largest.n_rows > 1 else None


def _tie_in(column: FloatArray, number: int) -> Tie:
    """Return the most rows with one value in a column."""
    values, counts = np.unique(column, return_counts=True)
    most = counts.argmax()
    return Tie(int(counts[most]), f"the value {values[most]:g} in column {number}")
