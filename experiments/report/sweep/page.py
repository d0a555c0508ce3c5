"""The report of a sweep: what it shows, along its axis, point by point and cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from experiments.config.conclusion import Winner
from experiments.report.page.blocks import (
    Block,
    Code,
    Facts,
    Folded,
    Note,
    PageSection,
    Panels,
    Picture,
)
from experiments.report.page.document import render, write
from experiments.report.page.failed import drawn
from experiments.report.provenance import duration, environment_facts
from experiments.report.sweep.axes import PanelLayout, panel_layout
from experiments.report.sweep.conclusion_figures import outcome_blocks
from experiments.report.sweep.figures import quantity_figure, use_medians
from experiments.report.sweep.quantities import (
    Quantity,
    columns_drawn,
    columns_usual,
    quantities_of,
)
from experiments.report.sweep.tables import cells_blocks, failed_blocks, many, points_table
from experiments.storage.layout import CELLS, REPORT
from experiments.sweeps.conclusion import conclusion_of_sweep
from experiments.sweeps.directory import SweepDirectory
from experiments.sweeps.results import SweepResults, read_results
from experiments.sweeps.tallies import above_the_best


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
    found = [
        (name, title, list(drawn(blocks))) for name, title, blocks in _sections(results, store)
    ]
    sections = [PageSection(name, title, blocks) for name, title, blocks in found if blocks]
    lead = results.config.description or "A sweep."
    return render(results.name, lead, sections)


def _sections(
    results: SweepResults, store: SweepDirectory
) -> Iterator[tuple[str, str, Iterable[Block]]]:
    yield "conclusion", "Conclusion", _conclusion(results)
    yield "axis", "Along the axis", _drawn(results)
    yield "usual", "Error, coverage, agreement and cost", _usual(results)
    yield "points", "Point by point", _points(results)
    yield "cells", "Cell by cell", cells_blocks(results, store)
    yield "failed", "Failed cells", failed_blocks(results, store)
    yield "made", "How it was made", _made(results, store)


def _points(results: SweepResults) -> Iterator[Block]:
    yield points_table(results)


def _conclusion(results: SweepResults) -> Iterator[Block]:
    sentence = conclusion_of_sweep(results.config, results.done)
    if sentence and results.counts["done"]:
        yield Note(sentence, "answer")
    counts = results.counts
    n_points = results.frame["point"].nunique()
    yield Note(
        f"{len(results.frame)} cells: {many(n_points, 'point')}, "
        f"{many(len(results.frame) // max(n_points, 1), 'seed')} each; "
        + ", ".join(f"{n} {status}" for status, n in counts.items() if n or status == "done")
        + "."
    )
    if counts["failed"]:
        yield Note(
            f"{many(counts['failed'], 'cell')} failed and are in no mean: see below.", "problem"
        )
    if counts["done"] and results.config.conclusion is not None:
        yield from outcome_blocks(results.config.conclusion, results.done)


# Along the axis --------------------------------------------------------------------------------


def _drawn(results: SweepResults) -> Iterator[Block]:
    layout = panel_layout(results) if results.counts["done"] else None
    asked = columns_drawn(results)
    if layout is None or not asked:
        yield Note(_why_nothing(results))
        return
    frame, quantities = _judged(results, quantities_of(asked, results.config.engines))
    yield Note(
        "Marks are means over the seeds, with bars of one standard error. Where cells are skewed "
        "they are medians, and the bars hold the true median with 68% confidence. Dots are single "
        "cells; some may lie outside of the frame. A dashed line is the ideal value."
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


def _usual(results: SweepResults) -> Iterator[Block]:
    layout = panel_layout(results) if results.counts["done"] else None
    asked = set(columns_drawn(results))
    more = [
        quantity
        for quantity in quantities_of(columns_usual(results), results.config.engines)
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
    known = set(conclusion.values) & set(results.done.columns)
    judged = [q for q in quantities if set(q.columns) <= known]
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
    layout: PanelLayout,
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
        ("time", f"{duration(seconds)} of work on {many(len(hosts), 'machine')}"),
        ("code", str(manifest["code"])),
        *((f"{name}, SHA-256", digest) for name, digest in manifest["files"].items()),
        *environment_facts(manifest.get("environment", {})),
    ]
    yield Facts(facts)
    yield Folded("The config", [Code("config", config.to_toml(), "Copy the config")])
