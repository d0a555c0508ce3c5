"""The page and the figure that show the choice of a number of components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import plotly.graph_objects as go

from experiments.core.digits import with_uncertainty
from experiments.report.comparison.sections import Verdict
from experiments.report.page.blocks import Cell, Column, Picture, Section, Table
from experiments.report.page.shell import render, write
from experiments.report.page.theme import RULE, colour_of, styled
from experiments.report.provenance import Provenance, choice_blocks
from experiments.storage.layout import REPORT, folder_of
from experiments.values.components import ComponentsValues, Criterion

SYMBOLS = {
    "aic": ("circle-open", "dot"),
    "bic": ("circle", "solid"),
    "icl": ("square", "dash"),
    "em-held-out": ("diamond", "dashdot"),
    "loo": ("circle", "solid"),
    "evidence": ("square", "dash"),
    "bayes-held-out": ("diamond", "dashdot"),
}
# Differences beyond this many times the larger errors and choices are off the first view.
ROOM = 4.0
APART = 0.05


def write_components_report(
    found: ComponentsValues, path: Path, made: Provenance | None = None
) -> Path:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    found : ComponentsValues
    path : Path
    made : Provenance, optional
        How it was made, beyond what it says itself.
    """
    return write(render_components_page(found, made), path)


def render_components_page(found: ComponentsValues, made: Provenance | None = None) -> str:
    """Return the page's HTML."""
    data = found.dataset
    lead = (
        f"{data.n_samples} rows × {data.n_features} feature"
        f"{'' if data.n_features == 1 else 's'} of {data.name}"
        f"{f', {data.n_test} rows held out' if data.n_test else ''}, "
        f"{found.n_components[0]} to {found.n_components[-1]} components"
    )
    return render(found.experiment, lead, list(_sections(found, made or Provenance())))


def _sections(found: ComponentsValues, made: Provenance) -> Iterator[Section]:
    yield Section("verdict", "Verdict", [Verdict(found.verdict)])
    figure = Picture(
        "components",
        components_figure(found),
        "How much worse each number of components is than the best, by each criterion",
        "Zero is the best by that criterion. Bars are standard errors: of paired differences "
        "between rows for leave-one-out and held-out scores, Monte Carlo for the marginal "
        "likelihood. Information criteria are halved, so that all are on the scale of a "
        "log-likelihood.",
    )
    yield Section("how-many", "How many components", [figure, _table(found)])
    yield Section("each", "Each number by itself", [_links(found)])
    yield Section("made", "How it was made", choice_blocks(found, made))


def components_figure(found: ComponentsValues) -> go.Figure:
    """Draw how much worse every number of components is than the best, by each criterion."""
    figure = go.Figure()
    for place, criterion in enumerate(found.criteria):
        known = [value for value in criterion.values if value.worse_by is not None]
        # A little apart, so that criteria that agree do not cover one another.
        aside = APART * (place - (len(found.criteria) - 1) / 2)
        symbol, dash = SYMBOLS[criterion.id]
        errors = [value.worse_by_se for value in known]
        figure.add_scatter(
            x=[value.n_components + aside for value in known],
            customdata=[value.n_components for value in known],
            y=[value.worse_by for value in known],
            error_y=None
            if all(error is None for error in errors)
            else {"type": "data", "array": [error or 0.0 for error in errors], "thickness": 1.2},
            mode="lines+markers",
            name=criterion.title,
            marker={"symbol": symbol, "size": 8},
            line={"color": colour_of(criterion.engine), "dash": dash, "width": 1.5},
            hovertemplate=f"{criterion.title}<br>K = %{{customdata}}: %{{y:.4g}} worse"
            "<extra></extra>",
        )
    if found.true_components is not None:
        figure.add_vline(x=found.true_components, line={"color": RULE, "dash": "dot", "width": 1})
    figure.update_xaxes(title="number of components", dtick=1)
    figure.update_yaxes(title="worse than the best by, log-likelihood", range=_range(found))
    return styled(figure, 460)


def _range(found: ComponentsValues) -> list[float]:
    """Frame what decides: far too few components are worse by orders of magnitude."""
    second = [
        sorted(v.worse_by for v in criterion.values if v.worse_by is not None)[1:3]
        for criterion in found.criteria
    ]
    near = [value for values in second for value in values]
    errors = [v.worse_by_se or 0.0 for c in found.criteria for v in c.values if v.worse_by == 0]
    top = max([2.0, *errors, sorted(near)[len(near) // 2] * ROOM if near else 2.0])
    return [-0.08 * top, top]


def _table(found: ComponentsValues) -> Table:
    columns = [Column("components")]
    columns += [Column(c.title, colour_of(c.engine), _hint(c)) for c in found.criteria]
    rows = []
    for row, k in enumerate(found.n_components):
        cells = [Cell(str(k), k)]
        for criterion in found.criteria:
            value = criterion.values[row]
            if value.value is None:
                cells.append(Cell(value.reason or "none"))
                continue
            shown = f"{value.value:.2f}"
            if value.se is not None:
                shown = with_uncertainty(value.value, value.se)
            mark = " (best)" if k == criterion.chosen else " (not trusted)" if value.reason else ""
            cells.append(Cell(shown + mark, value.value))
        rows.append(cells)
    return Table("Every criterion at every number of components", columns, rows)


def _hint(criterion: Criterion) -> str:
    return "larger is better" if criterion.higher_is_better else "smaller is better"


def _links(found: ComponentsValues) -> Table:
    rows = []
    for k in found.n_components:
        reason = found.failures.get(str(k))
        last = (
            Cell(f"not fitted: {reason}")
            if reason
            else Cell(f"report of K = {k}", href=f"{folder_of(k)}/{REPORT}")
        )
        rows.append([Cell(str(k), k), last])
    return Table("The comparison at each number", [Column("components"), Column("report")], rows)
