"""The rows with their components as a table, and as a file of a run directory."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from experiments.analysis.assignments import Assignments
from experiments.core.errors import UsageError
from experiments.storage.layout import ASSIGNMENTS, ASSIGNMENTS_OF_MANY
from experiments.values.comparison import ComparisonValues

# A table with more rows is written as Parquet, which is smaller and faster to read than text.
MOST_AS_TEXT = 1_000_000


def frame_of(found: Assignments) -> pd.DataFrame:
    """Return the table that `experiments.Comparison.assignments` describes."""
    columns: dict[str, object] = {"row": found.rows}
    if found.classes:
        columns[_free_name(found)] = list(found.classes)
    for engine, probabilities in found.probabilities.items():
        columns[engine] = found.labels(engine) + 1
        columns[f"{engine}_probability"] = probabilities.max(axis=1)
        if engine in found.deviations:
            columns[f"{engine}_sd"] = found.deviations[engine]
    columns["agree"] = found.unanimous
    return pd.DataFrame(columns)


def _free_name(found: Assignments) -> str:
    """Return the name of the column of classes, which no other column has."""
    taken = {"row", "agree"}
    for engine in found.probabilities:
        taken |= {engine, f"{engine}_probability", f"{engine}_sd"}
    return f"class_{found.column}" if found.column in taken else found.column


def write_assignments(table: pd.DataFrame, folder: Path) -> Path:
    """Write the table into a run directory, and return its path."""
    if len(table) > MOST_AS_TEXT:
        path = folder / ASSIGNMENTS_OF_MANY
        table.to_parquet(path, index=False)
        return path
    path = folder / ASSIGNMENTS
    table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    return path


def read_assignments(folder: Path) -> pd.DataFrame:
    """Read the table of a run directory.

    Raises
    ------
    UsageError
        If the directory has none, as runs of earlier versions, or it cannot be read.
    """
    for name, read in ((ASSIGNMENTS, pd.read_csv), (ASSIGNMENTS_OF_MANY, pd.read_parquet)):
        path = folder / name
        if path.is_file():
            try:
                table: pd.DataFrame = read(path)
            except (ValueError, OSError) as error:
                raise UsageError(f"{path}: not the assignments of a run: {error}") from None
            return table
    raise UsageError(f"{folder}: no {ASSIGNMENTS} in it: run the experiment again to have one")


def believed_engine(comparison: ComparisonValues) -> str:
    """Return the engine whose components the rows are given by default.

    It is the posterior where the headline says to believe the posterior alone, and otherwise the
    point estimate. Without one of the two it is the first engine.
    """
    headline = getattr(comparison, "headline", None)
    posterior, estimate = comparison.posterior, comparison.estimate
    if headline is not None and headline.believe == "posterior" and posterior is not None:
        return posterior
    return estimate or next(iter(comparison.engines))
