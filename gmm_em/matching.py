"""Which component of one mixture is which of another: one distance, one optimal assignment.

The second-best assignment says how certain the best one is: where both cost nearly the same, the
components could as well be matched in the other way.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.mixture import Mixture


class Components(Protocol):
    """A mixture, or many laid out like one."""

    @property
    def weights(self) -> FloatArray:
        """Of shape (..., J)."""

    @property
    def means(self) -> FloatArray:
        """Of shape (..., J, D)."""

    @property
    def covariances(self) -> FloatArray:
        """Of shape (..., J, D, D)."""

    @property
    def scale_trils(self) -> FloatArray:
        """Lower Cholesky factors, of shape (..., J, D, D)."""


def component_distances(a: Mixture, b: Components) -> FloatArray:
    """Distance between every component of one mixture and every component of another.

    The Bhattacharyya distance of the two normal densities (Bhattacharyya 1943; Fukunaga 1990,
    *Introduction to Statistical Pattern Recognition*, eq. 3.152) plus the squared Hellinger-type
    difference of the weights, ``(sqrt(w) - sqrt(v))**2``. It is zero only for equal components,
    symmetric, keeps growing where densities no longer overlap, and does not change when the
    data are shifted, scaled or rotated.

    Parameters
    ----------
    a : Mixture
        Of K components.
    b : Mixture, or many mixtures with arrays of leading dimensions in common
        Of J components and as many features.

    Returns
    -------
    ndarray of shape (..., K, J)

    Raises
    ------
    ValueError
        If the numbers of features differ.
    """
    if a.n_features != b.means.shape[-1]:
        raise ValueError(
            f"the mixtures have {a.n_features} and {b.means.shape[-1]} features, "
            "allowed is the same number"
        )
    pooled = (a.covariances[:, None] + b.covariances[..., None, :, :, :]) / 2
    difference = a.means[:, None] - b.means[..., None, :, :]
    factors = np.linalg.cholesky(pooled)
    whitened = np.linalg.solve(factors, difference[..., None])[..., 0]
    location = np.sum(whitened**2, axis=-1) / 8
    single = _half_log_det(a.scale_trils)[:, None] + _half_log_det(b.scale_trils)[..., None, :]
    spread = _half_log_det(factors) - single / 2
    weight = (np.sqrt(a.weights)[:, None] - np.sqrt(b.weights)[..., None, :]) ** 2
    # Rounding can take the spread of two equal components a hair below zero.
    return np.asarray(location + np.maximum(spread, 0.0) + weight)


def match(reference: Mixture, mixture: Mixture) -> IntArray:
    """Order `mixture`'s components as the reference's, by optimal assignment.

    Parameters
    ----------
    reference, mixture : Mixture
        With the same numbers of components and features.

    Returns
    -------
    ndarray of int, shape (K,)
        ``mixture.permute(order)`` stands in the reference's order; the sum of
        :func:`component_distances` along it is the smallest of all K! orders.

    Raises
    ------
    ValueError
        If the numbers of components or features differ.
    """
    if reference.n_components != mixture.n_components:
        raise ValueError(
            f"the mixtures have {reference.n_components} and {mixture.n_components} components, "
            "allowed is the same number"
        )
    return assign(component_distances(reference, mixture))


def assign(costs: FloatArray) -> IntArray:
    """Assign the rows of tables of costs to columns, each to one, at the smallest total cost.

    Parameters
    ----------
    costs : ndarray, shape (..., K, J)
        One table, or many. An infinite cost forbids a pair.

    Returns
    -------
    ndarray of int, shape (..., K)
        The column of each row. Where a table has more rows than columns, K - J rows get none,
        and their entry is -1.

    Raises
    ------
    ValueError
        If a cost is NaN or minus infinity, or too many pairs are forbidden.
    """
    tables = costs.reshape(-1, *costs.shape[-2:])
    columns = np.full(tables.shape[:2], -1, dtype=np.int64)
    for table, row in zip(tables, columns, strict=True):
        row[:] = _solve(table)[0]
    return columns.reshape(costs.shape[:-1])


def second_best(costs: FloatArray, columns: IntArray) -> IntArray | None:
    """Return the cheapest assignment that differs from the best one in at least one pair.

    It is the cheapest among the solutions of the problems that forbid one pair of the best
    assignment each (Murty 1968, the first step of his ranking).

    Parameters
    ----------
    costs : ndarray, shape (K, J)
        Finite.
    columns : ndarray of int, shape (K,)
        The best assignment, ``assign(costs)``.

    Returns
    -------
    ndarray of int, shape (K,), or None
        In the form of :func:`assign`; None where there is only one assignment, which is so for
        a table of one row and one column.
    """
    if max(costs.shape) == 1:
        return None
    others = []
    for row, column in enumerate(columns):
        if column >= 0:
            forbidden = costs.copy()
            forbidden[row, column] = np.inf
            others.append(_solve(forbidden))
    return min(others, key=lambda other: other[1])[0]


def assignment_cost(costs: FloatArray, columns: IntArray) -> float:
    """Return the total cost of an assignment.

    Parameters
    ----------
    costs : ndarray, shape (K, J)
    columns : ndarray of int, shape (K,)
        In the form of :func:`assign`: a row whose entry is -1 costs nothing.
    """
    rows = np.flatnonzero(columns >= 0)
    return float(costs[rows, columns[rows]].sum())


def _solve(table: FloatArray) -> tuple[IntArray, float]:
    """Return the best assignment of one table of costs (K, J), and what it costs."""
    rows, chosen = linear_sum_assignment(table)
    columns = np.full(table.shape[0], -1, dtype=np.int64)
    columns[rows] = chosen
    return columns, float(table[rows, chosen].sum())


def _half_log_det(factors: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(-1))


def distance_between(a: Mixture, b: Mixture) -> float:
    """Return how far two mixtures are from each other, whatever the order of their components.

    Parameters
    ----------
    a, b : Mixture
        Of as many components and features.

    Returns
    -------
    float
        The mean of :func:`component_distances` over matched components, weighted by the weights
        of `a`.
    """
    costs = component_distances(a, b) * a.weights[:, None]
    return float(assignment_cost(costs, assign(costs)))
