"""How every figure looks: one colour per engine, one way to write a name, one layout."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

# Okabe & Ito (2008), told apart by colour-blind readers: one colour per source, everywhere.
COLOURS = {
    "truth": "#7a7a7a",
    "em": "#0072b2",
    "bayes": "#d55e00",
    "sklearn": "#009e73",
    "sklearn-bayes": "#cc79a7",
    "kmeans": "#e69f00",
}
OTHER_COLOUR = "#56b4e9"
# Tol (2021), scheme "muted", without what is lost on black or on white; never an engine's.
COMPONENT_COLOURS = ("#44aa99", "#aa4499", "#999933", "#88ccee", "#cc6677", "#117733", "#ddcc77")
POINT = "rgba(128, 128, 128, 0.5)"
GRID = "rgba(128, 128, 128, 0.22)"
RULE = "rgba(128, 128, 128, 0.8)"
INK = "#1d2329"
LONGEST_NAME = 28
# Room above a figure, and what a legend above titles of panels takes more, in pixels.
TOP, LEGEND = 30, 26


def colour_of(source: str) -> str:
    """Return the one colour of an engine, or of the truth."""
    return COLOURS.get(source, OTHER_COLOUR)


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
    """Halve what coordinates weigh in the page; seven digits are more than a screen shows."""
    return np.asarray(values, dtype=np.float32)


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
    figure.update_layout(
        meta={
            "wide": {**wide, "height": layout.height},
            "narrow": {**narrow, "height": height},
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
        narrow |= {f"annotations[{index}].x": 0.5, f"annotations[{index}].y": bottom + tall}
    figure.update_layout(meta={"wide": wide, "narrow": narrow})
    return figure
