"""How every figure looks: one colour for each engine, one way to write a name, one layout."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

# Okabe & Ito (2008) and one violet, told apart by colour-blind readers: one colour per source,
# everywhere.
COLOURS = {
    "truth": "#7a7a7a",
    "em": "#0072b2",
    "bayes": "#d55e00",
    "bayes-auto": "#a64dff",
    "sklearn": "#009e73",
    "sklearn-bayes": "#cc79a7",
    "kmeans": "#e69f00",
}
OTHER_COLOUR = "#56b4e9"
# What a sentence calls these colours.
COLOUR_NAMES = {
    "#7a7a7a": "grey",
    "#0072b2": "blue",
    "#d55e00": "orange",
    "#a64dff": "violet",
    "#009e73": "green",
    "#cc79a7": "pink",
    "#e69f00": "yellow",
    "#56b4e9": "light blue",
}
# Tol (2021), scheme "muted", without the colours that cannot be seen on black or on white. None is
# an engine's.
COMPONENT_COLOURS = ("#44aa99", "#aa4499", "#999933", "#88ccee", "#cc6677", "#117733", "#ddcc77")
POINT = "rgba(136, 136, 136, 0.7)"
GRID = "rgba(128, 128, 128, 0.22)"
RULE = "rgba(128, 128, 128, 0.8)"
INK = "#1d2329"
LONGEST_NAME = 28
# Room above a figure, in pixels.
TOP = 30
# What a legend above the titles of panels takes in addition.
LEGEND = 26


def colour_of(source: str) -> str:
    """Return the colour of an engine, by its name, or of the ``"truth"``."""
    return COLOURS.get(source, OTHER_COLOUR)


def colour_name(source: str) -> str:
    """Return the word for the colour of an engine or of the truth."""
    return COLOUR_NAMES[colour_of(source)]


def component_colour(k: int) -> str:
    """Return the colour of component `k`, counted from 0; colours repeat after seven."""
    return COMPONENT_COLOURS[k % len(COMPONENT_COLOURS)]


def tint(colour: str, alpha: float) -> str:
    """Make ``#rrggbb`` transparent."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def plain(name: str, longest: int = LONGEST_NAME) -> str:
    """Write a name from data or config so that plotly shows it letter by letter, and not too long.

    Plotly reads some tags, LaTeX between dollars and ``%{...}`` out of any label.
    """
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return html.escape(short).replace("$", "&#36;").replace("%", "&#37;")


def compact(values: ArrayLike) -> NDArray[np.float32]:
    """Return coordinates in half as many bytes: a screen shows fewer than seven digits."""
    return np.asarray(values, dtype=np.float32)


def spread_evenly(count: int) -> NDArray[np.float64]:
    """Return places in [0, 1) that are spread evenly, however many of them are used.

    They are multiples of the golden ratio's fraction, less their whole part. Unlike random places
    they are the same in every figure.
    """
    return np.asarray(np.arange(count) * 0.618 % 1)


def hover(text: str) -> str:
    """Return what a mark says under the mouse, without the second box that has its trace's name."""
    return f"{text}<extra></extra>"


def log_axis(low: float, high: float) -> dict[str, Any]:
    """Return a logarithmic axis that marks 1, 2, 5, 10, 20 and so on.

    By itself plotly writes 2 and 5 without the power of ten.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value, both above 0.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def rows_at(rows: Iterable[int]) -> dict[str, Any]:
    """Return what says which rows of the illustration the points of a trace are.

    The page then selects rows in all figures at once.
    """
    return {"meta": {"rows": [int(row) for row in rows]}}


def legend_entry(name: str, shown: bool) -> dict[str, Any]:
    """Return what names a trace; of several traces with one name, one is shown in the legend."""
    return {"name": name, "legendgroup": name, "showlegend": shown}


def component_numbers(count: int, size: int) -> dict[str, Any]:
    """Return what makes a trace write the components' numbers, from 1, at its points."""
    return {
        "mode": "text",
        "text": [f"<b>{k + 1}</b>" for k in range(count)],
        "textfont": {"size": size},
        "hoverinfo": "skip",
    }


def legend_once(figure: go.Figure) -> None:
    """Show each group of traces once in the legend, however many panels it is drawn in."""
    seen: set[str] = set()
    for trace in figure.data:
        if trace.showlegend is not False:
            trace.showlegend = trace.legendgroup not in seen
            seen.add(trace.legendgroup)


def titles_at_left(figure: go.Figure) -> None:
    """Put the titles of panels, which `make_subplots` centres, at the left edge of the figure."""
    for annotation in figure.layout.annotations:
        annotation.update(x=0, xanchor="left", font={"size": 13})


