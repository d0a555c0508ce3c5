"""The tables of a sweep's report: point by point, cell by cell, and what failed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from experiments.report.page.blocks import Block, Cell, Column, Folded, Note, Table
from experiments.report.page.theme import colour_of
from experiments.report.sweep.axes import short_name, written
from experiments.report.sweep.figures import use_medians
from experiments.report.sweep.quantities import columns_drawn, columns_usual, quantities_of
from experiments.storage.layout import COMPARISON, RESULTS
from experiments.sweeps.centres import mean_and_error, median_and_error
from experiments.sweeps.directory import SweepDirectory
from experiments.sweeps.results import SweepResults

# More rows than this make a page slow; the table on disk has them all.
MAX_ROWS = 2000
ADDRESS = 8


def _shown(results: SweepResults) -> list[str]:
    """Return the columns of the tables: what is drawn, then what is usual."""
    every = dict.fromkeys([*columns_drawn(results), *columns_usual(results)])
    return [column for column in every if column in results.frame]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _varying(results: SweepResults) -> list[str]:
    return [key for key in results.axes if results.frame[key].nunique(dropna=False) > 1]


def points_table(results: SweepResults) -> Table:
    """Return a row for each point of the axes: what was found there, over its seeds."""
    axes, shown = _varying(results), _shown(results)
    quantities = quantities_of(shown, results.config.engines)
    middles = {
        column: median_and_error if use_medians(results.done, quantity) else mean_and_error
        for quantity in quantities
        for column in quantity.columns
    }
    rows = []
    for point, members in islice(results.frame.groupby("point", sort=True), MAX_ROWS):
        done = members[members["status"] == "done"]
        cells = [_axis_cell(members[key].iloc[0]) for key in axes] or [Cell(str(point))]
        cells.append(Cell(str(len(done)), len(done)))
        for column in shown:
            values = done[column].dropna().to_numpy(dtype=np.float64)
            centre = middles[column](values) if len(values) else None
            cells.append(Cell("") if centre is None else Cell(centre.text, centre.value))
        rows.append(cells)
    heads = [Column(short_name(key), hint=key) for key in axes] or [Column("point")]
    return Table(
        "Means ± standard errors over the seeds, or medians with their 68% intervals",
        [*heads, Column("cells"), *_heads(results, shown)],
        rows,
    )


def _heads(results: SweepResults, shown: list[str]) -> list[Column]:
    found = {
        series.column: (quantity, series)
        for quantity in quantities_of(shown, results.config.engines)
        for series in quantity.series
    }
    heads = []
    for column in shown:
        quantity, series = found[column]
        title = f"{series.label}: {quantity.title}" if series.engine else quantity.title
        colour = colour_of(series.engine) if series.engine else ""
        heads.append(Column(title, colour, f"{column}: {results.descriptions.get(column, '')}"))
    return heads


def cells_blocks(results: SweepResults, store: SweepDirectory) -> Iterator[Block]:
    """Yield a row for each cell, with the way to its record."""
    yield Note(
        f"Every cell leads to its stored record: its config, its numbers and, of a failed one, the "
        f"traceback. {RESULTS} has all {len(results.frame.columns)} columns; gmm-compare results "
        "prints them."
    )
    axes, shown = _varying(results), _shown(results)
    kept = results.config.sweep is not None and results.config.sweep.keep != "scalars"
    rows = [
        [
            *_first_cells(store, record, axes),
            Cell(record["status"]),
            *(_value_cell(record[column]) for column in shown),
            *([_comparison_cell(store, record)] if kept else []),
        ]
        for record in _records(results.frame.head(MAX_ROWS))
    ]
    columns = [
        Column("cell"), *(Column(short_name(key), hint=key) for key in axes), Column("seed"),
        Column("status"), *_heads(results, shown), *([Column("comparison")] if kept else []),
    ]  # fmt: skip
    left = len(results.frame) - len(rows)
    caption = f"Cells{f', the first {len(rows)} of {len(rows) + left}' if left else ''}"
    yield Folded(f"All {len(rows)} cells", [Table(caption, columns, rows)])


def failed_blocks(results: SweepResults, store: SweepDirectory) -> Iterator[Block]:
    """Yield the cells that failed and why; nothing where none did."""
    if not results.counts["failed"]:
        return
    yield Note(
        "The same sweep with --retry-failed tries them again. Each record has its traceback."
    )
    axes = _varying(results)
    failed = results.frame[results.frame["status"] == "failed"].head(MAX_ROWS)
    rows = [
        [*_first_cells(store, record, axes), Cell(record["error"], words=True)]
        for record in _records(failed)
    ]
    columns = [Column("cell"), *(Column(short_name(key), hint=key) for key in axes),
               Column("seed"), Column("error")]  # fmt: skip
    yield Table("Failed cells and their errors", columns, rows)


def _first_cells(store: SweepDirectory, record: dict[str, Any], axes: list[str]) -> list[Cell]:
    """Say which cell it is, with the way to its record, where it stands, and its seed."""
    return [
        Cell(record["cell"][:ADDRESS], href=_href(store, record)),
        *(_axis_cell(record[key]) for key in axes),
        Cell(str(record["seed"]), record["seed"]),
    ]


def _href(store: SweepDirectory, record: dict[str, Any]) -> str:
    """Return where a cell's record lies beside the page; nothing for one that was not run."""
    if record["status"] == "missing":
        return ""
    return store.cell_file(str(record["cell"])).relative_to(store.path).as_posix()


def _comparison_cell(store: SweepDirectory, record: dict[str, Any]) -> Cell:
    if record["status"] != "done":
        return Cell("")
    folder = _href(store, record).removesuffix(".json")
    return Cell(COMPARISON, href=f"{folder}/{COMPARISON}")


def _axis_cell(value: object) -> Cell:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return Cell(written(value), float(value) if number else None)  # type: ignore[arg-type]


def _value_cell(value: Any) -> Cell:
    if value is None or pd.isna(value):
        return Cell("")
    return Cell(f"{value:.4g}", float(value))


def many(n: int, what: str) -> str:
    """Write a number of things."""
    return f"{n} {what}{'' if n == 1 else 's'}"
