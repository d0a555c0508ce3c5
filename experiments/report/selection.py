"""The page and the figure of the choice of a number of components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from experiments.core.digits import with_uncertainty
from experiments.report.by_size import size_blocks
from experiments.report.each_number import each_number
from experiments.report.page.blocks import (
    Block,
    PageSection,
    Picture,
    SortableTable,
    TableCell,
    TableColumn,
)
from experiments.report.page.document import render, write
from experiments.report.page.failed import drawn
from experiments.report.page.theme import RULE, colour_of, hover, styled
from experiments.report.posterior_of_k import posterior_of_k_blocks
from experiments.report.provenance import Provenance, choice_blocks
from experiments.report.structures import structure_blocks
from experiments.report.verdict import FitsOfNumber, HeadlineBox, Levels, VerdictList
from experiments.storage.layout import REPORT, folder_of
from experiments.values.comparison import ComparisonValues
from experiments.values.components import ComponentsValues, Criterion, CriterionValue

SYMBOLS = {
    "aic": ("circle-open", "dot"),
    "bic": ("circle", "solid"),
    "icl": ("square", "dash"),
    "em-held-out": ("diamond", "dashdot"),
    "posterior-k": ("circle-open", "dot"),
    "loo": ("circle", "solid"),
    "evidence": ("square", "dash"),
    "bayes-held-out": ("diamond", "dashdot"),
}
# The first view ends at this many times the typical difference of the second and third best.
ROOM = 4.0
# How far criteria stand apart at one number of components.
APART = 0.05


def write_components_report(
    found: ComponentsValues,
    path: Path,
    made: Provenance | None = None,
    comparisons: Mapping[int, ComparisonValues] | None = None,
) -> Path:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    found : ComponentsValues
    path : Path
    made : Provenance, optional
        How it was made, beyond what it says itself.
    comparisons : mapping of int to ComparisonValues, optional
        At each number of components that could be fitted.
    """
    return write(render_components_page(found, made, comparisons), path)


def render_components_page(
    found: ComponentsValues,
    made: Provenance | None = None,
    comparisons: Mapping[int, ComparisonValues] | None = None,
) -> str:
    """Return the page's HTML."""
    data = found.dataset
    lead = (
        f"{data.n_samples} rows × {data.n_features} feature"
        f"{'' if data.n_features == 1 else 's'} of {data.name}"
        f"{f', {data.n_test} rows held out' if data.n_test else ''}, "
        f"{found.n_components[0]} to {found.n_components[-1]} components"
    )
    return render(
        found.experiment, lead, list(_sections(found, made or Provenance(), comparisons or {}))
    )


def _sections(
    found: ComponentsValues, made: Provenance, comparisons: Mapping[int, ComparisonValues]
) -> Iterator[PageSection]:
    chosen = size_blocks(found.dataset.n_samples, found.choices)
    yield PageSection("verdict", "Verdict", [*_answer(found, comparisons), *chosen])
    if found.structures is not None:
        blocks = list(drawn(structure_blocks(found.structures)))
        yield PageSection("structures", "Which structure of the covariances", blocks)
    if found.posterior_of_k is not None:
        blocks = list(drawn(posterior_of_k_blocks(found.posterior_of_k)))
        yield PageSection("posterior-of-k", "The posterior of the number of components", blocks)
    yield PageSection("how-many", "How many components", list(drawn(_how_many(found))))
    yield PageSection("findings", "Findings", [VerdictList(found.verdict)])
    numbers = [*drawn(each_number(found, comparisons)), _links(found)]
    yield PageSection("each", "Each number by itself", numbers)
    yield PageSection("made", "How it was made", choice_blocks(found, made))


def _answer(
    found: ComponentsValues, comparisons: Mapping[int, ComparisonValues]
) -> Iterator[Block]:
    headline = found.headline
    if headline is not None:
        yield HeadlineBox(headline)
        number = headline.n_components
        if number is not None and number in comparisons:
            yield FitsOfNumber(number)
    yield Levels(found.verdict)


