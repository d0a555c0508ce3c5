"""The results of a sweep on a terminal: a line for each point of its axes, within 80 columns."""

from __future__ import annotations

import json

import click
import numpy as np
import pandas as pd
from rich.table import Table
from rich.text import Text

from experiments.core.errors import UsageError
from experiments.core.text import visible_lines
from experiments.sweeps.centres import Centre
from experiments.sweeps.results import SweepResults
from experiments.terminal.streams import WIDTH, standard_output

# Lines of the table, and different errors below it.
MAX_POINTS = 40
MAX_ERRORS = 5
# Columns shown where the config asks for no figure, those of them that the table has.
USUAL = (
    "em.log_likelihood.train",
    "em.errors.mean_mahalanobis.mean",
    "em.coverage.95",
    "bayes.coverage.95",
    "agreement.max_abs_z",
    "agreement.sd_ratio.bootstrap.median",
    "certificate.better_by",
)


def print_results(results: SweepResults, *, as_json: bool = False, as_csv: bool = False) -> None:
    """Print the means of a few columns by point; or every cell as JSON or CSV."""
    if as_json:
        rows = json.loads(results.frame.to_json(orient="records", double_precision=15))
        click.echo(json.dumps({"name": results.name, "counts": results.counts, "cells": rows}))
        return
    if as_csv:
        click.echo(visible_lines(results.frame.to_csv(index=False)), nl=False)
        return
    out = standard_output()
    out.print(Text.assemble("\n", (results.name, "bold"), f": {_counts(results)}"))
    if results.counts["done"]:
        out.print(_table(results, min(out.width, WIDTH)))
    for line in _errors(results):
        out.print(line)
    if results.config.conclusion is not None and results.counts["done"]:
        out.print(Text(results.sentence))


def print_columns(results: SweepResults, as_json: bool = False) -> None:
    """Print what each column of the table holds."""
    if as_json:
        click.echo(json.dumps(results.descriptions, indent=1))
        return
    out = standard_output()
    for name, text in results.descriptions.items():
        out.print(Text(name, style="bold"))
        out.print(Text(f"  {text}"))


def _counts(results: SweepResults) -> str:
    counts = {status: n for status, n in results.counts.items() if n or status == "done"}
    return f"{len(results.frame)} cells, " + ", ".join(f"{n} {s}" for s, n in counts.items())


def _shown(results: SweepResults) -> list[str]:
    """Choose the columns: those of the figure, else the usual ones that there are."""
    if results.figure is not None:
        missing = [name for name in results.figure.y if name not in results.frame]
        if missing and results.counts["done"]:
            raise UsageError(
                f"sweep.figure.y: no column '{missing[0]}' in the results, allowed is any of "
                "`gmm-compare results DIR --columns`"
            )
        return results.figure.y
    return [name for name in USUAL if name in results.frame]


def _table(results: SweepResults, width: int) -> Table:
    names = _shown(results)
    points = results.frame.groupby("point", sort=True)
    found = {name: points[name].agg(["mean", "std", "count"]) for name in names}
    n_done = results.done.groupby("point").size()
    labels = [key for key in results.axes if results.frame[key].nunique(dropna=False) > 1]
    rows = [
        [
            *(_short(group[key].iloc[0]) for key in labels),
            str(n_done.get(point, 0)),
            *(_mean_sd(*found[name].loc[point]) for name in names),
        ]
        for point, group in points
    ]
    heads = [*(key.rpartition(".")[2] for key in labels), "cells", *map(_head, names)]
    fitting = _fitting(heads, rows, width)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads[:fitting]:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows[:MAX_POINTS]:
        table.add_row(*row[:fitting])
    left = len(rows) - MAX_POINTS
    hidden = names[fitting - len(labels) - 1 :]
    notes = ([f"{left} more points"] if left > 0 else []) + (
        [f"more columns: {len(hidden)}"] if hidden else []
    )
    table.caption = "mean ± sd over seeds" + "".join(f"; {note}" for note in notes)
    table.caption_justify = "left"
    return table


def _fitting(heads: list[str], rows: list[list[str]], width: int) -> int:
    """Return how many columns fit side by side, one at least."""
    used = 0
    for count, head in enumerate(heads):
        used += 2 + max(len(head), *(len(row[count]) for row in rows))
        if used - 2 > width and count:
            return count
    return len(heads)


def _head(name: str) -> str:
    """Shorten a column's name to what tells it from the others."""
    parts = name.split(".")
    return name if len(name) <= 20 else f"{parts[0]}…{'.'.join(parts[-2:])}"


def _short(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"


def _mean_sd(mean: float, sd: float, count: float) -> str:
    """Write a mean to the digits that its sd leaves, and whole where the sd is due to rounding."""
    if pd.isna(mean):
        return "-"
    spread = 0.0 if pd.isna(sd) else sd
    return Centre(mean, mean - spread, mean + spread, int(count)).text


def _errors(results: SweepResults) -> list[Text]:
    failed = results.frame[results.frame["status"] == "failed"]
    if failed.empty:
        return []
    lines = [Text(f"{len(failed)} failed", style="red")]
    for error, cells in failed.groupby("error", sort=False)["cell"]:
        lines.append(Text(f"  {len(cells)} × {error}"))
        lines.append(
            Text(f"      traceback in cells/{cells.iloc[0][:2]}/{cells.iloc[0][:12]}….json")
        )
    return lines[: 1 + 2 * MAX_ERRORS]
