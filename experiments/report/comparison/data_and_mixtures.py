"""The data with the components of the truth and of every fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.types import FloatArray
from experiments.report.comparison.coordinates import Source, View, chosen_features, view_of
from experiments.report.comparison.curves import density_band, ellipses, marginal_density, rings
from experiments.report.comparison.labels import IN_A_PANEL, IN_A_SMALL_PANEL, feature_labels
from experiments.report.page.theme import (
    LONGEST_NAME,
    POINT,
    colour_of,
    compact,
    component_numbers,
    hover,
    legend_once,
    plain,
    styled,
    tint,
)
from experiments.values.comparison import ComparisonValues

# Of the titles of axes where panels are small, in pixels.
SMALL_TITLE = 11


def data_figure(comparison: ComparisonValues, features: Sequence[str] | None = None) -> go.Figure:
    """Draw the data with the truth and every fit.

    Of one feature it is a histogram with densities and bands, of two a scatter plot with ellipses.
    Of more, each pair of `features` has a scatter plot; by default these are the four features in
    which the components differ most.
    """
    view = view_of(comparison)
    if len(view.names) == 1:
        return _histogram(view)
    chosen = chosen_features(comparison, features)
    names = panel_labels(view.names, len(chosen))
    return _pairs(replace(view, names=tuple(names)).of(chosen))


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
        hovertemplate=hover("%{x:.4g}: density %{y:.3g}"),
    )
    for source in view.sources:
        if source.others:
            lower, upper = density_band(source.others, 0, grid)
            _band(figure, source, np.r_[grid, grid[::-1]], np.r_[upper, lower[::-1]])
        # Of draws the mean of their densities is drawn. The density at the posterior mean of the
        # parameters is another curve, and may leave the band.
        drawn = source.others if source.is_cloud else [source.mixture]
        densities = [marginal_density(mixture, 0, grid) for mixture in drawn]
        _line(figure, source, grid, np.mean(densities, axis=0))
    figure.update_xaxes(title=plain(view.names[0]))
    figure.update_yaxes(title="density", exponentformat="power", rangemode="tozero")
    return styled(figure, 460, aspect=0.8)


def panel_labels(names: Sequence[str], n_shown: int) -> list[str]:
    """Shorten names of features for panels, where so many of them are shown.

    Small panels stand close together, and a long name would reach into the next one's.
    """
    widths = (LONGEST_NAME, IN_A_PANEL, IN_A_SMALL_PANEL)
    return feature_labels(names, widths[min(max(1, n_shown - 1), len(widths)) - 1])


def _pairs(view: View) -> go.Figure:
    """Draw each pair of coordinates, whose names are written as they are."""
    small = len(view.names) > 2

    def draw(figure: go.Figure, i: int, j: int, **cell: int) -> None:
        add_points(figure, view, i, j, small=small, **cell)
        for source in view.sources:
            add_mixture(figure, source, i, j, **cell)
        add_numbers(figure, view, i, j, **cell)

    return panels(view.names, draw)


class Draw(Protocol):
    """Draws two coordinates into a cell, which is a row and a column of panels."""

    def __call__(self, figure: go.Figure, i: int, j: int, **cell: int) -> None:
        """Draw coordinates `i` and `j`."""


def panels(names: Sequence[str], draw: Draw) -> go.Figure:
    """Draw each pair of coordinates into a panel of its own; names are written as they are."""
    size = len(names) - 1
    spacing = {"horizontal_spacing": 0.03, "vertical_spacing": 0.03}
    figure = make_subplots(size, size, shared_xaxes=True, shared_yaxes=True, **spacing)
    for row in range(1, size + 1):
        for column in range(1, row + 1):
            cell = {"row": row, "col": column}
            draw(figure, column - 1, row, **cell)
            if row == size:
                figure.update_xaxes(title=names[column - 1], **cell)
            if column == 1:
                figure.update_yaxes(title=names[row], **cell)
    if size > 1:
        figure.update_xaxes(title_font_size=SMALL_TITLE)
        figure.update_yaxes(title_font_size=SMALL_TITLE)
    legend_once(figure)
    return styled(figure, 560 if size == 1 else 250 * size, aspect=0.95)


def add_points(
    figure: go.Figure, view: View, i: int, j: int, *, small: bool = False, **cell: int
) -> None:
    """Draw the data's rows; in small panels every other one, where they are many."""
    points = view.points[:: 1 + (small and len(view.points) > 700)]
    # In small panels the probabilities would be most of the page's size, and hide the next panel.
    told = {} if small or not view.told else {"text": list(view.told)}
    figure.add_scatter(
        x=compact(points[:, i]),
        y=compact(points[:, j]),
        mode="markers",
        name="data",
        legendgroup="data",
        marker={"size": 3 if small else 5, "color": POINT},
        hovertemplate=hover("%{x:.4g}, %{y:.4g}" + ("<br>%{text}" if told else "")),
        **told,
        **cell,
    )


def add_mixture(figure: go.Figure, source: Source, i: int, j: int, **cell: int) -> None:
    """Draw a source's ellipses: the cloud of its draws, or its estimate and a band around it."""
    if source.is_cloud:
        # All draws are one trace, so that the legend hides them together and the page stays small.
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
    # A histogram has no panels, and draws there one density in place of the draws.
    cloud = source.is_cloud and bool(cell)
    label = plain(source.label)
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        name=f"{label} ({len(source.others)} draws)" if cloud else label,
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
    means = view.front.mixture.means
    figure.add_scatter(
        x=compact(means[:, i]),
        y=compact(means[:, j]),
        showlegend=False,
        legendgroup="numbers",
        **component_numbers(len(means), 15),
        **cell,
    )


def add_outlines(figure: go.Figure, sources: Sequence[Source]) -> None:
    """Draw the ellipses of fits in a figure of the first two features."""
    for source in sources:
        x, y = ellipses(source.mixture, 0, 1)
        figure.add_scatter(
            x=compact(x),
            y=compact(y),
            mode="lines",
            name=plain(source.label),
            line={"color": colour_of(source.name), "width": 2},
            hoverinfo="skip",
        )
