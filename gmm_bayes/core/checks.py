"""Checks of data and settings; each error says what was given and what is allowed."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmm_bayes.core.types import FloatArray
from gmm_em.core.numbers import as_numbers
from gmm_em.core.sklearn_checks import check_rows


def check_data(
    X: ArrayLike,
    *,
    n_features: int | None = None,
    who: str = "the mixture",
    missing: str = "error",
) -> FloatArray:
    """Return `X` as a C-contiguous float64 array of shape (N, D), at least one row and column.

    Parameters
    ----------
    X : array_like of shape (N, D)
    n_features : int, optional
        The number of columns that `who` requires.
    who : str, default "the mixture"
        Named in the error.
    missing : {"error", "mar"}, default "error"
        Whether missing values are refused, or stand in the result as NaN.

    Raises
    ------
    TypeError
        If `X` does not hold numbers.
    ValueError
        If `X` is not two-dimensional, empty, of the wrong width, or has missing or infinite values.
    """
    if check_missing(missing) == "mar":
        # Masked entries, pandas.NA and None become NaN, as in gmm_em.
        X = as_numbers(X)
    elif np.ma.is_masked(X):
        raise ValueError("X has masked values; every value must be there")
    array = check_rows(X)
    if n_features is not None and array.shape[1] != n_features:
        raise ValueError(
            f"X has {array.shape[1]} features, but {who} is expecting {n_features} features as "
            "input"
        )
    data = np.ascontiguousarray(array, dtype=np.float64)
    wrong = np.isinf(data) if missing == "mar" else ~np.isfinite(data)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = "NaN" if np.isnan(data[row, column]) else str(data[row, column])
        raise ValueError(
            f"X holds {value} in row {row}, column {column}; every value must be finite"
        )
    return data


def check_missing(missing: Any) -> str:
    """Return what to do with missing values.

    Raises
    ------
    ValueError
        If it is neither "error" nor "mar".
    """
    if missing not in ("error", "mar"):
        raise ValueError(f"missing must be 'error' or 'mar', but is {missing!r}")
    return str(missing)


class ImproperPosteriorWarning(UserWarning):
    """The prior does not keep the posterior from having an infinite integral on these data."""


def check_count(name: str, value: Any, *, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is too small.
    """
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, but is {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, but is {number}")
    return number


def check_n_components(n_components: Any, n_samples: int) -> int:
    """Return the number of components, at least 1 and at most the number of samples.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer in that range.
    """
    number = check_count("n_components", n_components)
    if number > n_samples:
        raise ValueError(
            f"n_components is {number}, but X has only {n_samples} samples; "
            "a component needs at least one"
        )
    return number


def check_covariance_type(covariance_type: Any, supported: Sequence[str]) -> str:
    """Return the name of a covariance structure that is among the supported ones.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(covariance_type, str) or covariance_type not in supported:
        raise ValueError(
            f"covariance_type is {covariance_type!r}; allowed are {', '.join(map(repr, supported))}"
        )
    return covariance_type


def check_enough_samples(n_samples: int) -> None:
    """Raise ValueError if there are fewer than two rows, which have no standard deviation."""
    if n_samples < 2:
        raise ValueError(f"X has {n_samples} sample; a spread needs at least 2")
