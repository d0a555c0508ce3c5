"""Some features of a mixture: which are meant, and what normal components become given them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from gmm_em.core.mixture_checks import cholesky_factors
from gmm_em.core.types import FloatArray


def feature_indices(
    features: object, n_features: int, names: Sequence[str] | None = None
) -> NDArray[np.intp]:
    """Return the positions of features that are given by position or by name.

    Parameters
    ----------
    features : int, str or iterable of them
        Positions are counted from 0.
    n_features : int
    names : sequence of str, optional
        Of all features, in order. Without them a name is refused.

    Returns
    -------
    ndarray of int, shape (M,)
        In the order given, with M from 1 to `n_features`.

    Raises
    ------
    ValueError
        If no feature is given, one is given twice, or one is unknown.
    """
    alone = isinstance(features, str | int | np.integer)
    every = [features] if alone else list(_iterate(features))
    found = [_position(feature, n_features, names) for feature in every]
    if not found:
        raise ValueError("features is empty, allowed is at least one feature")
    twice = next((every[i] for i, place in enumerate(found) if place in found[:i]), None)
    if twice is not None:
        raise ValueError(f"features has {twice!r} twice, allowed is each feature once")
    return np.array(found, dtype=np.intp)


def given_values(
    given: object, n_features: int, names: Sequence[str] | None = None
) -> dict[int, float]:
    """Return the value of each feature that is fixed, by its position.

    Parameters
    ----------
    given : mapping of int or str to float
        Values by feature; features as for :func:`feature_indices`.
    n_features : int
    names : sequence of str, optional

    Raises
    ------
    TypeError
        If `given` is no mapping.
    ValueError
        If a feature is unknown or given twice, a value is not a finite number, or no feature
        would be left.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"given must map features to values, such as {{0: 1.5}}, got {given!r}")
    places = feature_indices(given.keys(), n_features, names).tolist()
    if len(places) == n_features:
        raise ValueError(
            f"given fixes all {n_features} features, allowed are at most {n_features - 1} of them"
        )
    return {
        place: _finite(feature, value)
        for place, (feature, value) in zip(places, given.items(), strict=True)
    }


def condition(
    means: FloatArray, covariances: FloatArray, places: Sequence[int], values: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return means and covariances of the other features, given some, of each normal component.

    With ``a`` the features that are left and ``b`` those given, the mean is
    ``m_a + S_ab S_bb^-1 (x_b - m_b)`` and the covariance ``S_aa - S_ab S_bb^-1 S_ba`` (Bishop 2006,
    equations 2.81 and 2.82). Both are read from the Cholesky factor of the covariance with the
    given features first, whose lower right block is a factor of the conditional covariance: no
    difference of matrices is taken, so that the result stays positive definite.

    Parameters
    ----------
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
    places : sequence of int
        The M features given.
    values : array_like, shape (M,)

    Returns
    -------
    means : ndarray, shape (K, D - M)
    covariances : ndarray, shape (K, D - M, D - M)
    """
    first = np.asarray(places, dtype=np.intp)
    last = np.setdiff1d(np.arange(means.shape[1]), first)
    order = np.concatenate([first, last])
    factors = cholesky_factors(covariances[:, order[:, None], order])
    m = len(first)
    of_given, across, of_left = factors[:, :m, :m], factors[:, m:, :m], factors[:, m:, m:]
    away = np.asarray(values, dtype=np.float64) - means[:, first]
    whitened = np.stack(
        [solve_triangular(L, x, lower=True) for L, x in zip(of_given, away, strict=True)]
    )
    moved = means[:, last] + np.einsum("kij,kj->ki", across, whitened)
    return moved, of_left @ of_left.transpose(0, 2, 1)


def _iterate(features: object) -> Iterable[object]:
    if not isinstance(features, Iterable):
        raise ValueError(f"features must be positions or names of features, got {features!r}")
    return features


def _position(feature: object, n_features: int, names: Sequence[str] | None) -> int:
    """Return the position of one feature."""
    known = list(names or ())
    if isinstance(feature, str):
        if feature in known:
            return known.index(feature)
        allowed = ", ".join(known) if known else f"positions from 0 to {n_features - 1}"
        raise ValueError(f"no feature is called {feature!r}, allowed: {allowed}")
    if isinstance(feature, int | np.integer) and not isinstance(feature, bool):
        place = int(feature)
        if 0 <= place < n_features:
            return place
    also = f" or a name: {', '.join(known)}" if known else ""
    raise ValueError(
        f"feature {feature!r} is none, allowed is a position from 0 to {n_features - 1}{also}"
    )


def _finite(feature: object, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"the value of feature {feature!r} is {value!r}, allowed is a number")
    return number
