"""Checks of data and options at the public functions."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmm_em.core.foreign import to_host
from gmm_em.core.numbers import as_numbers
from gmm_em.core.types import FloatArray


def check_matrix(X: ArrayLike, *, n_features: int | None = None, min_rows: int = 1) -> FloatArray:
    """Return `X` as a finite float64 matrix, or say clearly why that is impossible.

    Parameters
    ----------
    X : array_like, shape (N, D)
    n_features : int, optional
        The number of columns that is required.
    min_rows : int, default 1
        The number of rows that is required.
    """
    try:
        array = np.asarray(as_numbers(X), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"X must be a numeric matrix of shape (n, d): {error}") from None
    check_matrix_shape(array, n_features)
    if array.shape[0] < min_rows:
        raise ValueError(f"X has {array.shape[0]} rows, but at least {min_rows} are needed")
    if not np.isfinite(array).all():
        refuse_not_finite(array)
    return array


def check_matrix_shape(X: Any, n_features: int | None = None) -> None:
    """Refuse an array of any library that is no matrix, or has not so many columns.

    Raises
    ------
    ValueError
    """
    if len(X.shape) != 2:
        hint = "; use X.reshape(-1, 1) for one feature" if len(X.shape) == 1 else ""
        raise ValueError(f"X must be two-dimensional (n, d), got shape {tuple(X.shape)}{hint}")
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(f"X has {X.shape[1]} features, but {n_features} are expected")


def refuse_not_finite(rows: NDArray[Any], first_row: int = 0) -> NoReturn:
    """Name the first value that is not finite, of rows (n, D) of which there is one.

    Raises
    ------
    ValueError
    """
    row, column = np.argwhere(~np.isfinite(rows))[0]
    value = rows[row, column]
    raise ValueError(f"X must be finite, got {value} in row {row + first_row}, column {column}")


def check_sample_weight(sample_weight: ArrayLike, n_samples: int) -> FloatArray:
    """Return non-negative finite row weights, shape (n_samples,), not all zero."""
    weight = np.asarray(to_host(sample_weight), dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), got {weight.shape}")
    if not np.isfinite(weight).all() or np.any(weight < 0):
        raise ValueError("sample_weight must be finite and not negative")
    if n_samples and not weight.any():
        raise ValueError("sample_weight must not be zero for every row")
    return weight


def check_ridge(reg_covar: ArrayLike) -> FloatArray:
    """Return `reg_covar`, a number or one per feature, as finite and not negative.

    Raises
    ------
    TypeError, ValueError
        If it is not numeric, or out of range.
    """
    try:
        ridge = np.asarray(reg_covar, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"reg_covar must be a number >= 0, got {reg_covar!r}") from None
    if ridge.ndim > 1 or not (np.isfinite(ridge).all() and (ridge >= 0).all()):
        raise ValueError(f"reg_covar must be a number >= 0, got {reg_covar!r}")
    return ridge


def check_count(name: str, value: Any, low: int) -> int:
    """Return an option that must be an integer of at least `low`.

    Raises
    ------
    TypeError, ValueError
        If it is no integer, or too small; the message calls it `name`.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    return int(value)


def check_number(name: str, value: Any) -> float:
    """Return an option that must be a finite number and not negative.

    Raises
    ------
    TypeError, ValueError
        If it is no number, or out of range; the message calls it `name`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)
