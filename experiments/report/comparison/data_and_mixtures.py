"""The data with the components of the truth and of every fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.types import FloatArray
from experiments.report.comparison.coordinates import Source, View, chosen_features, view_of
from experiments.report.comparison.curves import density_band, ellipses, marginal_density, rings
from experiments.report.comparison.labels import IN_A_PANEL, IN_A_SMALL_PANEL, feature_labels
from experiments.report.comparison.panels import SMALL_TITLE
from experiments.report.page.theme import (
    POINT,
    colour_of,
    compact,
    component_numbers,
    hover,
    legend_once,
    plain,
    rows_at,
    styled,
    tint,
)
from experiments.values.comparison import ComparisonValues


def data_figure(comparison: ComparisonValues, features: Sequence[str] | None = None) -> go.Figure:
    """Draw the data with the truth and every fit.

    Of one feature it is a histogram with densities and bands, of two a scatter plot with ellipses.
    Of more, each pair of `features` has a scatter plot and each feature a histogram on the
    diagonal; by default these are the four features in which the components differ most.
    """
    view = view_of(comparison)
    if len(view.names) == 1:
        return _histogram(view)
    chosen = chosen_features(comparison, features)
    shown = replace(view, names=tuple(feature_labels(view.names))).of(chosen)
    if len(chosen) == 2:
        return _scatter(shown)
    # Small panels stand close together, and a long name would reach into the next one's.
    width = IN_A_PANEL if len(chosen) == 3 else IN_A_SMALL_PANEL
    short = feature_labels(view.names, width)
    return _pairs(shown, [short[i] for i in chosen])


def projection_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the data in the two directions that separate the components best."""
    # Both directions have the same unit: the spread within components.
    return _scatter(view_of(comparison).separated(), equal=True)


def _histogram(view: View) -> go.Figure:
    x = view.points[:, 0]
    grid = _grid(x, 300)
    figure = go.Figure()
    _bars(figure, x)
    for source in view.sources:
        if source.others:
            lower, upper = density_band(source.others, 0, grid)
            _band(figure, source, np.r_[grid, grid[::-1]], np.r_[upper, lower[::-1]])
        _line(figure, source, grid, _density(source, 0, grid))
    figure.update_xaxes(title=plain(view.names[0]))
    figure.update_yaxes(title="density", exponentformat="power", rangemode="tozero")
    return styled(figure, 460, aspect=0.8)


def _grid(x: FloatArray, size: int) -> FloatArray:
    """Return places from a little below the least value to a little above the largest."""
    room = 0.12 * np.ptp(x)
    return np.linspace(x.min() - room, x.max() + room, size)


def _bars(figure: go.Figure, x: FloatArray, *, legendgroup: str = "", **cell: int) -> None:
    """Draw the histogram of some values as a density."""
    density, edges = np.histogram(x, int(np.clip(2 * np.sqrt(len(x)), 10, 80)), density=True)
    figure.add_bar(
        x=compact((edges[1:] + edges[:-1]) / 2),
        y=compact(density),
        width=edges[1] - edges[0],
        name="data",
        legendgroup=legendgroup or None,
        marker={"color": POINT, "line": {"width": 0}},
        hovertemplate=hover("%{x:.4g}: density %{y:.3g}"),
        **cell,
    )


def _density(source: Source, i: int, grid: FloatArray) -> FloatArray:
    """Return a source's density of one coordinate.

    Of draws it is the mean of their densities. The density at the posterior mean of the parameters
    is another curve, and may leave the band.
    """
    drawn = source.others if source.is_cloud else [source.mixture]
    return np.asarray(np.mean([marginal_density(mixture, i, grid) for mixture in drawn], axis=0))


def _scatter(view: View, *, equal: bool = False) -> go.Figure:
    """Draw two coordinates, whose names are written as they are.

    Parameters
    ----------
    view : View
    equal : bool, default False
        Whether the page draws both axes to the same scale at first.
    """
    figure = make_subplots(1, 1)
    _add_pair(figure, view, 0, 1, row=1, col=1)
    figure.update_xaxes(title=view.names[0])
    figure.update_yaxes(title=view.names[1])
    legend_once(figure)
    return _with_scales(styled(figure, 560, aspect=0.95), equal=equal)


