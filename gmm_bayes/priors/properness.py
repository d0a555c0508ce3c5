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
    found = tied_rows(X, structure)
    if structure.shared:
        found = [ties for ties in found if len(X) > len(ties) <= n_components]
    largest = max((ties[0] for ties in found), key=lambda tie: tie.n_rows, default=Tie(1, ""))
    return largest if largest.n_rows > 1 else None


def tied_rows(X: FloatArray, structure: Structure) -> list[list[Tie]]:
    """Return for each feature how many rows have each of its values, the most first.

    Where all features have one variance, whole rows take the place of values, in a single list.
    What is missing, NaN, is tied to nothing.
    """
    if structure.isotropic:
        X = X[~np.isnan(X).any(axis=1)]
        counts = np.unique(X, axis=0, return_counts=True)[1]
        return [[Tie(int(n), "the same values in every feature") for n in np.sort(counts)[::-1]]]
    return [_ties_in(column, number) for number, column in enumerate(X.T)]


def _ties_in(column: FloatArray, number: int) -> list[Tie]:
    """Return how many rows have each value of a column, the most first."""
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    place = f"in column {number}"
    return [Tie(int(counts[i]), f"the value {values[i]:g} {place}") for i in order]
