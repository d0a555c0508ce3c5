"""A comparison in a notebook: verdict and parameters, without a figure or a script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from experiments.report.page.theme import colour_of
from experiments.values.comparison import ComparisonValues, Finding
from experiments.values.components import ComponentsValues
from experiments.values.parameter_rows import column_title, parameter_groups
from experiments.values.selection_rows import cell, heading, legend
from gmm_em.core.html import table
from gmm_em.core.html import table as html_table

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}
MAX_ROWS = 60


def comparison_html(comparison: ComparisonValues) -> str:
    """Return verdict and parameters as HTML; names from the data appear as text."""
    data = comparison.dataset
    names = list(comparison.engines)
    truth = ["truth"] if comparison.truth is not None else []
    head = ["parameter", *truth, *(column_title(comparison, name) for name in names)]
    rows = [
        [f"{kind.removesuffix('s')} {row.label}", *([row.truth] if truth else []),
         *(row.cells[name] for name in names)]
        for kind, group in parameter_groups(comparison)
        for row in group
    ]  # fmt: skip
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
        f"{swatches}{findings_html(comparison.verdict)}"
        f"{table(caption, head, rows[:MAX_ROWS])}</div>"
    )


def findings_html(findings: Sequence[Finding]) -> str:
    """Return a verdict as a list."""
    items = "".join(f"<li>{MARKS[f.level]} {escape(f.text)}</li>" for f in findings)
    return f'<ul style="list-style:none;padding-left:0">{items}</ul>'


def components_html(found: ComponentsValues) -> str:
    """Return verdict and table as HTML, for a notebook."""
    from experiments.report.notebook import findings_html

    head = ["K", *(criterion.title for criterion in found.criteria)]
    rows = [
        [str(k), *(cell(criterion, criterion.values[row]) for criterion in found.criteria)]
        for row, k in enumerate(found.n_components)
    ]
    return (
        f"<div><strong>{escape(found.experiment)}</strong>: {escape(heading(found))}"
        f"{findings_html(found.verdict)}{html_table(legend(found), head, rows)}</div>"
    )
