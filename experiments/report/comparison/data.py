"""The data with truth, EM and posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.types import FloatArray
from experiments.report.comparison.curves import density_band, ellipses, marginal_density, rings
from experiments.report.comparison.views import Source, View, chosen_features, view_of
from experiments.report.page.theme import POINT, colour_of, compact, plain, styled, tint
from experiments.values.comparison import ComparisonValues


def data_figure(comparison: ComparisonValues, features: Sequence[str] | None = None) -> go.Figure:
    """Draw the data with truth, EM and posterior.

    One feature: a histogram with densities and bands. Two: ellipses. More: every pair of
    `features`, by default the four in which the components differ most.
    """
    view = view_of(comparison)
    if len(view.names) == 1:
        return _histogram(view)
    return _pairs(view.of(chosen_features(comparison, features)))


def projection_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the data in the two directions that separate the components best."""
    return _pairs(view_of(comparison).separated())


def _histogram(view: View) -> go.Figure:
    x = view.points[:, 0]
    room = 0.12 * np.ptp(x)
    grid = np.linspace(x.min() - room, x.max() + room, 300)
    figure = go.Figure()
    density, edges = np.histogram(x, int(np.clip(2 * np.sqrt(len(x)), 10, 80)), density=True)
    figure.add_bar(
        x=compact((edges[1:] + edges[:-1]) / 2),
        y=compact(density),
        width=edges[1] - edges[0],
        name="data",
        marker={"color": POINT, "line": {"width": 0}},
        hovertemplate="%{x:.4g}: density %{y:.3g}<extra></extra>",
    )
    for source in view.sources:
        if source.others:
            lower, upper = density_band(source.others, 0, grid)
            _band(figure, source, np.r_[grid, grid[::-1]], np.r_[upper, lower[::-1]])
        # The density of the mean parameters is no mean of densities: it may leave the band.
        drawn = source.others if source.is_cloud else [source.mixture]
        densities = [marginal_density(mixture, 0, grid) for mixture in drawn]
        _line(figure, source, grid, np.mean(densities, axis=0))
    figure.update_xaxes(title=plain(view.names[0]))
    figure.update_yaxes(title="density", exponentformat="power", rangemode="tozero")
    return styled(figure, 460, aspect=0.8)


def _pairs(view: View) -> go.Figure:
    size = len(view.names) - 1
    figure = make_subplots(
        size, size, shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.03,
        vertical_spacing=0.03,
    )  # fmt: skip
    for row in range(1, size + 1):
        for column in range(1, row + 1):
            cell = {"row": row, "col": column}
            add_points(figure, view, column - 1, row, small=size > 1, **cell)
            for source in view.sources:
                add_mixture(figure, source, column - 1, row, **cell)
            add_numbers(figure, view, column - 1, row, **cell)
            if row == size:
                figure.update_xaxes(title=plain(view.names[column - 1]), **cell)
            if column == 1:
                figure.update_yaxes(title=plain(view.names[row]), **cell)
    # A legend entry once, for all panels.
    seen: set[str] = set()
    for trace in figure.data:
        trace.showlegend = trace.showlegend is not False and trace.legendgroup not in seen
        seen.add(trace.legendgroup)
    return styled(figure, 560 if size == 1 else 250 * size, aspect=0.95)


def add_points(
    figure: go.Figure, view: View, i: int, j: int, *, small: bool = False, **cell: int
) -> None:
    """Draw the data's rows."""
    points = view.points[:: 1 + (small and len(view.points) > 700)]
    figure.add_scatter(
        x=compact(points[:, i]),
        y=compact(points[:, j]),
        mode="markers",
        name="data",
        legendgroup="data",
        marker={"size": 3 if small else 5, "color": POINT},
        hovertemplate="%{x:.4g}, %{y:.4g}<extra></extra>",
        **cell,
    )


def add_mixture(figure: go.Figure, source: Source, i: int, j: int, **cell: int) -> None:
    """Draw a source's ellipses: the cloud of its draws, or its estimate and a band around it."""
    if source.is_cloud:
        # One trace for all: dozens of draws toggle together and weigh little.
        curves = [ellipses(other, i, j, 49) for other in source.others]
        x, y = (np.concatenate(part) for part in zip(*curves, strict=True))
        _line(figure, source, x, y, **cell)
        return
    if source.others:
        x, y = rings(source.mixture, source.others, i, j)
        _band(figure, source, x, y, **cell)
    x, y = ellipses(source.mixture, i, j)
    _line(figure, source, x, y, **cell)


def _line(figure: go.Figure, source: Source, x: FloatArray, y: FloatArray, **cell: int) -> None:
    cloud = source.is_cloud and bool(cell)
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        name=f"{plain(source.label)} ({len(source.others)} draws)"
        if cloud
        else plain(source.label),
        legendgroup=source.name,
        opacity=0.4 if cloud else 1.0,
        line={
            "color": colour_of(source.name),
            "width": 1 if cloud else 2.5,
            "dash": "dash" if source.name == "truth" else "solid",
        },
        hoverinfo="skip",
        **cell,
    )


def _band(figure: go.Figure, source: Source, x: FloatArray, y: FloatArray, **cell: int) -> None:
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=tint(colour_of(source.name), 0.25),
        name=f"{plain(source.label)}, 90&#37; band",
        legendgroup=f"{source.name}-band",
        hoverinfo="skip",
        **cell,
    )


def add_numbers(figure: go.Figure, view: View, i: int, j: int, **cell: int) -> None:
    """Write each component's number, as the tables have it, at its centre."""
    means = next(s for s in view.sources[::-1] if s.name != "truth").mixture.means
    figure.add_scatter(
        x=compact(means[:, i]),
        y=compact(means[:, j]),
        mode="text",
        text=[f"<b>{k + 1}</b>" for k in range(len(means))],
        textfont={"size": 15},
        showlegend=False,
        legendgroup="numbers",
        hoverinfo="skip",
        **cell,
    )
