"""Figures of a sweep: means along its axis with error bars, and the cells behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.types import FloatArray
from experiments.report.page.theme import (
    RULE,
    colour_of,
    compact,
    component_colour,
    hover,
    legend_once,
    log_axis,
    plain,
    spread_evenly,
    stacked,
    styled,
    tint,
)
from experiments.report.sweep.axes import MAX_LINES, PanelLayout, Scale, binned, short_name, written
from experiments.report.sweep.quantities import Quantity, Series
from experiments.sweeps.centres import Centre, are_skewed, mean_and_error, median_and_error

SYMBOLS = ("circle", "square", "diamond", "circle-open", "square-open", "diamond-open", "cross")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
# More cells than this in one figure are a cloud that hides its means and weighs megabytes.
MAX_DOTS = 2500
COVERAGE = ".coverage."
# The first view of distances from the best ends at this many times the lower third of them.
ROOM = 4.0
# Shares of the axis: how far the cells of a point spread, and how far apart lines stand.
WIDTH_OF_DOTS = 0.05
WIDTH_OF_LINES = 0.035


@dataclass(frozen=True)
class Line:
    """One series in one group.

    Attributes
    ----------
    rows : DataFrame
        Its cells.
    series : Series
    label, colour : str
    style : int
        Which of `SYMBOLS` and `DASHES` it has.
    """

    rows: pd.DataFrame
    series: Series
    label: str
    colour: str
    style: int

    @property
    def look(self) -> dict[str, Any]:
        """Marker and line in plotly's terms."""
        symbol, dash = SYMBOLS[self.style % len(SYMBOLS)], DASHES[self.style % len(DASHES)]
        return {
            "marker": {"size": 8, "color": self.colour, "symbol": symbol},
            "line": {"color": self.colour, "width": 2, "dash": dash},
        }


def use_medians(frame: pd.DataFrame, quantity: Quantity) -> bool:
    """Say whether the cells of a quantity are so skewed that their mean misleads.

    Coverage is always a mean: it is the share of intervals that hold the truth, over all cells.
    """
    if any(COVERAGE in column for column in quantity.columns):
        return False
    return are_skewed(
        group.dropna().to_numpy(dtype=np.float64)
        for column in quantity.columns
        for _, group in frame.groupby("point")[column]
    )


def quantity_figure(frame: pd.DataFrame, quantity: Quantity, layout: PanelLayout) -> go.Figure:
    """Draw a quantity along the axis of a sweep, a small multiple for each value of other axes.

    Parameters
    ----------
    frame : DataFrame
        The cells that are done.
    quantity : Quantity
    layout : PanelLayout
    """
    medians = use_medians(frame, quantity)
    parts = list(_parts(frame, layout))
    titles = [name for name, _ in parts] if len(parts) > 1 else None
    options = {"shared_yaxes": True, "horizontal_spacing": 0.03, "subplot_titles": titles}
    figure = make_subplots(1, len(parts), **options)
    centres: list[Centre] = []
    dots: list[FloatArray] = []
    for column, (_, rows) in enumerate(parts, start=1):
        lines = list(_lines(rows, quantity, layout.group))
        for place, line in enumerate(lines):
            step = WIDTH_OF_LINES * (place - (len(lines) - 1) / 2)
            if len(frame) * len(lines) <= MAX_DOTS:
                dots.append(_add_dots(figure, line, layout.scale, step, column))
            centres += _add_line(figure, line, layout.scale, step, column, medians=medians)
    low = min((centre.low for centre in centres), default=0.0)
    high = max((centre.high for centre in centres), default=0.0)
    log_y = layout.log_y and low > 0
    if quantity.target is not None and not (log_y and quantity.target <= 0):
        figure.add_hline(y=quantity.target, line={"color": RULE, "dash": "dash", "width": 1.5})
    span = _nearest(centres) if quantity.above_best else _range(centres, dots, quantity.target)
    figure.update_xaxes(title=layout.scale.title, **layout.scale.ticks())
    figure.update_yaxes(**(log_axis(low, high) if log_y else {"range": span}))
    if quantity.is_share:
        figure.update_yaxes(tickformat=".0%")
    legend_once(figure)
    figure = styled(figure, 340 if len(parts) == 1 else 360, aspect=0.85)
    return figure if len(parts) == 1 else stacked(figure, 260)


