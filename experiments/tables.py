"""Tables of numbers: read from a file, or given as an array or a data frame, and checked."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.errors import UsageError

Floats = NDArray[np.float64]

# A table read into memory needs about this many times its size on disk (CSV) or its values'.
CSV_GROWTH = 4
# Rows of a memory map that are checked at a time.
CHECK_ROWS = 1 << 16


class Table(NamedTuple):
    """Checked rows.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        A memory map where a ``.npy`` file holds float64 in rows.
    names : tuple of str
        Of the columns used.
    left_out : tuple of str
        Of the columns that hold no numbers.
    n_incomplete : int
        Rows that were left out because a value is missing.
    """

    X: Floats
    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    n_incomplete: int = 0


def read_table(path: Path, columns: Sequence[str] | None = None, *, missing: bool = False) -> Table:
    """Read the numeric columns of a CSV or Parquet file, or a two-dimensional ``.npy`` array.

    A CSV file has a header line. Nothing in a file is ever unpickled.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Which to use; by default every numeric one.
    missing : bool
        Whether NaN is allowed.

    Raises
    ------
    UsageError
        Naming the file, the row and the column of what is wrong.
    """
    if path.suffix.lower() not in _READERS:
        allowed = ", ".join(_READERS)
        raise UsageError(f"{path}: the file's name ends in '{path.suffix}', allowed is {allowed}")
    if not path.is_file():
        raise UsageError(f"{path}: no such data file")
    table = _READERS[path.suffix.lower()](path)
    if isinstance(table, np.ndarray) and columns is None:
        return Table(_checked_array(table, str(path), missing), numbered(table.shape[1]))
    if isinstance(table, np.ndarray):
        table = pd.DataFrame(table, columns=list(numbered(table.shape[1])))
    every = list(map(str, table.columns))
    if columns is not None:
        table = _chosen(table, columns, path)
    used = table.select_dtypes("number")
    names = tuple(map(str, used.columns))
    left_out = tuple(name for name in every if name not in names) if columns is None else ()
    return Table(_checked_frame(used, str(path), missing), names, left_out)


def complete_rows(table: Table, origin: str) -> Table:
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
    return table._replace(X=table.X[complete], n_incomplete=n_incomplete)


def as_rows(X: object, name: str) -> tuple[Floats, tuple[str, ...]]:
    """Check an array or a data frame given from Python; return its rows and column names.

    Raises
    ------
    UsageError
        If it is not a two-dimensional table of finite numbers; `name` is what errors call it.
    """
    if isinstance(X, pd.DataFrame):
        return _checked_frame(X, name, False), tuple(map(str, X.columns))
    array = np.asarray(X)
    if array.ndim != 2:
        raise UsageError(
            f"{name} has {array.ndim} dimensions, allowed is 2 (n_samples, n_features)"
        )
    return _checked_array(array, name, False), numbered(array.shape[1])


def refuse_constant(X: Floats, names: Sequence[str], origin: str) -> None:
    """Refuse a column in which all values are equal: no component has a width there."""
    constant = np.flatnonzero(np.nanmax(X, axis=0) == np.nanmin(X, axis=0))
    if len(constant) and len(X) > 1:
        column = constant[0]
        raise UsageError(
            f"{origin}: column '{names[column]}' is {np.nanmax(X[:, column]):g} in every row, "
            "allowed is a column that varies"
        )


def numbered(n_features: int) -> tuple[str, ...]:
    """Return names for columns that have none: x1, x2, and so on."""
    return tuple(f"x{i + 1}" for i in range(n_features))


# Reading ---------------------------------------------------------------------------------------


def _read_csv(path: Path) -> pd.DataFrame:
    _refuse_huge(path, CSV_GROWTH * path.stat().st_size)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header, first = next(lines, []), next(lines, [])
        _check_header(path, [name.strip() for name in header], len(first))
        return pd.read_csv(path, skipinitialspace=True)
    except UsageError:
        raise
    except (ValueError, OSError, csv.Error) as error:
        raise UsageError(
            f"{path}: not a table of comma-separated values: {_reason(error)}"
        ) from None


def _check_header(path: Path, header: list[str], width: int) -> None:
    if not header:
        raise UsageError(f"{path}: not a table of comma-separated values: the file is empty")
    if all(_is_number(name) for name in header):
        raise UsageError(
            f"{path}: the first line holds numbers, allowed is a header line with column names"
        )
    _refuse_duplicates(path, header)
    if width > len(header):
        raise UsageError(
            f"{path}: row 1 has {width} values, allowed is {len(header)} as in the header line"
        )


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(path)
        _refuse_duplicates(path, file.schema_arrow.names)
        _refuse_huge(path, 8 * file.metadata.num_rows * len(file.schema_arrow.names))
        return file.read().to_pandas(ignore_metadata=True)
    except UsageError:
        raise
    except (ValueError, OSError, pa.ArrowException) as error:
        raise UsageError(f"{path}: not a readable Parquet file: {_reason(error)}") from None


def _read_npy(path: Path) -> NDArray[np.generic]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(
            f"{path}: not a readable .npy array of numbers: {_reason(error)}"
        ) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise UsageError(f"{path}: an archive of arrays, allowed is a .npy file of one")
    if array.ndim != 2:
        raise UsageError(
            f"{path}: an array of {array.ndim} dimensions, allowed is 2 (rows, columns)"
        )
    if array.dtype != np.float64:
        _refuse_huge(path, 8 * array.size)
    return array


_READERS: dict[str, Callable[[Path], pd.DataFrame | NDArray[np.generic]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npy": _read_npy,
}


def _refuse_huge(path: Path, n_bytes: int) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > memory:
        raise UsageError(
            f"{path}: would need about {n_bytes / 1e9:.0f} GB of memory and there are "
            f"{memory / 1e9:.0f}, allowed is a smaller table, or a float64 .npy file, which is "
            "not read into memory"
        )


def _refuse_duplicates(path: Path, names: Sequence[str]) -> None:
    name, count = Counter(names).most_common(1)[0] if names else ("", 1)
    if count > 1:
        raise UsageError(f"{path}: {count} columns are called '{name}', allowed is each name once")


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# Checking --------------------------------------------------------------------------------------


def _chosen(table: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        known = ", ".join(map(str, table.columns))
        raise UsageError(f"{path}: no column '{missing[0]}', allowed is {known}")
    _refuse_duplicates(path, columns)
    chosen = table[list(columns)]
    for name in chosen.columns:
        if not pd.api.types.is_numeric_dtype(chosen[name]) or chosen[name].dtype == bool:
            example = next((str(v) for v in chosen[name] if not _is_number(str(v))), "")
            raise UsageError(
                f"{path}: column '{name}' holds text ('{example[:40]}'), allowed is numbers"
            )
    return chosen


def _checked_frame(table: pd.DataFrame, origin: str, missing: bool) -> Floats:
    try:
        X = table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise UsageError(f"{origin}: holds values that are not numbers") from None
    return _checked(X, tuple(map(str, table.columns)), origin, missing)


def _checked_array(array: NDArray[np.generic], origin: str, missing: bool) -> Floats:
    try:
        X = array if array.dtype == np.float64 else np.asarray(array.astype(np.float64))
    except (TypeError, ValueError):
        raise UsageError(f"{origin}: holds values that are not numbers") from None
    return _checked(X, numbered(array.shape[1]), origin, missing)  # type: ignore[arg-type]


def _checked(X: Floats, names: tuple[str, ...], origin: str, missing: bool) -> Floats:
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


def _so_far(X: Floats) -> str:
    return "" if len(X) <= CHECK_ROWS else f" in {CHECK_ROWS} rows"
