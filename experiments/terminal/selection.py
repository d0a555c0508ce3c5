"""The choice of a number of components as text for a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.terminal.comparison import columns_used, verdict_lines
from experiments.terminal.streams import WIDTH
from experiments.terminal.structures import structure_lines
from experiments.values.by_size import told_of_size
from experiments.values.components import ComponentsValues, Criterion
from experiments.values.engine_titles import engine_title
from experiments.values.selection_rows import cell, heading, legend

# Criteria whose title is too long for the heading of a column.
SHORT = {
    "em-held-out": "held out",
    "posterior-k": "log p(K | y)",
    "evidence": "evidence",
    "bayes-held-out": "held out",
}


def render_choice(found: ComponentsValues) -> Iterator[RenderableType]:
    """Yield the parts of the terminal's answer from top to bottom."""
    yield Text.assemble("\n", (found.experiment, "bold"), f": {heading(found)}")
    if told := columns_used(found.dataset):
        yield Text(told, style="dim")
    if told := told_of_size(found.dataset.n_samples, found.choices):
        yield Text(told, style="dim")
    if found.structures is not None:
        yield from structure_lines(found.structures)
    yield Text(legend(found), style="dim")
    for criteria in _side_by_side(found):
        yield _table(found, criteria)
    yield from verdict_lines(found.verdict)


def _side_by_side(found: ComponentsValues) -> list[list[Criterion]]:
    """Put all criteria into one table where that fits, otherwise those of each engine."""
    every = list(found.criteria)
    widths = [max(map(len, _column(criterion))) for criterion in every]
    if 4 + sum(2 + width for width in widths) <= WIDTH:
        return [every]
    engines = list(dict.fromkeys(criterion.engine for criterion in every))
    return [[c for c in every if c.engine == engine] for engine in engines]


def _column(criterion: Criterion) -> list[str]:
    return [*_title(criterion).split("\n"), *(cell(criterion, v) for v in criterion.values)]


def _title(criterion: Criterion) -> str:
    """Write a heading of two lines: the engine, and the criterion below it."""
    return f"{engine_title(criterion.engine)}\n{SHORT.get(criterion.id, criterion.title)}"


def _table(found: ComponentsValues, criteria: Sequence[Criterion]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column("\nK", justify="right")
    for criterion in criteria:
        table.add_column(_title(criterion), justify="right", no_wrap=True)
    for row, k in enumerate(found.n_components):
        table.add_row(str(k), *(cell(c, c.values[row]) for c in criteria))
    return table
