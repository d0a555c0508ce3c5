"""The section of a page on the structure of the covariances."""

from __future__ import annotations

from collections.abc import Iterator

import plotly.graph_objects as go

from experiments.report.page.blocks import (
    Block,
    Note,
    Picture,
    SortableTable,
    TableCell,
    TableColumn,
)
from experiments.report.page.theme import component_colour, hover, styled
from experiments.values.structure_rows import rows_of, structure_legend
from experiments.values.structures import StructureChoice, StructureValue

# There are four, and seven colours, so that each of up to 28 structures has a pair of its own.
SYMBOLS = ("circle", "diamond", "square", "circle-open")
# The first view ends at this many times the typical distance of the best models from the best.
ROOM = 6.0


def structure_blocks(found: StructureChoice) -> Iterator[Block]:
    """Yield the blocks of the section from top to bottom."""
    yield Note(structure_legend(found), kind="plain")
    yield Picture(
        "structures",
        structures_figure(found),
        "How much worse than the best each structure is by BIC, at each number of components",
        "Zero is the best. Double-click to see all models, of which the worst are far off.",
    )
    numbers = [TableColumn(f"K = {k}") for k in found.n_components]
    columns = [TableColumn("structure"), *numbers]
    rows = [[TableCell(kind), *map(_cell, values)] for kind, values in rows_of(found)]
    yield SortableTable("BIC of every structure; smaller is better", columns, rows)


def _cell(value: StructureValue) -> TableCell:
    if value.bic is None:
        return TableCell(value.reason or "not fitted")
    if value.worse_by is None:
        return TableCell(f"{value.bic:.2f} (not trusted: {value.reason})", value.bic, words=True)
    return TableCell(f"{value.bic:.2f}{'' if value.worse_by else ' (best)'}", value.bic)


def structures_figure(found: StructureChoice) -> go.Figure:
    """Draw how much worse every structure is than the best by BIC, at each number."""
    figure = go.Figure()
    for place, kind in enumerate(found.covariance_types):
        own = [v for v in found.values if v.covariance_type == kind and v.worse_by is not None]
        figure.add_scatter(
            x=[value.n_components for value in own],
            y=[value.worse_by for value in own],
            mode="lines+markers",
            name=kind,
            marker={"size": 8, "symbol": SYMBOLS[place % len(SYMBOLS)]},
            line={"width": 1.8, "color": component_colour(place)},
            hovertemplate=hover(f"{kind}, K = %{{x}}: %{{y:.4g}} worse"),
        )
    known = sorted(value.worse_by for value in found.values if value.worse_by is not None)
    top = max(2.0, ROOM * known[len(known) // 4])
    figure.update_xaxes(title="number of components", dtick=1)
    figure.update_yaxes(title="worse than the best by BIC, halved", range=[-0.06 * top, top])
    return styled(figure, 420)
