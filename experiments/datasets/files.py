"""Tables of numbers read from files: text, Parquet and ``.npy``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.core.errors import UsageError
from experiments.core.words import numbered
from experiments.datasets.delimited import (
    ROW_NUMBERS,
    SUFFIXES,
    counts_rows,
    is_number,
    read_delimited,
    refuse_duplicates,
)
from experiments.datasets.table import Table, checked_array, checked_frame

# A table read into memory needs about this many times its size on disk (CSV) or its values'.
CSV_GROWTH = 4


def read_table(path: Path, columns: Sequence[str] | None = None, *, missing: bool = False) -> Table:
    """Read the numeric columns of a text or Parquet file, or a two-dimensional ``.npy`` array.

    A text file (CSV or the like) has a header line. Nothing in a file is ever unpickled.

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
        what = "is a folder, allowed is a file" if path.is_dir() else "no such data file"
        raise UsageError(f"{path}: {what}")
    table = _READERS[path.suffix.lower()](path)
    if isinstance(table, np.ndarray) and columns is None:
        return Table(checked_array(table, str(path), missing), numbered(table.shape[1]))
    if isinstance(table, np.ndarray):
        table = pd.DataFrame(table, columns=list(numbered(table.shape[1])))
    every = [_in_one_line(str(name)) for name in table.columns]
    refuse_duplicates(path, every)
    table = table.set_axis(every, axis=1)
    if columns is not None:
        table = _chosen(table, columns, path)
    used = table.select_dtypes("number").drop(columns=ROW_NUMBERS, errors="ignore")
    names = tuple(map(str, used.columns))
    left_out: tuple[str, ...] = ()
    if columns is None:
        left_out = tuple(_left_out(table[name], name) for name in every if name not in names)
    counting = tuple(name for name in names if columns is None and counts_rows(used[name]))
    return Table(checked_frame(used, str(path), missing), names, left_out, counting=counting)


def _in_one_line(name: str) -> str:
    """Write a name without line ends and control characters, which a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def _left_out(values: pd.Series, name: str) -> str:
    """Name a column that holds no numbers; of one that nearly does, with what is none."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return name
    texts = values.dropna().astype(str)
    numeric = pd.to_numeric(texts, errors="coerce").notna()
    if not len(texts) or numeric.mean() <= 0.5:
        return name
    row = int(numeric.to_numpy().argmin())
    return f"{name} ('{texts.iloc[row][:20]}' in row {texts.index[row] + 1} is no number)"


def _chosen(table: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        known = ", ".join(map(str, table.columns))
        raise UsageError(f"{path}: no column '{missing[0]}', allowed is {known}")
    refuse_duplicates(path, columns)
    chosen = table[list(columns)]
    for name in chosen.columns:
        if not pd.api.types.is_numeric_dtype(chosen[name]) or chosen[name].dtype == bool:
            example = next((str(v) for v in chosen[name] if not is_number(str(v))), "")
            raise UsageError(
                f"{path}: column '{name}' holds text ('{example[:40]}'), allowed is numbers"
            )
    return chosen


# Formats ----------------------------------------------------------------------------------------


def _read_text(path: Path) -> pd.DataFrame:
    _refuse_huge(path, CSV_GROWTH * path.stat().st_size)
    return read_delimited(path)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(path)
        refuse_duplicates(path, file.schema_arrow.names)
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
    **dict.fromkeys(SUFFIXES, _read_text),
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


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
