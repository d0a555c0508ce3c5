"""Which component of one mixture is which of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gmm_em import Mixture


def component_distances(a: Mixture, b: Mixture) -> NDArray[np.float64]:
    """Distance between every component of one mixture and every component of another.

    The Bhattacharyya distance of the two normal densities (Bhattacharyya 1943; Fukunaga 1990,
    *Introduction to Statistical Pattern Recognition*, eq. 3.152) plus the squared Hellinger-type
    difference of the weights, ``(sqrt(w) - sqrt(v))**2``. It is zero only for equal components,
    symmetric, keeps growing where densities no longer overlap, and does not change when the
    data are shifted, scaled or rotated.

    Parameters
    ----------
    a, b : Mixture
        With the same number of features; K and J components.

    Returns
    -------
    ndarray of shape (K, J)

    Raises
    ------
    ValueError
        If the numbers of features differ.
    """
    if a.n_features != b.n_features:
        raise ValueError(
            f"the mixtures have {a.n_features} and {b.n_features} features, "
            "allowed is the same number"
        )
    pooled = (a.covariances[:, None] + b.covariances[None, :]) / 2
    difference = a.means[:, None] - b.means[None, :]
    factors = np.linalg.cholesky(pooled)
    whitened = np.linalg.solve(factors, difference[..., None])[..., 0]
    location = np.sum(whitened**2, axis=-1) / 8
    spread = (
        _half_log_det(factors)
        - (_half_log_det(a.scale_trils)[:, None] + _half_log_det(b.scale_trils)[None, :]) / 2
    )
    weight = (np.sqrt(a.weights)[:, None] - np.sqrt(b.weights)[None, :]) ** 2
    # Rounding can take the spread of two equal components a hair below zero.
    return np.asarray(location + np.maximum(spread, 0.0) + weight)


def match(reference: Mixture, mixture: Mixture) -> NDArray[np.intp]:
    """Order `mixture`'s components as the reference's, by optimal assignment.

    Parameters
    ----------
    reference, mixture : Mixture
        With the same numbers of components and features.

    Returns
    -------
    ndarray of int, shape (K,)
        ``mixture.permute(order)`` stands in the reference's order; the sum of
        `component_distances` along it is the smallest of all K! orders.

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
    _, order = linear_sum_assignment(component_distances(reference, mixture))
    return order


def _half_log_det(factors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(-1))
