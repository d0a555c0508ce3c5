"""Results in a notebook: verdict and table, without a figure or a script."""

from __future__ import annotations

from html import escape

from experiments.report.page.theme import colour_of
from experiments.report.verdict import findings_html
from experiments.values.comparison import ComparisonValues
from experiments.values.components import ComponentsValues
from experiments.values.parameter_rows import MAX_ROWS, column_title, parameter_groups
from experiments.values.selection_rows import cell, heading, legend
from gmm_em.core.html import table


def comparison_html(comparison: ComparisonValues) -> str:
    """Return verdict and parameters as HTML; names from the data appear as text."""
    data = comparison.dataset
    names = list(comparison.engines)
    truth = ["truth"] if comparison.truth is not None else []
    head = ["parameter", *truth, *(column_title(comparison, name) for name in names)]
    rows = []
    for _, group in parameter_groups(comparison):
        for row in group:
            cells = [row.truth for _ in truth] + [row.cells[name] for name in names]
            rows.append([row.full_label, *cells])
    caption = f"{len(rows)} parameters"
    if len(rows) > MAX_ROWS:
        caption += f", the first {MAX_ROWS}"
    swatches = " ".join(
        f'<span style="color:{colour_of(name)}">●</span> {escape(comparison.engines[name].title)}'
        for name in names
    )
    return (
        f"<div><strong>{escape(comparison.experiment)}</strong>: {data.n_samples} × "
        f"{data.n_features}, K = {comparison.n_components}, seed {comparison.seed} &nbsp; "
        f"{swatches}{findings_html(comparison.verdict, comparison.headline)}"
        f"{table(caption, head, rows[:MAX_ROWS])}</div>"
    )


def components_html(found: ComponentsValues) -> str:
    """Return verdict and table of a choice of K as HTML; names from the data appear as text."""
    head = ["K", *(criterion.title for criterion in found.criteria)]
    rows = [
        [str(k), *(cell(criterion, criterion.values[row]) for criterion in found.criteria)]
        for row, k in enumerate(found.n_components)
    ]
    return (
        f"<div><strong>{escape(found.experiment)}</strong>: {escape(heading(found))}"
        f"{findings_html(found.verdict, found.headline)}{table(legend(found), head, rows)}</div>"
    )