def _how_many(found: ComponentsValues) -> Iterator[Block]:
    # With a single number the best is the only one, and a figure would show zeros.
    if len(found.n_components) > 1:
        yield Picture(
            "components",
            components_figure(found),
            "How much worse each number of components is than the best, by each criterion",
            "Zero is the best by that criterion. Bars are standard errors: of paired differences "
            "between rows for leave-one-out and held-out scores, Monte Carlo for the marginal "
            "likelihood. Information criteria are halved, so that all are on the scale of a "
            f"log-likelihood.{_left_open(found)}",
        )
    yield _table(found)


def _left_open(found: ComponentsValues) -> str:
    """Say that some numbers have no mark, where a line passes over them."""
    if all(v.worse_by is not None for criterion in found.criteria for v in criterion.values):
        return ""
    return " Where a fit failed or is not to be trusted there is no mark, and the line passes over."


def components_figure(found: ComponentsValues) -> go.Figure:
    """Draw how much worse every number of components is than the best, by each criterion."""
    figure = go.Figure()
    for place, criterion in enumerate(found.criteria):
        known = [value for value in criterion.values if value.worse_by is not None]
        # Criteria stand a little apart, so that those which agree do not cover one another.
        aside = APART * (place - (len(found.criteria) - 1) / 2)
        symbol, dash = SYMBOLS[criterion.id]
        figure.add_scatter(
            x=[value.n_components + aside for value in known],
            customdata=[value.n_components for value in known],
            y=[value.worse_by for value in known],
            error_y=_error_bars(known),
            mode="lines+markers",
            name=criterion.title,
            marker={"symbol": symbol, "size": 8},
            line={"color": colour_of(criterion.engine), "dash": dash, "width": 1.5},
            hovertemplate=hover(f"{criterion.title}<br>K = %{{customdata}}: %{{y:.4g}} worse"),
        )
    if found.true_components is not None:
        figure.add_vline(x=found.true_components, line={"color": RULE, "dash": "dot", "width": 1})
    figure.update_xaxes(title="number of components", dtick=1)
    figure.update_yaxes(title="worse than the best by, log-likelihood", range=_range(found))
    return styled(figure, 460)


def _error_bars(known: list[CriterionValue]) -> dict[str, Any] | None:
    errors = [value.worse_by_se for value in known]
    if all(error is None for error in errors):
        return None
    return {"type": "data", "array": [error or 0.0 for error in errors], "thickness": 1.2}


def _range(found: ComponentsValues) -> list[float]:
    """Frame the numbers near the best: far too few components are worse by orders of magnitude."""
    second = [
        sorted(v.worse_by for v in criterion.values if v.worse_by is not None)[1:3]
        for criterion in found.criteria
    ]
    near = [value for values in second for value in values]
    errors = [v.worse_by_se or 0.0 for c in found.criteria for v in c.values if v.worse_by == 0]
    top = max([2.0, *errors, sorted(near)[len(near) // 2] * ROOM if near else 2.0])
    return [-0.08 * top, top]


def _table(found: ComponentsValues) -> SortableTable:
    columns = [TableColumn("components")]
    columns += [TableColumn(c.title, colour_of(c.engine), _hint(c)) for c in found.criteria]
    rows = []
    for row, k in enumerate(found.n_components):
        cells = [TableCell(str(k), k)]
        for criterion in found.criteria:
            value = criterion.values[row]
            if value.value is None:
                cells.append(TableCell(value.reason or "none"))
                continue
            shown = f"{value.value:.2f}"
            if value.se is not None:
                shown = with_uncertainty(value.value, value.se)
            mark = " (best)" if k == criterion.chosen else " (not trusted)" if value.reason else ""
            cells.append(TableCell(shown + mark, value.value))
        rows.append(cells)
    return SortableTable("Every criterion at every number of components", columns, rows)


def _hint(criterion: Criterion) -> str:
    return "larger is better" if criterion.higher_is_better else "smaller is better"


def _links(found: ComponentsValues) -> SortableTable:
    rows = []
    for k in found.n_components:
        reason = found.failures.get(str(k))
        last = (
            TableCell(f"not fitted: {reason}")
            if reason
            else TableCell(f"report of K = {k}", href=f"{folder_of(k)}/{REPORT}")
        )
        rows.append([TableCell(str(k), k), last])
    return SortableTable(
        "The comparison at each number", [TableColumn("components"), TableColumn("report")], rows
    )
