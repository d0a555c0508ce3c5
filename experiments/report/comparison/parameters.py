"""Parameters side by side: a forest plot and a table that sorts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.types import FloatArray
from experiments.report.comparison.coordinates import chosen_features
from experiments.report.comparison.labels import IN_A_PANEL, feature_labels
from experiments.report.comparison.spoken_names import spoken_estimate
from experiments.report.page.blocks import SortableTable, TableCell, TableColumn
from experiments.report.page.theme import colour_of, hover, plain, styled, titles_at_left
from experiments.values.comparison import ComparisonValues
from experiments.values.intervals import IntervalValues
from experiments.values.parameter_rows import column_title, parameter_groups
from experiments.values.parameters import Parameters

# Up to this many features have their covariances drawn; of more only the variances are.
FEW_FEATURES = 2
# Height of one mark's row, and of a panel's title and axis, in pixels.
ROW_HEIGHT = 15
PANEL_ROOM = 62
# Letters of two names that have room in a line of a phone, beside the words of a title.
LONGEST_PAIR = 20


@dataclass(frozen=True)
class Panel:
    """One parameter of every component, in the same units.

    Attributes
    ----------
    title : str
    part : str
        The field of `Parameters` that holds it.
    index : tuple of int
        Its place there, after the component's.
    """

    title: str
    part: str
    index: tuple[int, ...]

    def values(self, parameters: Parameters) -> FloatArray:
        """Return the parameter of each component, shape (K,)."""
        return np.asarray(getattr(parameters, self.part)[(slice(None), *self.index)])


def parameters_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the truth and every fit with its intervals, parameter by parameter.

    The weights have a panel, and so has each feature's mean and variance. With two features their
    covariance has one, too. Of more than four features the four are drawn in which the components
    differ most.
    """
    panels = list(_panels(comparison))
    k = comparison.n_components
    n_sources = len(comparison.engines) + (comparison.truth is not None)
    each = ROW_HEIGHT * k * n_sources + PANEL_ROOM
    height = each * len(panels) + 60
    titles = [panel.title for panel in panels]
    gap = PANEL_ROOM / height * 0.95 if len(panels) > 1 else 0.0
    figure = make_subplots(len(panels), 1, subplot_titles=titles, vertical_spacing=gap)
    for row, panel in enumerate(panels, start=1):
        _add_panel(figure, comparison, panel, row)
    titles_at_left(figure)
    styled(figure, height)
    figure.update_xaxes(nticks=8)
    title = {"text": "component", "font": {"size": 12}}
    numbers = list(range(1, k + 1))
    figure.update_yaxes(tickvals=numbers, range=[k + 0.5, 0.5], showgrid=False, title=title)
    return figure


def parameters_table(comparison: ComparisonValues) -> SortableTable:
    """Return every parameter as a row: truth, each engine's estimate and error, the z-score."""
    columns = [TableColumn("parameter")]
    if comparison.truth is not None:
        columns.append(TableColumn("truth", colour_of("truth")))
    columns += [
        TableColumn(column_title(comparison, name), colour_of(name)) for name in comparison.engines
    ]
    if comparison.agreement is not None:
        name = spoken_estimate(comparison)
        hint = f"({name} - posterior mean) / posterior sd"
        columns.append(TableColumn(f"{name}’s z-score", hint=hint))
    rows: list[list[TableCell]] = []
    for _, group in parameter_groups(comparison):
        for row in group:
            cells = [TableCell(row.full_label, sort=float(len(rows)))]
            if comparison.truth is not None:
                cells.append(TableCell(row.truth, sort=row.true))
            cells += [TableCell(text, sort=row.values[name]) for name, text in row.cells.items()]
            if comparison.agreement is not None:
                z = row.z_score
                cells.append(TableCell("") if z is None else TableCell(f"{z:+.2f}", sort=abs(z)))
            rows.append(cells)
    return SortableTable("Every parameter; select a heading to sort by it", columns, rows)


def _panels(comparison: ComparisonValues) -> Iterator[Panel]:
    names = feature_labels(comparison.dataset.feature_names, IN_A_PANEL)
    features = chosen_features(comparison, None)
    yield Panel("weights", "weights", ())
    for i in features:
        yield Panel(f"means of {names[i]}", "means", (i,))
    for i in features:
        for j in features:
            if j < i and len(features) <= FEW_FEATURES:
                pair = _pair(names[i], names[j])
                yield Panel(f"covariances of {pair}", "covariances", (i, j))
        yield Panel(f"variances of {names[i]}", "covariances", (i, i))


def _pair(first: str, second: str) -> str:
    """Write two names in one line, or in two where a phone has no room for one."""
    line = "<br>" if len(first) + len(second) > LONGEST_PAIR else " "
    return f"{first}{line}and {second}"


def _add_panel(figure: go.Figure, comparison: ComparisonValues, panel: Panel, row: int) -> None:
    n_sources = len(comparison.engines) + (comparison.truth is not None)
    # The marks of one component stand one under the other within its row.
    shifts = np.linspace(-0.3, 0.3, n_sources) if n_sources > 1 else [0.0]
    options = {"mode": "markers", "showlegend": row == 1, "row": row, "col": 1}
    for index, (name, engine) in enumerate(comparison.engines.items()):
        found = panel.values(engine.mixture.arrays())
        title = plain(engine.title)
        figure.add_scatter(
            x=found,
            y=np.arange(1, len(found) + 1) + shifts[index],
            error_x=_bars(panel, found, engine.intervals),
            name=title,
            legendgroup=name,
            marker={"size": 8, "color": colour_of(name)},
            hovertemplate=hover(f"{title}: %{{x:.5g}}"),
            **options,
        )
    if comparison.truth is not None:
        true = panel.values(comparison.truth.arrays())
        figure.add_scatter(
            x=true,
            y=np.arange(1, len(true) + 1) + shifts[-1],
            name="truth",
            legendgroup="truth",
            marker={"size": 9, "symbol": "diamond", "color": colour_of("truth")},
            hovertemplate=hover("truth: %{x:.5g}"),
            **options,
        )


def _bars(
    panel: Panel, found: FloatArray, intervals: IntervalValues | None
) -> dict[str, Any] | None:
    """Return the bars from an estimate to the ends of its interval.

    A bootstrap interval may lie wholly on one side of the estimate: one bar is negative then.
    """
    if intervals is None:
        return None
    above = panel.values(intervals.upper.arrays()) - found
    below = found - panel.values(intervals.lower.arrays())
    ends = {"symmetric": False, "array": above, "arrayminus": below}
    return {"type": "data", "thickness": 2, "width": 0, **ends}
