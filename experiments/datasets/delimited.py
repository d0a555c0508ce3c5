"""Text files of values with a separator, as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.core.errors import UsageError

SUFFIXES = (".csv", ".tsv", ".txt")
SEPARATORS = (",", ";", "\t", "|")
# The name given to a nameless column that counts the rows, as data frames write one.
ROW_NUMBERS = "(row numbers)"
# A table with fewer rows may hold 0, 1, 2, ... as measurements.
MIN_COUNTED = 10
# The first lines of a file, which show how its numbers are written.
LOOK = 100

DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


def read_delimited(path: Path) -> pd.DataFrame:
    """Read a text file with a header line.

    The separator is the one of ``, ; TAB |``, or any white space, that splits the header line and
    the first row into equally many parts; after another separator than a comma, numbers may be
    written with a decimal comma.

    Raises
    ------
    UsageError
        In one sentence, if the file is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in islice(file, LOOK) if line.strip()]
        separator = _separator(lines)
        rows = _split(lines, separator)
        header, body = rows[0] if rows else [], rows[1:]
        _check_header(path, header, len(body[0]) if body else 0)
        commas = any(DECIMAL_COMMA.fullmatch(part) for row in body for part in row)
        table = pd.read_csv(
            path,
            sep=r"\s+" if separator is None else separator,
            decimal="," if commas and separator != "," else ".",
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except UsageError:
        raise
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not a table of comma-separated values: not UTF-8 text (byte {error.start})"
        ) from None
    except (ValueError, OSError, csv.Error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"{path}: not a table of comma-separated values: {reason}") from None
    table = table.drop(columns=_empty(table, header))
    return table.rename(columns=dict.fromkeys(_counting(table, header), ROW_NUMBERS))


def _separator(lines: Sequence[str]) -> str | None:
    """Tell the separator from the first two rows; None is white space."""

    def width(separator: str | None) -> int:
        widths = {len(row) for row in _split(lines, separator)[:2]}
        return widths.pop() if len(widths) == 1 else 0

    # Without one of these in it a wide line would be a single part, too long for the reader.
    present = [separator for separator in SEPARATORS if lines and separator in lines[0]]
    found = max(present or SEPARATORS[:1], key=width)
    if width(found) > 1:
        return found
    return None if width(None) > 1 else ","


def _split(lines: Sequence[str], separator: str | None) -> list[list[str]]:
    if separator is None:
        return [line.split() for line in lines]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [[part.strip() for part in row] for row in reader]


def _check_header(path: Path, header: list[str], width: int) -> None:
    if not header:
        raise UsageError(f"{path}: not a table of comma-separated values: the file is empty")
    if all(is_number(name) for name in header):
        raise UsageError(
            f"{path}: the first line holds numbers, allowed is a header line with column names"
        )
    refuse_duplicates(path, header)
    if width > len(header):
        raise UsageError(
            f"{path}: row 1 has {width} values, allowed is {len(header)} as in the header line"
        )


def _counting(table: pd.DataFrame, header: Sequence[str]) -> list[str]:
    """Return the columns that have no name and count the rows."""
    return [column for column in _nameless(table, header) if counts_rows(table[column])]


def _empty(table: pd.DataFrame, header: Sequence[str]) -> list[str]:
    """Return the columns that have neither a name nor a value: lines that end in a separator."""
    return [column for column in _nameless(table, header) if table[column].isna().all()]


def _nameless(table: pd.DataFrame, header: Sequence[str]) -> list[str]:
    columns = zip(table.columns, header, strict=False)
    return [column for column, name in columns if not name and column in table.columns]


def counts_rows(values: pd.Series) -> bool:
    """Whether values are 0, 1, 2 and so on, or 1, 2, 3; `MIN_COUNTED` of them at least."""
    if len(values) < MIN_COUNTED or not pd.api.types.is_numeric_dtype(values):
        return False
    start = values.iloc[0]
    return start in (0, 1) and bool((values.to_numpy() == start + np.arange(len(values))).all())


def refuse_duplicates(path: Path, names: Sequence[str]) -> None:
    """Refuse two columns of one name.

    Raises
    ------
    UsageError
        Naming it.
    """
    name, count = Counter(names).most_common(1)[0] if names else ("", 1)
    if count > 1:
        raise UsageError(f"{path}: {count} columns are called '{name}', allowed is each name once")


def is_number(text: str) -> bool:
    """Whether a text is a number, infinite and NaN included."""
    try:
        float(text)
    except ValueError:
        return False
    return True
