"""Classes of the rows that are known beforehand: no fit is told, and its clusters are compared."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from experiments.core.errors import UsageError
from experiments.core.text import in_one_line

# A column with more different values than this names its rows and does not sort them into classes.
MAX_CLASSES = 50


def as_classes(values: object, n_rows: int, origin: str = "labels") -> tuple[str | None, ...]:
    """Return the classes of rows as text, None where one is missing; nothing for None.

    Parameters
    ----------
    values : array_like of shape (n_rows,) or None
        Text, whole numbers or truth values.
    n_rows : int
    origin : str
        What errors call the values.

    Raises
    ------
    UsageError
        If there are not as many as rows, none is known, or there are too many classes.
    """
    if values is None:
        return ()
    found = np.asarray(values, dtype=object)
    if found.shape != (n_rows,):
        raise UsageError(f"{origin}: shape {found.shape}, allowed is ({n_rows},), one for each row")
    classes = tuple(_name(value) for value in found.tolist())
    count = len(set(classes) - {None})
    if not 1 <= count <= MAX_CLASSES:
        raise UsageError(f"{origin}: {count} different classes, allowed are 1 to {MAX_CLASSES}")
    return classes


def split_labels(X: object, labels: object) -> tuple[str, object, object]:
    """Tell the classes from the data where `labels` is the name of a column of a data frame.

    Returns
    -------
    column : str
        What to call the classes; empty where there are none.
    X : object
        The data without that column.
    labels : object
        Values, or None.

    Raises
    ------
    UsageError
        If there is no such column.
    """
    if not isinstance(labels, str):
        name = getattr(labels, "name", None)
        return ("" if labels is None else str(name or "labels")), X, labels
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(X, pandas.DataFrame) or labels not in X.columns:
        known = ", ".join(map(str, getattr(X, "columns", ()))) or "a column of a data frame"
        raise UsageError(f"labels: no column '{labels}', allowed: {known}")
    frame: Any = X
    return labels, frame.drop(columns=labels), frame[labels].to_numpy()


def _name(value: object) -> str | None:
    """Return a class as text; None for a missing one."""
    if value is None or value != value or str(value) in ("<NA>", "NaT"):
        return None
    if isinstance(value, float) and value.is_integer():
        # A column of whole numbers with a gap is read as floating-point numbers.
        return str(int(value))
    return in_one_line(str(value)) or None
