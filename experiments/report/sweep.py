"""The report of a sweep: what it shows, along its axis, point by point and cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.conclusions import conclusion_of_sweep
from experiments.config_conclusion import Winner
from experiments.report.axes import Layout, layout_of, short_name, written
from experiments.report.blocks import (
    Block,
    Cell,
    Code,
    Column,
    Facts,
    Folded,
    Note,
    Panels,
    Picture,
    Section,
    Table,
)
from experiments.report.outcome_figures import outcome_blocks
from experiments.report.outcomes import above_the_best
from experiments.report.provenance import duration, environment_facts
from experiments.report.quantities import Quantity, quantities_of, usual_columns
from experiments.report.shell import render, write
from experiments.report.spread import mean_and_error, median_and_error
from experiments.report.sweep_figures import quantity_figure, use_medians
from experiments.report.theme import colour_of
from experiments.results_table import SweepResults, read_results
from experiments.store import COMPARISON, REPORT
from experiments.sweep_store import CELLS, RESULTS, SweepDirectory

# More rows than this make a page slow; the table on disk has them all.
MAX_ROWS = 2000
ADDRESS = 8


def write_sweep_report(directory: Path) -> Path:
    """Write the page of a sweep, finished or not, into its directory; return where it is.

    Raises
    ------
    UsageError
        If there is no sweep, or one that this version cannot read.
    """
    store = SweepDirectory(directory)
    page = render_sweep_page(read_results(directory), store)
    return write(page, directory / REPORT)


def render_sweep_page(results: SweepResults, store: SweepDirectory) -> str:
    """Return the page's HTML; names from config and errors appear as text, never as markup."""
    found = [(name, title, list(blocks)) for name, title, blocks in _sections(results, store)]
    sections = [Section(name, title, blocks) for name, title, blocks in found if blocks]
    lead = results.config.description or "A sweep."
    return render(results.name, lead, sections)


def _sections(
    results: SweepResults, store: SweepDirectory
) -> Iterator[tuple[str, str, Iterable[Block]]]:
    yield "conclusion", "Conclusion", _conclusion(results)
    yield "axis", "Along the axis", _drawn(results)
    yield "usual", "Error, coverage, agreement and cost", _usual(results)
    yield "points", "Point by point", _points(results)
    yield "cells", "Cell by cell", _cells(results, store)
    if results.counts["failed"]:
        yield "failed", "Failed cells", _failed(results, store)
    yield "made", "How it was made", _made(results, store)


def _conclusion(results: SweepResults) -> Iterator[Block]:
    sentence = conclusion_of_sweep(results.config, results.done)
    if sentence and results.counts["done"]:
        yield Note(sentence, "answer")
    counts = results.counts
    n_points = results.frame["point"].nunique()
    yield Note(
        f"{len(results.frame)} cells: {_many(n_points, 'point')}, "
        f"{_many(len(results.frame) // max(n_points, 1), 'seed')} each; "
        + ", ".join(f"{n} {status}" for status, n in counts.items() if n or status == "done")
        + "."
    )
    if counts["failed"]:
        yield Note(
            f"{_many(counts['failed'], 'cell')} failed and are in no mean: see below.", "problem"
        )
    if counts["done"] and results.config.conclusion is not None:
        yield from outcome_blocks(results.config.conclusion, results.done)


# Along the axis --------------------------------------------------------------------------------


def _drawn(results: SweepResults) -> Iterator[Block]:
    layout = layout_of(results) if results.counts["done"] else None
    asked = drawn_columns(results)
    if layout is None or not asked:
        yield Note(_why_nothing(results))
        return
    frame, quantities = _judged(results, quantities_of(asked, results.config.engines))
    yield Note(
        "Marks are means over the seeds with one standard error, or medians where the cells are "
        "skewed, with the interval that holds the true one with 68% confidence; dots behind them "
        "are cells, which the frame may cut off. A dashed line is where all would be well."
    )
    yield _panels(frame, quantities, layout, "drawn", results.config.engines)
    missing = [column for column in asked if column not in results.frame]
    if missing:
        yield Note(f"Not in the results: {', '.join(missing)}.", "problem")


def _why_nothing(results: SweepResults) -> str:
    if not results.counts["done"]:
        return "There is nothing to draw: no cell is done yet."
    figure = results.figure
    asked = [] if figure is None else [figure.x, *([figure.group] if figure.group else [])]
    if missing := [column for column in asked if column not in results.frame]:
        return f"There is nothing to draw: the results have no column {' or '.join(missing)}."
    return "There is nothing to draw: nothing varies."


