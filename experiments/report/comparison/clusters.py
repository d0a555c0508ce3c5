"""The section on the rows and their components, and on classes that are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go

from experiments.core.errors import UsageError
from experiments.report.comparison.coordinates import flat_view
from experiments.report.comparison.data_and_mixtures import add_outlines
from experiments.report.comparison.spoken_names import spoken
from experiments.report.page.blocks import (
    Block,
    Note,
    Picture,
    SortableTable,
    TableCell,
    TableColumn,
)
from experiments.report.page.theme import (
    POINT,
    colour_of,
    compact,
    component_colour,
    hover,
    plain,
    rows_at,
    styled,
)
from experiments.storage.layout import ASSIGNMENTS, ASSIGNMENTS_OF_MANY
from experiments.values.cluster_rows import class_counts, classes_sentence, clusters_sentence
from experiments.values.clusters import KnownClasses
from experiments.values.comparison import ComparisonValues

# Marks that tell classes apart where colours repeat.
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")


def cluster_blocks(comparison: ComparisonValues) -> Iterator[Block]:
    """Yield the blocks of the section from top to bottom."""
    found, said = comparison.clusters, clusters_sentence(comparison)
    if found is None or not said:
        one = comparison.n_components == 1
        yield Note(
            "There is one component, to which every row belongs."
            if one
            else "Of this comparison only the numbers were kept."
        )
        return
    yield Note(said, kind="plain")
    yield Note(
        f"A row is uncertain where {spoken(comparison, found.engine)} gives its most probable "
        f"component a probability below {found.threshold:.0%}. The component of every row, with "
        f"its probability by each engine, is in {ASSIGNMENTS} beside this page, or in "
        f"{ASSIGNMENTS_OF_MANY} where there are more than a million rows."
    )
    if told := classes_sentence(comparison):
        yield Note(told, kind="plain")
        yield Note(
            "No fit was told these classes. The adjusted Rand index is 1 where the components "
            "divide the rows as the classes do, and 0 on average where they have nothing in common."
        )
        for engine in class_counts(comparison):
            yield _counts(comparison, engine)
        if _known(comparison).points:
            yield Picture(
                "classes",
                classes_figure(comparison),
                "The rows in the colours of their known classes, with the components of each fit. "
                "The numbers are in the tables above.",
                "Rows in the colours of their classes; ellipses are the components of the fits.",
            )


def classes_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the rows in the colours of their known classes, with the components of the fits.

    Raises
    ------
    UsageError
        If no classes are known, or no row is drawn.
    """
    known = _known(comparison)
    if not known.points:
        raise UsageError("no rows to draw: it needs a comparison that keeps some")
    view = flat_view(comparison)
    places = np.array([-1 if place is None else place for place in known.points])
    height = np.zeros(len(places)) if len(view.names) == 1 else view.points[:, 1]
    figure = go.Figure()
    for place in [*range(len(known.names)), -1]:
        rows = places == place
        if not rows.any():
            continue
        name = "no class" if place < 0 else plain(known.names[place])
        figure.add_scatter(
            # A single feature has its classes one above the other.
            x=compact(view.points[rows, 0]),
            y=np.full(rows.sum(), place + 1) if len(view.names) == 1 else compact(height[rows]),
            mode="markers",
            name=name,
            marker=_mark(place),
            hovertemplate=hover(f"{name}: %{{x:.4g}}, %{{y:.4g}}"),
            **rows_at(np.flatnonzero(rows)),
        )
    figure.update_xaxes(title=plain(view.names[0]))
    if len(view.names) == 1:
        figure.update_yaxes(title=plain(known.column), tickvals=[])
        return styled(figure, 360, aspect=0.8)
    add_outlines(figure, view.sources)
    figure.update_yaxes(title=plain(view.names[1]))
    return styled(figure, 520, aspect=0.9)


def _mark(place: int) -> dict[str, object]:
    """Return what tells the rows of a class from others; -1 stands for no class."""
    if place < 0:
        return {"size": 5, "color": POINT}
    return {"size": 7, "color": component_colour(place), "symbol": SYMBOLS[place % len(SYMBOLS)]}


def _known(comparison: ComparisonValues) -> KnownClasses:
    if comparison.clusters is None or comparison.clusters.classes is None:
        raise UsageError("no classes are known: name a column of them by --label-column")
    return comparison.clusters.classes


def _counts(comparison: ComparisonValues, engine: str) -> SortableTable:
    """Return the table of classes by components of an engine."""
    known, title = _known(comparison), comparison.engines[engine].title
    columns = [TableColumn(known.column, colour=colour_of(engine))]
    columns += [TableColumn(f"component {k + 1}") for k in range(comparison.n_components)]
    rows = [
        [TableCell(name), *(TableCell(str(count), float(count)) for count in counts)]
        for name, counts in class_counts(comparison)[engine]
    ]
    return SortableTable(f"{title}: rows of each class in each component", columns, rows)