def _pairs(view: View, short: Sequence[str]) -> go.Figure:
    """Draw each pair of coordinates, and each coordinate by itself on the diagonal.

    Parameters
    ----------
    view : View
    short : sequence of str
        The coordinates' names for narrow pages.
    """
    size = len(view.names)
    specs: list[list[dict[str, Any] | None]] = [
        [{} if column <= row else None for column in range(size)] for row in range(size)
    ]
    spacing = {"horizontal_spacing": 0.025, "vertical_spacing": 0.025}
    figure = make_subplots(size, size, shared_xaxes=True, specs=specs, **spacing)
    for row in range(size):
        for column in range(row):
            cell = {"row": row + 1, "col": column + 1}
            _add_pair(figure, view, column, row, small=True, **cell)
            # The panels of a row have one scale, which is that of the column of its feature.
            first = figure.get_subplot(row + 1, 1).yaxis.plotly_name.replace("axis", "")
            if column:
                figure.update_yaxes(matches=first, showticklabels=False, **cell)
        diagonal = {"row": row + 1, "col": row + 1}
        _add_marginal(figure, view, row, **diagonal)
    titles = []
    for place in range(size):
        titles.append((figure.get_subplot(size, place + 1).xaxis, view.names[place], short[place]))
        if place:
            titles.append((figure.get_subplot(place + 1, 1).yaxis, view.names[place], short[place]))
    for axis, name, _ in titles:
        axis.title = name
    figure.update_xaxes(title_font_size=SMALL_TITLE)
    figure.update_yaxes(title_font_size=SMALL_TITLE)
    legend_once(figure)
    styled(figure, 225 * size, aspect=0.95)
    # Margins that each of many axes may widen are not settled in the few rounds that plotly has.
    figure.update_xaxes(automargin=False).update_yaxes(automargin=False)
    figure.update_layout(margin_l=64)
    for row in range(size):
        # Densities have no scale that a reader needs, and none in common with the row.
        figure.update_yaxes(
            showticklabels=False, showgrid=False, rangemode="tozero", row=row + 1, col=row + 1
        )
    wide = {f"{axis.plotly_name}.title.text": name for axis, name, _ in titles}
    narrow = {f"{axis.plotly_name}.title.text": name for axis, _, name in titles}
    figure.update_layout(meta={**figure.layout.meta, "wide": wide, "narrow": narrow})
    return _with_scales(figure)


def _with_scales(figure: go.Figure, *, equal: bool = False) -> go.Figure:
    """Let the page offer to draw all axes to the same scale, as data in one unit ask for."""
    return figure.update_layout(meta={**(figure.layout.meta or {}), "equal": equal})


def _add_pair(
    figure: go.Figure, view: View, i: int, j: int, *, small: bool = False, **cell: int
) -> None:
    """Draw the rows and every mixture in two coordinates."""
    add_points(figure, view, i, j, small=small, **cell)
    for source in view.sources:
        add_mixture(figure, source, i, j, **cell)
    add_numbers(figure, view, i, j, **cell)


def _add_marginal(figure: go.Figure, view: View, i: int, **cell: int) -> None:
    """Draw one coordinate: a histogram of the rows, and the density of every mixture."""
    x = view.points[:, i]
    grid = _grid(x, 120)
    _bars(figure, x, legendgroup="data", **cell)
    for source in view.sources:
        _line(figure, source, grid, _density(source, i, grid), width=1.8, **cell)


def add_points(
    figure: go.Figure, view: View, i: int, j: int, *, small: bool = False, **cell: int
) -> None:
    """Draw the data's rows; in small panels every other one, where they are many."""
    rows = np.arange(len(view.points))[:: 1 + (small and len(view.points) > 700)]
    points = view.points[rows]
    # In small panels the probabilities would be most of the page's size: the page takes them from
    # the large one.
    told = {} if small or not view.told else {"text": list(view.told)}
    figure.add_scatter(
        x=compact(points[:, i]),
        y=compact(points[:, j]),
        mode="markers",
        name="data",
        legendgroup="data",
        marker={"size": 3 if small else 5, "color": POINT},
        hovertemplate=hover("%{x:.4g}, %{y:.4g}" + ("<br>%{text}" if told else "")),
        **rows_at(rows),
        **told,
        **cell,
    )


def add_mixture(figure: go.Figure, source: Source, i: int, j: int, **cell: int) -> None:
    """Draw a source's ellipses: the cloud of its draws, or its estimate and a band around it."""
    if source.is_cloud:
        # All draws are one trace, so that the legend hides them together and the page stays small.
        curves = [ellipses(other, i, j, 49) for other in source.others]
        x, y = (np.concatenate(part) for part in zip(*curves, strict=True))
        _cloud(figure, source, x, y, **cell)
        return
    if source.others:
        x, y = rings(source.mixture, source.others, i, j)
        _band(figure, source, x, y, **cell)
    x, y = ellipses(source.mixture, i, j)
    _line(figure, source, x, y, **cell)


def _cloud(figure: go.Figure, source: Source, x: FloatArray, y: FloatArray, **cell: int) -> None:
    """Draw the outlines of all draws as one faint line."""
    _line(figure, source, x, y, width=1.0, opacity=0.4, **cell)


def _line(
    figure: go.Figure,
    source: Source,
    x: FloatArray,
    y: FloatArray,
    *,
    width: float = 2.5,
    opacity: float = 1.0,
    **cell: int,
) -> None:
    label = plain(source.label)
    # A histogram by itself has no panels, and draws there one density in place of the draws.
    if cell and source.is_cloud:
        label = f"{label} ({len(source.others)} draws)"
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        name=label,
        legendgroup=source.name,
        opacity=opacity,
        line={
            "color": colour_of(source.name),
            "width": width,
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
