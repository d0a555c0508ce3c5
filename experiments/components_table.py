"""The choice of a number of components as text for a terminal, within 80 columns, and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.components_schema import ComponentsValues, Criterion, CriterionValue
from experiments.parameters import with_uncertainty
from experiments.table import columns_used, verdict_lines
from experiments.terminal import WIDTH
from gmm_em.core.html import table as html_table

# Headings, within a few letters.
SHORT = {
    "em-held-out": "EM\nheld out",
    "loo": "posterior\nLOO",
    "evidence": "posterior\nevidence",
    "bayes-held-out": "posterior\nheld out",
}
BEST, DOUBTFUL, NONE = "*", "?", "-"
LEGEND = "How much worse than the best, in log-likelihood; * is the best."
DOUBT = "? is not to be trusted: the verdict says why."


def render(found: ComponentsValues) -> Iterator[RenderableType]:
    """Yield the parts of the terminal's answer from top to bottom."""
    yield Text.assemble("\n", (found.experiment, "bold"), f": {_heading(found)}")
    if told := columns_used(found.dataset):
        yield Text(told, style="dim")
    yield Text(_legend(found), style="dim")
    for criteria in _side_by_side(found):
        yield _table(found, criteria)
    yield from verdict_lines(found.verdict)


def components_html(found: ComponentsValues) -> str:
    """Return verdict and table as HTML, for a notebook."""
    from experiments.report.notebook import findings_html

    head = ["K", *(criterion.title for criterion in found.criteria)]
    rows = [
        [str(k), *(_cell(criterion, criterion.values[row]) for criterion in found.criteria)]
        for row, k in enumerate(found.n_components)
    ]
    return (
        f"<div><strong>{escape(found.experiment)}</strong>: {escape(_heading(found))}"
        f"{findings_html(found.verdict)}{html_table(_legend(found), head, rows)}</div>"
    )


def _heading(found: ComponentsValues) -> str:
    data = found.dataset
    held_out = f", {data.n_test} held out" if data.n_test else ""
    numbers = found.n_components
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"{data.n_samples} × {data.n_features}{held_out}, K = {span}, seed {found.seed}"


def _legend(found: ComponentsValues) -> str:
    cells = [_cell(criterion, value) for criterion in found.criteria for value in criterion.values]
    return f"{LEGEND}\n{DOUBT}" if DOUBTFUL in cells else LEGEND


def _side_by_side(found: ComponentsValues) -> list[list[Criterion]]:
    """Put all criteria beside each other where that fits, else each engine's in its own table."""
    every = list(found.criteria)
    widths = [max(map(len, _column(criterion))) for criterion in every]
    if 4 + sum(2 + width for width in widths) <= WIDTH:
        return [every]
    engines = list(dict.fromkeys(criterion.engine for criterion in every))
    return [[c for c in every if c.engine == engine] for engine in engines]


def _column(criterion: Criterion) -> list[str]:
    return [*_title(criterion).split("\n"), *(_cell(criterion, v) for v in criterion.values)]


def _title(criterion: Criterion) -> str:
    return SHORT.get(criterion.id, f"EM\n{criterion.title}")


def _table(found: ComponentsValues, criteria: Sequence[Criterion]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column("\nK", justify="right")
    for criterion in criteria:
        table.add_column(_title(criterion), justify="right", no_wrap=True)
    for row, k in enumerate(found.n_components):
        table.add_row(str(k), *(_cell(c, c.values[row]) for c in criteria))
    return table


def _cell(criterion: Criterion, value: CriterionValue) -> str:
    if value.worse_by is None:
        return NONE if value.value is None else DOUBTFUL
    if value.n_components == criterion.chosen:
        return BEST
    if value.worse_by_se is None:
        return f"{value.worse_by:.1f}"
    return with_uncertainty(value.worse_by, value.worse_by_se)