def _parts(frame: pd.DataFrame, layout: PanelLayout) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the small multiples: what each is called, and its cells."""
    if not layout.facets:
        yield "", frame
        return
    for key, rows in frame.groupby(list(layout.facets), sort=False):
        values = key if isinstance(key, tuple) else (key,)
        settings = [
            plain(f"{short_name(name)} = {written(value)}")
            for name, value in zip(layout.facets, values, strict=True)
        ]
        yield ", ".join(settings), rows


def _lines(rows: pd.DataFrame, quantity: Quantity, group: str | None) -> Iterator[Line]:
    """Yield each series of each group.

    A line has its engine's colour. Where all lines are one engine's, or no engine's, the colour
    tells the groups apart.
    """
    groups = [("", rows)] if group is None else list(rows.groupby(group, sort=False))[:MAX_LINES]
    one_engine = len(quantity.series) == 1
    for place, series in enumerate(quantity.series):
        shared = sum(other.engine == series.engine for other in quantity.series[:place])
        for index, (value, members) in enumerate(groups):
            name = "" if group is None else _group_name(group, value)
            label = name if name and one_engine else ", ".join(filter(None, (series.label, name)))
            own = component_colour(index) if group or not series.engine else ""
            colour = own if own and (one_engine or not series.engine) else colour_of(series.engine)
            yield Line(members, series, label, colour, index if group else shared)


def _group_name(group: str, value: object) -> str:
    """Write a value of the group's axis; a number is preceded by the axis' name."""
    return plain(value if isinstance(value, str) else f"{short_name(group)} = {written(value)}")


def _add_dots(figure: go.Figure, line: Line, scale: Scale, step: float, column: int) -> FloatArray:
    """Draw every cell as a faint dot, spread around its point; return the cells' values."""
    rows = line.rows.dropna(subset=[line.series.column])
    values = rows[line.series.column].to_numpy(dtype=np.float64)
    spread = (spread_evenly(len(values)) - 0.5) * WIDTH_OF_DOTS
    x = scale.moved(scale.positions(rows[scale.column]), step + spread)
    figure.add_scatter(
        x=compact(x),
        y=compact(values),
        mode="markers",
        name=line.label,
        legendgroup=line.label,
        showlegend=False,
        marker={"size": 5, "color": tint(line.colour, 0.6)},
        customdata=[str(seed) for seed in rows["seed"]],
        hovertemplate=hover(f"{line.label}<br>seed %{{customdata}}: %{{y:.4g}}"),
        row=1,
        col=column,
    )
    return values


def _add_line(
    figure: go.Figure, line: Line, scale: Scale, step: float, column: int, *, medians: bool
) -> list[Centre]:
    """Draw the mean or the median at each point with its error bar; return these centres."""
    rows = line.rows.dropna(subset=[line.series.column])
    if rows.empty:
        return []
    every = scale.positions(rows[scale.column])
    places = every if scale.levels else binned(every, scale.log)
    values = rows[line.series.column].to_numpy(dtype=np.float64)
    x = np.unique(places)
    middle = median_and_error if medians else mean_and_error
    centres = [middle(values[places == place]) for place in x]
    named = [scale.levels[int(place)] for place in x] if scale.levels else [f"{p:.4g}" for p in x]
    where = f"{line.label}<br>{scale.title}: %{{customdata[0]}}<br>"
    figure.add_scatter(
        x=scale.moved(x, step),
        y=[centre.value for centre in centres],
        error_y=_error_bars(centres),
        # Settings that are no numbers have no order, so no line connects them.
        mode="markers" if scale.levels else "lines+markers",
        name=line.label,
        legendgroup=line.label,
        customdata=[
            [plain(name), centre.text, centre.n]
            for name, centre in zip(named, centres, strict=True)
        ],
        hovertemplate=hover(f"{where}%{{customdata[1]}}, n = %{{customdata[2]}}"),
        row=1,
        col=column,
        **line.look,
    )
    return centres


def _error_bars(centres: list[Centre]) -> dict[str, Any]:
    above = [centre.high - centre.value for centre in centres]
    below = [centre.value - centre.low for centre in centres]
    ends = {"symmetric": False, "array": above, "arrayminus": below}
    return {"type": "data", "thickness": 1.8, "width": 4, **ends}


def _range(centres: list[Centre], dots: list[FloatArray], target: float | None) -> list[float]:
    """Frame the centres, their errors and 90% of the cells of each line.

    A single stray cell would squeeze everything else.
    """
    ends = [end for centre in centres for end in (centre.low, centre.high)]
    for values in dots:
        if len(values):
            ends += list(np.quantile(values, [0.05, 0.95]))
    if target is not None:
        ends.append(target)
    if not ends:
        return [0.0, 1.0]
    low, high = float(min(ends)), float(max(ends))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return [low - room, high + room]


def _nearest(centres: list[Centre]) -> list[float]:
    """Frame the settings near the best: others may be worse by orders of magnitude."""
    worse = sorted(centre.value for centre in centres if centre.value > 0)
    top = ROOM * worse[len(worse) // 3] if worse else 1.0
    return [-0.08 * top, top]