def styled(figure: go.Figure, height: int, *, aspect: float | None = None) -> go.Figure:
    """Give a figure the common look.

    Parameters
    ----------
    figure : Figure
    height : int
        In pixels.
    aspect : float, optional
        On narrow screens the page makes the figure no higher than this times its width.
    """
    # Titles of panels stand where the legend otherwise does; the page has a legend of its own.
    titled = any(annotation.yref == "paper" for annotation in figure.layout.annotations)
    figure.update_layout(
        template="plotly_white",
        height=height + LEGEND * titled,
        margin={"l": 55, "r": 20, "t": TOP + LEGEND * titled, "b": 45},
        font={"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0},
        meta={} if aspect is None else {"aspect": aspect},
        hoverlabel={"align": "left"},
        bargap=0.05,
    )
    lines: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "automargin": True}
    figure.update_xaxes(exponentformat="none", **lines)
    figure.update_yaxes(**lines)
    return figure


def side_by_side(figure: go.Figure, height: int = 640, upper: float = 0.56) -> go.Figure:
    """Let the page put the two panels of a figure one above the other where it is narrow.

    Parameters
    ----------
    figure : Figure
    height : int, default 640
        Of both together, in pixels.
    upper : float, default 0.56
        Share of it that the first panel takes.
    """
    layout = figure.layout
    keys = ("xaxis", "xaxis2", "yaxis", "yaxis2")
    wide = {f"{key}.domain": list(layout[key].domain) for key in keys}
    narrow = {
        "xaxis.domain": [0, 1],
        "xaxis2.domain": [0, 1],
        "yaxis.domain": [1 - upper, 1],
        "yaxis2.domain": [0, 0.86 - upper],
    }
    # Panels that share their labels both need them where one is below the other.
    shown = layout.yaxis2.showticklabels is not False
    figure.update_layout(
        meta={
            "wide": {**wide, "height": layout.height, "yaxis2.showticklabels": shown},
            "narrow": {**narrow, "height": height, "yaxis2.showticklabels": True},
        }
    )
    return figure


def stacked(figure: go.Figure, each: int) -> go.Figure:
    """Let the page put the panels of a figure one above the other where it is narrow.

    Parameters
    ----------
    figure : Figure
        With a title above each panel, as `make_subplots` writes them.
    each : int
        Height of a panel there, in pixels.
    """
    layout, count = figure.layout, len(figure.layout.annotations)
    gap = 0.36 / count
    tall = (1 - gap * (count - 1)) / count
    wide: dict[str, Any] = {"height": layout.height}
    narrow: dict[str, Any] = {"height": each * count}
    for index in range(count):
        number = "" if index == 0 else str(index + 1)
        bottom = 1 - (index + 1) * tall - index * gap
        wide[f"xaxis{number}.domain"] = list(layout[f"xaxis{number}"].domain)
        wide[f"yaxis{number}.domain"] = list(layout[f"yaxis{number}"].domain)
        labelled = layout[f"yaxis{number}"].showticklabels is not False
        wide[f"yaxis{number}.showticklabels"] = labelled
        title = layout.annotations[index]
        wide |= {f"annotations[{index}].x": title.x, f"annotations[{index}].y": title.y}
        narrow[f"xaxis{number}.domain"] = [0, 1]
        narrow[f"yaxis{number}.domain"] = [max(0.0, bottom), bottom + tall]
        narrow[f"yaxis{number}.showticklabels"] = True
        if index < count - 1 and (text := layout[f"xaxis{number}"].title.text):
            # One title serves all panels that have the same, and stands below the last.
            last = layout[f"xaxis{count}"].title.text
            wide[f"xaxis{number}.title.text"] = text
            narrow[f"xaxis{number}.title.text"] = "" if text == last else text
        middle = 0.0 if title.xanchor == "left" else 0.5
        narrow |= {f"annotations[{index}].x": middle, f"annotations[{index}].y": bottom + tall}
    own, common = _shared(layout, count)
    figure.update_layout(meta={"wide": wide | own, "narrow": narrow | common})
    return figure


def _shared(layout: go.Layout, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what panels beside each other share, as it is there and one below the other.

    There the last panel has the labels of all x axes, and every panel the title of its y axis.
    """
    numbers = ["", *map(str, range(2, count + 1))]
    wide: dict[str, Any] = {}
    narrow: dict[str, Any] = {}
    shown = [layout[f"xaxis{number}"].showticklabels is not False for number in numbers]
    if not all(shown):
        keys = [f"xaxis{number}.showticklabels" for number in numbers]
        wide |= dict(zip(keys, shown, strict=True))
        narrow |= {**dict.fromkeys(keys, False), keys[-1]: True}
    titles = [layout[f"yaxis{number}"].title.text or "" for number in numbers]
    if len(different := set(titles) - {""}) == 1:
        keys = [f"yaxis{number}.title.text" for number in numbers]
        wide |= dict(zip(keys, titles, strict=True))
        narrow |= dict.fromkeys(keys, *different)
        # The page changes a title only where there is one.
        for number, title in zip(numbers, titles, strict=True):
            layout[f"yaxis{number}"].update(title={"text": title})
    return wide, narrow
