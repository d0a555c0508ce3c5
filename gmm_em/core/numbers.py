"""Whatever holds numbers, read as an array of float64; what is missing becomes NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.foreign import is_foreign, to_host
from gmm_em.core.types import FloatArray

# What stands for a missing value in arrays of objects; pandas is not imported for it.
_MISSING = ("NAType", "NoneType")


def is_plain(X: Any) -> bool:
    """Whether `X` is an array of real numbers that can be read as it is, a block at a time."""
    arraylike = all(hasattr(X, name) for name in ("shape", "dtype", "__array_function__"))
    frame = hasattr(X, "iloc")
    return (
        arraylike
        and not frame
        and not isinstance(X, np.ma.MaskedArray)
        and not is_foreign(X)
        and np.dtype(X.dtype).kind in "fiub"
    )


def in_dtype(array: FloatArray, dtype: type[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return an array in a narrower type, or as it is where that type cannot hold its values."""
    with np.errstate(over="ignore", under="ignore"):
        narrow = array.astype(dtype)
    held = np.isfinite(narrow).all() and not ((narrow == 0) & (array != 0)).any()
    return narrow if held else array


def as_numbers(X: Any) -> FloatArray:
    """Return the values of `X` as float64, or as float32 where they are; NaN where one is missing.

    Masked entries, ``pandas.NA`` and None are missing. Arrays of other libraries are copied from
    where they are.

    Raises
    ------
    TypeError, ValueError
        If it holds anything but real numbers: dates and durations are none.
    """
    mask = np.ma.getmaskarray(X) if isinstance(X, np.ma.MaskedArray) else None
    array = np.asarray(to_host(X))
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{X}\n")
    if array.dtype.kind in "SU":
        raise ValueError("dtype='numeric' is not compatible with arrays of bytes/strings")
    if array.dtype.kind in "mM":
        raise ValueError("X must hold numbers, got dates or durations: subtract or divide first")
    if array.dtype.kind == "O":
        kinds = {type(value).__name__ for value in array.ravel()}
        if kinds & {"Timestamp", "Timedelta", "NaTType", "datetime", "date", "timedelta"}:
            raise ValueError(
                "X must hold numbers, got dates or durations: subtract or divide first"
            )
        if kinds & set(_MISSING):
            missing = [type(value).__name__ in _MISSING for value in array.ravel()]
            array = array.copy()
            array[np.reshape(missing, array.shape)] = np.nan
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    try:
        numbers: FloatArray = np.asarray(array, dtype=dtype)
        return numbers if mask is None else np.where(mask, np.nan, numbers)
    except TypeError as error:
        raise TypeError(f"argument must be a string or a number: {error}") from None
    except ValueError as error:
        raise ValueError(f"X must hold numbers: {error}") from None
