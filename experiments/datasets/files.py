"""Tables of numbers read from files: text, Parquet and ``.npy``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.core.errors import UsageError
from experiments.core.sizes import of_doubles, of_text_table, refuse_beyond_memory
from experiments.core.text import in_one_line, visible
from experiments.core.words import numbered
from experiments.datasets.delimited import (
    ROW_NUMBERS,
    SUFFIXES,
    counts_rows,
    is_number,
    read_delimited,
    refuse_duplicates,
)
from experiments.datasets.labels import as_classes
from experiments.datasets.table import NumericTable, checked_array, checked_frame

# A column of which more than this share are numbers was meant to hold numbers.
MOSTLY = 0.5
# Kinds of arrays that hold numbers: truth values, whole numbers, and floating-point ones.
NUMBERS = "biuf"
# A column of text with more values than this is not suggested as one of classes.
MAX_SUGGESTED = 12
SMALLER = "a smaller table, or a float64 .npy file, which is not read into memory"


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    missing: bool = False,
    label_column: str | None = None,
) -> NumericTable:
    """Read the numeric columns of a text or Parquet file, or a two-dimensional ``.npy`` array.

    A text file (CSV or the like) has a header line. Nothing in a file is ever unpickled.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Which to use; by default every numeric one.
    missing : bool
        Whether NaN is allowed.
    label_column : str, optional
        A column of classes, which is kept apart from the numbers.

    Raises
    ------
    UsageError
        Naming the file, the row and the column of what is wrong.
    """
    if path.suffix.lower() not in _READERS:
        allowed = ", ".join(_READERS)
        raise UsageError(f"{path}: the file's name ends in '{path.suffix}', allowed is {allowed}")
    if not path.is_file():
        raise UsageError(f"{path}: {_why_no_file(path)}")
    table = _READERS[path.suffix.lower()](path)
    if isinstance(table, np.ndarray) and columns is None and label_column is None:
        return NumericTable(checked_array(table, str(path), missing), numbered(table.shape[1]))
    if isinstance(table, np.ndarray):
        table = pd.DataFrame(table, columns=list(numbered(table.shape[1])))
    every = [in_one_line(str(name)) for name in table.columns]
    refuse_duplicates(path, every)
    table = table.set_axis(every, axis=1)
    labels: tuple[str | None, ...] = ()
    if label_column is not None:
        labels = _labels(table, label_column, columns, path)
        table = table.drop(columns=label_column)
        every.remove(label_column)
    if columns is not None:
        table = _chosen(table, columns, path)
    columns_now = list(map(str, table.columns))
    numeric = [name for name in columns_now if _holds_numbers(table[name]) and name != ROW_NUMBERS]
    used = table[numeric]
    names = tuple(numeric)
    left_out: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    if columns is None:
        others = [name for name in every if name not in names]
        left_out = tuple(_left_out(table[name], name) for name in others)
        found = {name: _no_number(table[name]) for name in others}
        doubts = tuple(f"Column '{name}' is left out: {why}." for name, why in found.items() if why)
    counting = tuple(name for name in names if columns is None and counts_rows(used[name]))
    return NumericTable(
        checked_frame(used, str(path), missing),
        names,
        left_out,
        counting=counting,
        doubts=doubts,
        classes=next((n for n in every if n not in names and _has_classes(table, n)), ""),
        label_column=label_column or "",
        labels=labels,
    )


def _labels(
    table: pd.DataFrame, column: str, columns: Sequence[str] | None, path: Path
) -> tuple[str | None, ...]:
    """Return the classes in a column, which is not among those that are fitted."""
    if column not in table.columns:
        known = ", ".join(map(str, table.columns))
        raise UsageError(f"{path}: no column '{column}', allowed is {known}")
    if columns is not None and column in columns:
        raise UsageError(
            f"{path}: column '{column}' is to be fitted and to be compared with, allowed is one "
            "of the two"
        )
    values = table[column].to_numpy(dtype=object)
    return as_classes(values, len(table), f"{path}: column '{column}'")


def _has_classes(table: pd.DataFrame, name: str) -> bool:
    """Whether a column that holds no numbers has few values, each of several rows."""
    if name not in table.columns or name == ROW_NUMBERS:
        return False
    count = table[name].nunique()
    return 1 < count <= min(MAX_SUGGESTED, len(table) // 5)


def _why_no_file(path: Path) -> str:
    """Say why a path leads to no file that can be read."""
    if path.is_dir():
        return "is a folder, allowed is a file"
    return "is no regular file, allowed is one" if path.exists() else "no such data file"


def _holds_numbers(values: pd.Series) -> bool:
    """Whether a column holds numbers: dates, durations, truth values and complex ones are none."""
    kinds = pd.api.types
    return bool(
        kinds.is_numeric_dtype(values)
        and not kinds.is_bool_dtype(values)
        and not kinds.is_complex_dtype(values)
    )


def _left_out(values: pd.Series, name: str) -> str:
    """Name a column that holds no numbers; of one that nearly does, with what is none."""
    why = _no_number(values)
    return f"{name} ({why})" if why else name


def _no_number(values: pd.Series) -> str:
    """Say which value keeps a column from being one of numbers; nothing where few are numbers."""
    if not (pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)):
        return ""
    # Bytes become text as Python writes them, whatever their encoding.
    texts = values.dropna().map(str)
    numeric = pd.to_numeric(texts, errors="coerce").notna()
    if not len(texts) or numeric.mean() <= MOSTLY:
        return ""
    row = int(numeric.to_numpy().argmin())
    if numeric.iloc[row]:
        return ""
    shown = visible(texts.iloc[row][:20])
    return f"'{shown}' in row {texts.index[row] + 1} is no number"


def _chosen(table: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        known = ", ".join(map(str, table.columns))
        raise UsageError(f"{path}: no column '{missing[0]}', allowed is {known}")
    refuse_duplicates(path, columns)
    chosen = table[list(columns)]
    for name in chosen.columns:
        if not _holds_numbers(chosen[name]):
            example = next((str(v) for v in chosen[name] if not is_number(str(v))), "")
            shown = visible(example[:40])
            raise UsageError(f"{path}: column '{name}' holds text ('{shown}'), allowed is numbers")
    return chosen


# Formats ----------------------------------------------------------------------------------------


def _read_text(path: Path) -> pd.DataFrame:
    refuse_beyond_memory(of_text_table(path.stat().st_size), str(path), SMALLER)
    return read_delimited(path)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(path)
        refuse_duplicates(path, file.schema_arrow.names)
        n_bytes = of_doubles(file.metadata.num_rows, len(file.schema_arrow.names))
        refuse_beyond_memory(n_bytes, str(path), SMALLER)
        table: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
        return table
    except UsageError:
        raise
    except (ValueError, OSError, pa.ArrowException) as error:
        raise UsageError(f"{path}: not a readable Parquet file: {_reason(error)}") from None


def _read_npy(path: Path) -> NDArray[np.generic]:
    try:
        with warnings.catch_warnings():
            # NumPy warns of headers that Python 2 wrote, which it reads all the same, and of sizes
            # that overflow, before it refuses them.
            warnings.simplefilter("ignore")
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # NumPy evaluates the header as a Python literal. What a crafted one raises depends on what
        # is wrong with it: SyntaxError, TypeError, OverflowError, RecursionError and others.
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
    if array.dtype.kind not in NUMBERS:
        raise UsageError(
            f"{path}: holds values that are not numbers ({array.dtype}), allowed are whole or "
            "floating-point ones"
        )
    if array.dtype != np.float64:
        refuse_beyond_memory(of_doubles(*array.shape), str(path), SMALLER)
    return array


_READERS: dict[str, Callable[[Path], pd.DataFrame | NDArray[np.generic]]] = {
    **dict.fromkeys(SUFFIXES, _read_text),
    ".parquet": _read_parquet,
    ".npy": _read_npy,
}


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