def drawn_columns(results: SweepResults) -> list[str]:
    """Return the columns that the config wants drawn; without a word of it, the usual ones."""
    if results.figure is not None:
        return list(results.figure.y)
    return usual_columns(_measured(results), results.config.engines)


def _usual(results: SweepResults) -> Iterator[Block]:
    layout = layout_of(results) if results.counts["done"] else None
    asked = set(drawn_columns(results))
    more = [
        quantity
        for quantity in quantities_of(
            usual_columns(_measured(results), results.config.engines), results.config.engines
        )
        if not asked >= set(quantity.columns)
    ]
    if layout is not None and more:
        plain_scale = replace(layout, log_y=False)
        yield _panels(results.done, more, plain_scale, "usual", results.config.engines)


def _judged(
    results: SweepResults, quantities: list[Quantity]
) -> tuple[pd.DataFrame, list[Quantity]]:
    """Where settings are judged on the same data, draw how much worse each is than the best."""
    conclusion = results.config.conclusion
    if not isinstance(conclusion, Winner):
        return results.done, quantities
    judged = [q for q in quantities if set(q.columns) <= set(conclusion.values)]
    columns = [column for quantity in judged for column in quantity.columns]
    frame = above_the_best(columns, results.done, lowest=conclusion.best == "lowest")
    return frame, [
        Quantity(f"{q.title}: worse than the best on the same data by", q.series, 0.0, True)
        if q in judged
        else q
        for q in quantities
    ]


def _panels(
    frame: pd.DataFrame,
    quantities: list[Quantity],
    layout: Layout,
    prefix: str,
    engines: list[str],
) -> Panels:
    pictures = []
    for index, quantity in enumerate(quantities):
        if not set(quantity.columns) <= set(frame.columns):
            continue
        only = quantity.series[0] if len(quantity.series) == 1 else None
        label = only.label if only and only.engine and len(engines) > 1 else ""
        middle = "medians" if use_medians(frame, quantity) else "means"
        pictures.append(
            Picture(
                f"{prefix}-{index + 1}",
                quantity_figure(frame, quantity, layout),
                f"{quantity.title}, {middle} with error bars along {layout.scale.title}. The "
                "numbers are in the table of points.",
                f"{middle.capitalize()} of {', '.join(quantity.columns)}",
                f"{quantity.title} ({label})" if label else quantity.title,
                wide=bool(layout.facets),
            )
        )
    return Panels(pictures)


def _measured(results: SweepResults) -> list[str]:
    """Return the columns of numbers that differ between cells."""
    frame = results.done
    return [
        str(name) for name in frame
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].nunique() > 1
    ]  # fmt: skip


# Tables ----------------------------------------------------------------------------------------


def _shown(results: SweepResults) -> list[str]:
    """Return the columns of the tables: what is drawn, then what is usual."""
    usual = usual_columns(_measured(results), results.config.engines)
    every = dict.fromkeys([*drawn_columns(results), *usual])
    return [column for column in every if column in results.frame]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _varying(results: SweepResults) -> list[str]:
    return [key for key in results.axes if results.frame[key].nunique(dropna=False) > 1]


def _points(results: SweepResults) -> Iterator[Block]:
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
    yield Table(
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


def _cells(results: SweepResults, store: SweepDirectory) -> Iterator[Block]:
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


def _failed(results: SweepResults, store: SweepDirectory) -> Iterator[Block]:
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


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


# How it was made -------------------------------------------------------------------------------


def _made(results: SweepResults, store: SweepDirectory) -> Iterator[Block]:
    manifest, config = store.manifest(), results.config
    yield Note("In the folder of this report, this repeats every number:", "plain")
    yield Code("command", "gmm-compare sweep config.toml --out repeated", "Copy the command")
    finished = results.frame[results.frame["status"] != "missing"]
    seconds = float(finished["cell_seconds"].astype(float).sum())
    hosts = finished["host"].unique()
    facts = [
        ("seed", str(config.seed)),
        ("cells", f"{len(results.frame)}, in {CELLS}/"),
        ("time", f"{duration(seconds)} of work on {_many(len(hosts), 'machine')}"),
        ("code", str(manifest["code"])),
        *((f"{name}, SHA-256", digest) for name, digest in manifest["files"].items()),
        *environment_facts(manifest.get("environment", {})),
    ]
    yield Facts(facts)
    yield Folded("The config", [Code("config", config.to_toml(), "Copy the config")])
