"""Tables of numbers, given as arrays or data frames: checked, and named."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd
from experiments.core.words import numbered

# Rows of a memory map that are checked at a time.
CHECK_ROWS = 1 << 16
# The square of a smaller spread underflows in double precision.
SMALLEST = 1e-150
# The fourth power of a larger spread, which the errors of covariances are made of, overflows.
LARGEST = 1e75


class NumericTable(NamedTuple):
    """Checked rows.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        A memory map where a ``.npy`` file holds float64 in rows.
    names : tuple of str
        Of the columns used.
    left_out : tuple of str
        Of the columns that hold no numbers, and why where that may surprise.
    n_incomplete : int
        Rows that were left out because a value is missing.
    counting : tuple of str
        Of the columns used that only count the rows: identifiers, likely.
    doubts : tuple of str
        Sentences about columns that were left out and look as if they should not be.
    classes : str
        Name of a column left out that looks like classes; empty where there is none.
    label_column : str
        Name of the column of classes; empty where none was asked for.
    labels : tuple of str or None, length n_samples
        Its values, None where one is missing.
    rows : ndarray of int, shape (n_samples,), or None
        Places of the rows in the file, counted from 0; None where they are all of it.
    """

    X: FloatArray
    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    n_incomplete: int = 0
    counting: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    classes: str = ""
    label_column: str = ""
    labels: tuple[str | None, ...] = ()
    rows: NDArray[np.intp] | None = None

    def only(self, kept: NDArray[np.bool_]) -> NumericTable:
        """Keep some of the rows; `kept` has shape (n_samples,)."""
        places = np.flatnonzero(kept)
        return self._replace(
            X=self.X[kept],
            labels=tuple(self.labels[i] for i in places) if self.labels else (),
            rows=places if self.rows is None else self.rows[places],
        )


def complete_rows(table: NumericTable, origin: str) -> NumericTable:
    """Leave out the rows in which a value is missing.

    Raises
    ------
    UsageError
        If no row is complete.
    """
    complete = ~np.isnan(table.X).any(axis=1)
    if not complete.any():
        raise UsageError(f"{origin}: every row has a missing value, allowed is a complete one")
    n_incomplete = int((~complete).sum())
    if not n_incomplete:
        return table
    return table.only(complete)._replace(n_incomplete=n_incomplete)


def as_rows(X: object, name: str) -> tuple[FloatArray, tuple[str, ...]]:
    """Check an array or a data frame given from Python; return its rows and column names.

    Raises
    ------
    UsageError
        If it is not a two-dimensional table of finite numbers; `name` is what errors call it.
    """
    # A caller with a data frame has imported pandas already, which takes a third of a second.
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(X, pandas.DataFrame):
        return checked_frame(X, name, False), tuple(map(str, X.columns))
    array = np.asarray(X)
    if array.ndim != 2:
        raise UsageError(
            f"{name} has {array.ndim} dimensions, allowed is 2 (n_samples, n_features)"
        )
    names = numbered(array.shape[1])
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        masked = np.argwhere(np.ma.getmaskarray(X))
        row, column = masked[0]
        raise UsageError(
            f"{name}: row {row + 1}, column '{names[column]}' is masked ({len(masked)} such "
            "values), allowed are finite numbers"
        )
    return checked_array(array, name, False), names


def refuse_constant(X: FloatArray, names: Sequence[str], origin: str) -> None:
    """Refuse a column in which all values are equal: no component has a width there."""
    with np.errstate(over="ignore"):
        spread = np.nanmax(X, axis=0) - np.nanmin(X, axis=0)
    for column in np.flatnonzero((spread > 0) & (spread < SMALLEST)).tolist():
        raise UsageError(
            f"{origin}: column '{names[column]}' varies by {spread[column]:.3g} only, allowed is "
            f"at least {SMALLEST:g}: use other units"
        )
    for column in np.flatnonzero(spread > LARGEST).tolist():
        raise UsageError(
            f"{origin}: column '{names[column]}' varies by {spread[column]:.3g}, allowed is at "
            f"most {LARGEST:g}: use other units"
        )
    constant = np.flatnonzero(spread == 0)
    if len(constant) and len(X) > 1:
        column = constant[0]
        raise UsageError(
            f"{origin}: column '{names[column]}' is {np.nanmax(X[:, column]):g} in every row, "
            "allowed is a column that varies"
        )


# Checking ---------------------------------------------------------------------------------------


def checked_frame(table: pd.DataFrame, origin: str, missing: bool) -> FloatArray:
    """Return the values of a data frame; `missing` says whether NaN is allowed."""
    try:
        X = table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise UsageError(f"{origin}: holds values that are not numbers") from None
    return _checked(X, tuple(map(str, table.columns)), origin, missing)


def checked_array(array: NDArray[np.generic], origin: str, missing: bool) -> FloatArray:
    """Return a two-dimensional array as doubles in rows; `missing` says whether NaN is allowed."""
    try:
        # NumPy would turn dates and durations into numbers of some unit.
        if array.dtype.kind in "cmM":
            raise TypeError
        # A long double beyond the range of a double becomes infinite, which is refused below.
        with np.errstate(over="ignore"):
            X = array if array.dtype == np.float64 else np.asarray(array.astype(np.float64))
    except (TypeError, ValueError):
        raise UsageError(f"{origin}: holds values that are not numbers") from None
    return _checked(X, numbered(array.shape[1]), origin, missing)  # type: ignore[arg-type]


def _checked(X: FloatArray, names: tuple[str, ...], origin: str, missing: bool) -> FloatArray:
    if not X.shape[1]:
        raise UsageError(f"{origin}: no numeric column, allowed is at least one")
    if not len(X):
        raise UsageError(f"{origin}: no rows, allowed is at least one")
    allowed = "finite numbers or missing values" if missing else "finite numbers"
    for start in range(0, len(X), CHECK_ROWS):
        block = X[start : start + CHECK_ROWS]
        bad = np.argwhere(np.isinf(block) if missing else ~np.isfinite(block))
        if len(bad):
            row, column = bad[0]
            raise UsageError(
                f"{origin}: row {start + row + 1}, column '{names[column]}' is "
                f"{block[row, column]} ({len(bad)} such values{_so_far(X)}), allowed is {allowed}"
            )
    if missing and (empty := np.isnan(X).all(axis=0)).any():
        raise UsageError(
            f"{origin}: column '{names[int(empty.argmax())]}' has no value at all, allowed is "
            "at least one"
        )
    return np.ascontiguousarray(X)


def _so_far(X: FloatArray) -> str:
    return "" if len(X) <= CHECK_ROWS else f" in {CHECK_ROWS} rows"
