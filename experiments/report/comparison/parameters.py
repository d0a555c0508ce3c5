"""Parameters side by side: a forest plot and a table that sorts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.report.comparison.views import chosen_features
from experiments.report.page.blocks import Cell, Column, Table
from experiments.report.page.theme import colour_of, plain, styled
from experiments.values.comparison import ComparisonValues
from experiments.values.parameter_rows import column_title, parameter_groups
from experiments.values.parameters import Parameters

# Features of which the covariances are drawn, too; of more only the variances.
FEW_FEATURES = 2
ROW_HEIGHT, PANEL_ROOM = 15, 62


@dataclass(frozen=True)
class Panel:
    """Parameters in the same units: their name and the index of one of them per component."""

    title: str
    part: str
    index: tuple[int, ...]

    def values(self, parameters: Parameters) -> np.ndarray:
        """Return the parameter of each component, shape (K,)."""
        return np.asarray(getattr(parameters, self.part)[(slice(None), *self.index)])


def parameters_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw truth, EM with its interval and posterior with its interval, parameter by parameter.

    A panel for the weights and for each mean and variance; with up to two features for each
    covariance, too, with more than four only of the four in which the components differ most.
    """
    panels = list(_panels(comparison))
    k = comparison.n_components
    n_sources = len(comparison.engines) + (comparison.truth is not None)
    each = ROW_HEIGHT * k * n_sources + PANEL_ROOM
    height = each * len(panels) + 60
    figure = make_subplots(
        len(panels), 1, subplot_titles=[panel.title for panel in panels],
        vertical_spacing=PANEL_ROOM / height * 0.95 if len(panels) > 1 else 0.0,
    )  # fmt: skip
    for row, panel in enumerate(panels, start=1):
        _add_panel(figure, comparison, panel, row)
    for annotation in figure.layout.annotations:
        annotation.update(x=0, xanchor="left", font={"size": 13})
    styled(figure, height)
    figure.update_xaxes(nticks=8)
    figure.update_yaxes(
        tickvals=list(range(1, k + 1)), range=[k + 0.5, 0.5], showgrid=False,
        title={"text": "component", "font": {"size": 12}},
    )  # fmt: skip
    return figure


def parameters_table(comparison: ComparisonValues) -> Table:
    """Return every parameter as a row: truth, each engine's estimate and error, EM's z-score."""
    columns = [Column("parameter")]
    if comparison.truth is not None:
        columns.append(Column("truth", colour_of("truth")))
    columns += [
        Column(column_title(comparison, name), colour_of(name)) for name in comparison.engines
    ]
    if comparison.agreement is not None:
        columns.append(Column("EM’s z-score", hint="(EM - posterior mean) / posterior sd"))
    rows: list[list[Cell]] = []
    for kind, group in parameter_groups(comparison):
        for row in group:
            cells = [Cell(f"{kind.removesuffix('s')} {row.label}", sort=float(len(rows)))]
            if comparison.truth is not None:
                cells.append(Cell(row.truth, sort=row.true))
            cells += [Cell(text, sort=row.values[name]) for name, text in row.cells.items()]
            if comparison.agreement is not None:
                z = row.z_score
                cells.append(Cell("") if z is None else Cell(f"{z:+.2f}", sort=abs(z)))
            rows.append(cells)
    return Table("Every parameter; select a heading to sort by it", columns, rows)


def _panels(comparison: ComparisonValues) -> Iterator[Panel]:
    names = [plain(name) for name in comparison.dataset.feature_names]
    features = chosen_features(comparison, None)
    yield Panel("weights", "weights", ())
    for i in features:
        yield Panel(f"means of {names[i]}", "means", (i,))
    for i in features:
        for j in features:
            if j < i and len(features) <= FEW_FEATURES:
                yield Panel(f"covariances of {names[i]} and {names[j]}", "covariances", (i, j))
        yield Panel(f"variances of {names[i]}", "covariances", (i, i))


def _add_panel(figure: go.Figure, comparison: ComparisonValues, panel: Panel, row: int) -> None:
    n_sources = len(comparison.engines) + (comparison.truth is not None)
    # Sources stand one under the other within the row of their component.
    shifts = np.linspace(-0.3, 0.3, n_sources) if n_sources > 1 else [0.0]
    for index, (name, engine) in enumerate(comparison.engines.items()):
        found = panel.values(engine.mixture.arrays())
        bars = None
        if engine.intervals is not None:
            upper = panel.values(engine.intervals.upper.arrays())
            lower = panel.values(engine.intervals.lower.arrays())
            # A bootstrap interval may lie wholly to one side of the estimate.
            bars = {"type": "data", "symmetric": False, "thickness": 2, "width": 0,
                    "array": upper - found, "arrayminus": found - lower}  # fmt: skip
        figure.add_scatter(
            x=found, y=np.arange(1, len(found) + 1) + shifts[index], mode="markers",
            error_x=bars, name=plain(engine.title), legendgroup=name, showlegend=row == 1,
            marker={"size": 8, "color": colour_of(name)},
            hovertemplate=f"{plain(engine.title)}: %{{x:.5g}}<extra></extra>",
            row=row, col=1,
        )  # fmt: skip
    if comparison.truth is not None:
        true = panel.values(comparison.truth.arrays())
        figure.add_scatter(
            x=true, y=np.arange(1, len(true) + 1) + shifts[-1], mode="markers", name="truth",
            legendgroup="truth", showlegend=row == 1,
            marker={"size": 9, "symbol": "diamond", "color": colour_of("truth")},
            hovertemplate="truth: %{x:.5g}<extra></extra>", row=row, col=1,
        )  # fmt: skip
