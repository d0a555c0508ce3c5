"""Figures of a sweep: a quantity along its axis, with error bars, cell by cell behind them."""

from __future__ import annotations

import math
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
    plain,
    stacked,
    styled,
    tint,
)
from experiments.report.sweep.axes import MAX_LINES, Layout, Scale, binned, short_name, written
from experiments.report.sweep.quantities import Quantity, Series
from experiments.sweeps.centres import Centre, are_skewed, mean_and_error, median_and_error

SYMBOLS = ("circle", "square", "diamond", "circle-open", "square-open", "diamond-open", "cross")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
# More cells than this in one figure are a cloud that hides its means and weighs megabytes.
MAX_DOTS = 2500
COVERAGE = ".coverage."
# Distances from the best beyond this many times a small one are off the first view.
ROOM = 4.0
WIDTH_OF_DOTS, WIDTH_OF_LINES = 0.05, 0.035


@dataclass(frozen=True)
class Line:
    """One series in one group: its cells and how it looks."""

    rows: pd.DataFrame
    series: Series
    label: str
    colour: str
    style: int


def use_medians(frame: pd.DataFrame, quantity: Quantity) -> bool:
    """Say whether the cells of a quantity are so skewed that means mislead.

    Those of coverage never are: a mean over cells is what it says.
    """
    if any(COVERAGE in column for column in quantity.columns):
        return False
    return are_skewed(
        group.dropna().to_numpy(dtype=np.float64)
        for column in quantity.columns
        for _, group in frame.groupby("point")[column]
    )


def quantity_figure(frame: pd.DataFrame, quantity: Quantity, layout: Layout) -> go.Figure:
    """Draw a quantity along the axis of a sweep, a small multiple for each value of other axes.

    Parameters
    ----------
    frame : DataFrame
        The cells that are done.
    quantity : Quantity
    layout : Layout
    """
    medians = use_medians(frame, quantity)
    parts = list(_parts(frame, layout))
    figure = make_subplots(
        1, len(parts), shared_yaxes=True, horizontal_spacing=0.03,
        subplot_titles=[name for name, _ in parts] if len(parts) > 1 else None,
    )  # fmt: skip
    centres: list[Centre] = []
    dots: list[FloatArray] = []
    for column, (_, rows) in enumerate(parts, start=1):
        lines = list(_lines(rows, quantity, layout.group))
        for place, line in enumerate(lines):
            step = WIDTH_OF_LINES * (place - (len(lines) - 1) / 2)
            if len(frame) * len(lines) <= MAX_DOTS:
                dots.append(_add_dots(figure, line, layout.scale, step, column))
            centres += _add_line(figure, line, layout.scale, step, column, medians=medians)
    log_y = layout.log_y and bool(centres) and min(centre.low for centre in centres) > 0
    if quantity.target is not None and not (log_y and quantity.target <= 0):
        figure.add_hline(y=quantity.target, line={"color": RULE, "dash": "dash", "width": 1.5})
    span = _nearest(centres) if quantity.above_best else _range(centres, dots, quantity.target)
    figure.update_xaxes(title=layout.scale.title, **layout.scale.ticks())
    figure.update_yaxes(**(_log_ticks(centres) if log_y else {"range": span}))
    if quantity.is_share:
        figure.update_yaxes(tickformat=".0%")
    _once(figure)
    figure = styled(figure, 340 if len(parts) == 1 else 360, aspect=0.85)
    return figure if len(parts) == 1 else stacked(figure, 260)


def _parts(frame: pd.DataFrame, layout: Layout) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the small multiples: what each is called, and its cells."""
    if not layout.facets:
        yield "", frame
        return
    for key, rows in frame.groupby(list(layout.facets), sort=False):
        values = key if isinstance(key, tuple) else (key,)
        yield (
            ", ".join(
                plain(f"{short_name(name)} = {written(value)}")
                for name, value in zip(layout.facets, values, strict=True)
            ),
            rows,
        )


def _lines(rows: pd.DataFrame, quantity: Quantity, group: str | None) -> Iterator[Line]:
    """Yield each series, of each group, with the engine's colour; of one engine the group's."""
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
    # A word says what it is of; a number does not.
    return plain(value if isinstance(value, str) else f"{short_name(group)} = {written(value)}")


def _add_dots(figure: go.Figure, line: Line, scale: Scale, step: float, column: int) -> FloatArray:
    """Draw every cell, faintly and a little apart; return their values."""
    rows = line.rows.dropna(subset=[line.series.column])
    values = rows[line.series.column].to_numpy(dtype=np.float64)
    spread = (np.arange(len(values)) * 0.618 % 1 - 0.5) * WIDTH_OF_DOTS
    x = scale.moved(scale.positions(rows[scale.column]), step + spread)
    figure.add_scatter(
        x=compact(x), y=compact(values), mode="markers", name=line.label, legendgroup=line.label,
        showlegend=False, marker={"size": 4, "color": tint(line.colour, 0.35)},
        customdata=[str(seed) for seed in rows["seed"]],
        hovertemplate=f"{line.label}<br>seed %{{customdata}}: %{{y:.4g}}<extra></extra>",
        row=1, col=column,
    )  # fmt: skip
    return values


def _add_line(
    figure: go.Figure, line: Line, scale: Scale, step: float, column: int, *, medians: bool
) -> list[Centre]:
    """Draw the mean or median at each point with its error bar; return them."""
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
    figure.add_scatter(
        x=scale.moved(x, step),
        y=[centre.value for centre in centres],
        error_y={
            "type": "data", "symmetric": False, "thickness": 1.8, "width": 4,
            "array": [centre.high - centre.value for centre in centres],
            "arrayminus": [centre.value - centre.low for centre in centres],
        },
        # Settings have no order, so nothing connects them.
        mode="markers" if scale.levels else "lines+markers",
        name=line.label, legendgroup=line.label,
        marker={"size": 8, "color": line.colour, "symbol": SYMBOLS[line.style % len(SYMBOLS)]},
        line={"color": line.colour, "width": 2, "dash": DASHES[line.style % len(DASHES)]},
        customdata=[[plain(name), centre.text, centre.n]
                    for name, centre in zip(named, centres, strict=True)],
        hovertemplate=f"{line.label}<br>{scale.title}: %{{customdata[0]}}<br>%{{customdata[1]}}, "
        "n = %{customdata[2]}<extra></extra>",
        row=1, col=column,
    )  # fmt: skip
    return centres


def _log_ticks(centres: list[Centre]) -> dict[str, Any]:
    """Mark 1, 2, 5, 10, 20 and so on: left alone, plotly writes digits without their powers."""
    low = math.floor(math.log10(min(centre.low for centre in centres)))
    high = math.ceil(math.log10(max(centre.high for centre in centres)))
    ticks = [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _range(centres: list[Centre], dots: list[FloatArray], target: float | None) -> list[float]:
    """Frame the centres, their errors and most cells: one stray cell is no reason to squeeze."""
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
    """Frame what decides: settings far from the best are worse by orders of magnitude."""
    worse = sorted(centre.value for centre in centres if centre.value > 0)
    top = ROOM * worse[len(worse) // 3] if worse else 1.0
    return [-0.08 * top, top]


def _once(figure: go.Figure) -> None:
    """Show each name in the legend once, for all small multiples."""
    seen: set[str] = set()
    for trace in figure.data:
        if trace.showlegend is not False:
            trace.showlegend = trace.legendgroup not in seen
            seen.add(trace.legendgroup)
