"""What a sweep's conclusion counts, drawn: shares with their errors, alarms beside shortfalls."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from experiments.config.conclusion import Conclusion, Detected, ReachedBest, Winner
from experiments.report.page.blocks import Block, Picture, SortableTable, TableCell, TableColumn
from experiments.report.page.theme import COLOURS, RULE, component_colour, hover, plain, styled
from experiments.report.sweep.axes import short_name, written
from experiments.report.sweep.figures import SYMBOLS
from experiments.sweeps.tallies import (
    optima,
    shares_that_chose,
    shares_that_reached,
    wilson_interval,
)

LONGEST_SETTING = 36
# An axis of shares.
SHARE = {"tickformat": ".0%", "range": [-0.01, 1.04], "dtick": 0.25}
INTERVALS = "Bars are 95% intervals of the shares (Wilson), which are wide where tries are few."

# What became of a data set: whether EM stopped short, whether the certificate raised an alarm, and
# how the mark looks.
DETECTIONS = (
    (
        "stopped short, and the certificate said so",
        (True, True),
        {"symbol": "circle", "color": component_colour(0)},
    ),
    (
        "stopped short, unnoticed",
        (True, False),
        {"symbol": "x", "color": component_colour(1)},
    ),
    (
        "at the best known, false alarm",
        (False, True),
        {"symbol": "diamond", "color": component_colour(2)},
    ),
    (
        "at the best known, no alarm",
        (False, False),
        {"symbol": "circle-open", "color": RULE},
    ),
)


@singledispatch
def outcome_blocks(conclusion: Conclusion, frame: pd.DataFrame) -> Iterator[Block]:
    """Yield what shows the numbers of a conclusion; nothing where the panels of columns show them.

    Parameters
    ----------
    conclusion : Trend, ReachedBest, Winner or Detected
    frame : DataFrame
        The cells that are done.
    """
    yield from ()


@outcome_blocks.register
def _reached(conclusion: ReachedBest, frame: pd.DataFrame) -> Iterator[Block]:
    found = shares_that_reached(conclusion, frame)
    if found.empty:
        return
    labels = [_setting(row[conclusion.settings]) for _, row in found.iterrows()]
    figure = go.Figure()
    figure.add_scatter(
        x=found["share"].to_list(),
        # On two lines, because a phone's screen is narrow.
        y=[plain(label, LONGEST_SETTING).replace(" (", "<br>(") for label in labels],
        mode="markers",
        error_x=_intervals(found, thickness=1.8, width=5),
        marker={"color": COLOURS["em"], "size": 11},
        showlegend=False,
        customdata=found["n"].to_list(),
        hovertemplate=hover("%{y}: %{x:.1%} of %{customdata} tries"),
    )
    figure.update_xaxes(title="share of tries", **{**SHARE, "dtick": 0.5})
    figure.update_yaxes(autorange="reversed", type="category")
    pairs = zip(labels, found["share"], strict=True)
    said = ", ".join(f"{label} {share:.0%}" for label, share in pairs)
    yield Picture(
        "outcome",
        styled(figure, 110 + 44 * len(found)),
        f"Share of tries that reached the best optimum known, by setting: {said}.",
        f"{INTERVALS} The best known is over all settings on the same data.",
        "How often each setting reached the best optimum",
    )


@outcome_blocks.register
def _won(conclusion: Winner, frame: pd.DataFrame) -> Iterator[Block]:
    figure, said = go.Figure(), []
    for column, label in conclusion.values.items():
        found = shares_that_chose(conclusion, column, frame)
        for value, rows in found.groupby("by", sort=False):
            name = f"{conclusion.by_label} {written(value)}" if conclusion.by else label
            _add_choices(figure, name, rows)
            best = rows.iloc[int(rows["share"].argmax())]
            said.append(f"{name} most often {written(best['setting'])} ({best['share']:.0%})")
    if not figure.data:
        return
    labels = list(conclusion.values.values())
    what = labels[0] if len(labels) == 1 else "each criterion"
    figure.update_xaxes(title=plain(short_name(conclusion.setting)), type="category")
    figure.update_yaxes(title="share of data sets", **SHARE)
    figure.update_layout(scattermode="group", scattergap=0.4)
    yield Picture(
        "outcome",
        styled(figure, 340, aspect=0.8),
        f"Share of data sets on which each setting was chosen: {'; '.join(said)}.",
        INTERVALS,
        f"What {what} chose",
    )


def _add_choices(figure: go.Figure, name: str, rows: pd.DataFrame) -> None:
    """Draw how often each setting was chosen by one criterion, or at one value of `by`."""
    index = len(figure.data)
    look = {"color": component_colour(index), "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 10}
    text = f"{plain(name)}: %{{x}} in %{{y:.0%}} of {rows['n'].iloc[0]} data sets"
    figure.add_scatter(
        x=[plain(written(setting)) for setting in rows["setting"]],
        y=rows["share"].to_list(),
        name=plain(name),
        legendgroup=name,
        error_y=_intervals(rows, thickness=1.5, width=4),
        mode="markers",
        # Marks of one name have a place of their own beside those of the others.
        offsetgroup=name,
        marker=look,
        hovertemplate=hover(text),
    )


@outcome_blocks.register
def _detected(conclusion: Detected, frame: pd.DataFrame) -> Iterator[Block]:
    found = optima(conclusion, frame)
    if found.empty:
        return
    alarmed = found["alarm"] > 0
    end = float(max(found["short"].max(), found["alarm"].max(), conclusion.tolerance)) * 1.06
    figure = go.Figure()
    figure.add_scatter(
        x=[0, end],
        y=[0, end],
        mode="lines",
        name="all of it found",
        hoverinfo="skip",
        line={"color": RULE, "dash": "dash", "width": 1.5},
    )
    for name, (stuck, alarm), look in DETECTIONS:
        rows = found[(found["stuck"] == stuck) & (alarmed == alarm)]
        if not rows.empty:
            figure.add_scatter(
                x=rows["short"].to_list(),
                y=rows["alarm"].to_list(),
                mode="markers",
                name=f"{name} ({len(rows)})",
                legendgroup=name,
                marker={"size": 10, "line": {"width": 1.5}, **look},
                hovertemplate=hover("short by %{x:.4g}, certificate found %{y:.4g}"),
            )
    frame_ends = {"range": [-0.04 * end, end]}
    figure.update_xaxes(title="how far below the best known", **frame_ends)
    figure.update_yaxes(title="how much higher the certificate got", **frame_ends)
    yield _alarms(found, alarmed)
    yield Picture(
        "outcome",
        styled(figure, 420, aspect=0.95),
        "Each data set: how far below the best log-likelihood known EM stopped, and how much "
        "higher the certificate found one.",
        "In units of log-likelihood. On the dashed line the certificate found the best optimum "
        "known; on the ground it found nothing.",
        "What EM missed, and what the certificate found",
    )


def _alarms(found: pd.DataFrame, alarmed: pd.Series) -> SortableTable:
    rows = []
    for name, stuck in (("stopped in a local optimum", True), ("reached the best known", False)):
        here = found["stuck"] == stuck
        counts = [int(here.sum()), int((here & alarmed).sum()), int((here & ~alarmed).sum())]
        rows.append([TableCell(name), *(TableCell(str(count), count) for count in counts)])
    columns = [TableColumn(name) for name in ("EM", "data sets", "alarm", "no alarm")]
    return SortableTable(
        "EM from the starts under suspicion, and the certificate’s alarm", columns, rows
    )


def _intervals(found: pd.DataFrame, *, thickness: float, width: int) -> dict[str, Any]:
    """Return the intervals of shares as error bars."""
    shares = found["share"].to_list()
    ends = [wilson_interval(*pair) for pair in zip(shares, found["n"], strict=True)]
    pairs = list(zip(shares, ends, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - share for share, (_, high) in pairs],
        "arrayminus": [share - low for share, (low, _) in pairs],
        "thickness": thickness,
        "width": width,
    }


def _setting(values: pd.Series) -> str:
    first, *others = [
        written(value) if index == 0 else f"{short_name(str(name))} = {written(value)}"
        for index, (name, value) in enumerate(values.items())
    ]
    return f"{first} ({', '.join(others)})" if others else first
