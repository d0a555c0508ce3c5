"""The comparison as text for a terminal: one table, then the verdict, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.core.words import numbered, some
from experiments.terminal.clusters import cluster_lines
from experiments.values.by_size import told_of_size
from experiments.values.comparison import ComparisonValues, DatasetInfo, Finding, TrainTest
from experiments.values.level_marks import MARKS
from experiments.values.parameter_rows import (
    MAX_ROWS,
    column_title,
    parameter_groups,
    short_names,
)
from experiments.values.roles import compared_pair

# Letters of a feature's name, where two of them stand in a line beside the numbers.
MAX_NAME = 11
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
# Engines beside each other in one table; those that are compared have a table of their own.
MAX_COLUMNS = 3


def render_comparison(comparison: ComparisonValues) -> Iterator[RenderableType]:
    """Yield the parts of the terminal's answer from top to bottom."""
    yield _heading(comparison)
    if told := columns_used(comparison.dataset):
        yield Text(told, style="dim")
    if told := told_of_size(comparison.dataset.n_samples, comparison.choices):
        yield Text(told, style="dim")
    for engines in _side_by_side(comparison):
        yield _table(comparison, engines)
    yield from cluster_lines(comparison)
    yield Text()
    yield from verdict_lines(comparison.verdict)


def verdict_lines(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """Yield a line for each finding, with the mark of its level."""
    for finding in findings:
        mark = Text(MARKS[finding.level], style=f"bold {COLOURS[finding.level]}")
        line = Table.grid(padding=(0, 1))
        line.add_row(mark, Text(finding.text))
        yield line


def _side_by_side(comparison: ComparisonValues) -> list[list[str]]:
    """Split engines into tables that fit: the two that are compared come first."""
    compared = compared_pair(comparison.engines)
    main = [name for name in comparison.engines if name in compared]
    others = [name for name in comparison.engines if name not in main]
    more = [others[i : i + MAX_COLUMNS] for i in range(0, len(others), MAX_COLUMNS)]
    return [part for part in (main, *more) if part]


def _heading(comparison: ComparisonValues) -> Text:
    data = comparison.dataset
    held_out = f", {data.n_test} held out" if data.n_test else ""
    return Text.assemble(
        "\n",
        (comparison.experiment, "bold"),
        f": {data.n_samples} × {data.n_features}{held_out}, K = {comparison.n_components}, "
        f"seed {comparison.seed}",
    )


def columns_used(data: DatasetInfo) -> str:
    """Say which columns were used and what else a reader should know about the rows."""
    if data.note or tuple(data.feature_names) == numbered(data.n_features):
        return data.note
    names = data.feature_names
    return f"{'column' if len(names) == 1 else 'columns'} used: {some(names)}"


def _table(comparison: ComparisonValues, engines: list[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    table.add_column("")
    if comparison.truth is not None:
        table.add_column("truth", justify="right")
    for name in engines:
        table.add_column(column_title(comparison, name), justify="right")
    for kind, rows in parameter_groups(comparison, _feature_names(comparison)):
        table.add_row(Text(kind, style="bold cyan"))
        if len(rows) > MAX_ROWS:
            table.add_row(f"  {len(rows)}: see report")
            continue
        for row in rows:
            truth = [] if comparison.truth is None else [row.truth]
            table.add_row(
                Text(f"  {row.label}", overflow="ellipsis", no_wrap=True),
                *truth,
                *(row.cells[name] for name in engines),
            )
    table.add_row(Text("log-likelihood", style="bold cyan"))
    for label, cells in _likelihood_rows(comparison, engines):
        table.add_row(f"  {label}", *cells)
    return table


def _feature_names(comparison: ComparisonValues) -> list[str]:
    """Shorten names of features so that those of two stand in a line beside the numbers."""
    names = comparison.dataset.feature_names
    longest = sum(map(len, sorted(names, key=len)[-2:]))
    return names if longest <= 2 * MAX_NAME else short_names(names, MAX_NAME)


def _likelihood_rows(
    comparison: ComparisonValues, engines: list[str]
) -> Iterator[tuple[str, list[str]]]:
    found = comparison.log_likelihood
    points: list[TrainTest] = [] if found.truth is None else [found.truth]
    points += [comparison.engines[name].log_likelihood for name in engines]
    yield "fitted rows", [f"{point.train:.2f}" for point in points]
    if comparison.dataset.n_test:
        yield "held-out rows", [_optional(point.test) for point in points]
    posterior = comparison.posterior
    if found.bayes is None or posterior not in engines:
        return
    # These rows have a number in the posterior's column alone, and nothing in those before it.
    before = [""] * (len(points) - len(engines) + engines.index(posterior))
    for label, spread in (
        ("  over draws", found.bayes.draws),
        ("  over draws, held out", found.bayes.draws_test),
    ):
        if spread is not None:
            yield label, [*before, f"{spread.mean:.2f} ± {spread.sd:.2f}"]
    yield "  best draw", [*before, f"{found.bayes.draws.max:.2f}"]


def _optional(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
