"""The choice of a number of components as text for a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.components_schema import ComponentsValues, Criterion, CriterionValue
from experiments.parameters import with_uncertainty
from experiments.table import verdict_lines

# Headings, within a few letters.
SHORT = {
    "em-held-out": "EM\nheld out",
    "loo": "posterior\nLOO",
    "evidence": "posterior\nevidence",
    "bayes-held-out": "posterior\nheld out",
}


def render(found: ComponentsValues) -> Iterator[RenderableType]:
    """Yield the parts of the terminal's answer from top to bottom."""
    data = found.dataset
    held_out = f", {data.n_test} held out" if data.n_test else ""
    yield Text.assemble(
        "\n",
        (found.experiment, "bold"),
        f": {data.n_samples} × {data.n_features}{held_out}, K = {found.n_components[0]} to "
        f"{found.n_components[-1]}, seed {found.seed}",
    )
    yield Text("How much worse than the best, in log-likelihood; * is the best.", style="dim")
    yield _table(found)
    yield from verdict_lines(found.verdict)


def _table(found: ComponentsValues) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column("\nK", justify="right")
    for criterion in found.criteria:
        title = SHORT.get(criterion.id, f"EM\n{criterion.title}")
        table.add_column(title, justify="right", no_wrap=True)
    for row, k in enumerate(found.n_components):
        table.add_row(str(k), *(_cell(c, c.values[row]) for c in found.criteria))
    return table


def _cell(criterion: Criterion, value: CriterionValue) -> str:
    if value.worse_by is None:
        return "-"
    if value.n_components == criterion.chosen:
        return "*"
    if value.worse_by_se is None:
        return f"{value.worse_by:.1f}"
    return with_uncertainty(value.worse_by, value.worse_by_se)
