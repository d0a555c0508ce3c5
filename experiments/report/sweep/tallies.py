"""What a sweep's conclusion counts, drawn: shares with their errors, alarms beside shortfalls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from experiments.config.conclusion import Conclusion, Detected, ReachedBest, Winner
from experiments.report.page.blocks import Block, Cell, Column, Picture, Table
from experiments.report.page.theme import COLOURS, RULE, component_colour, plain, styled
from experiments.report.sweep.axes import short_name, written
from experiments.sweeps.tallies import optima, shares_that_chose, shares_that_reached

PATTERNS = ("", "/", "x", ".", "\\", "-", "+")
LONGEST_SETTING = 36
SHARE = {"tickformat": ".0%", "range": [-0.01, 1.04], "dtick": 0.25}


@singledispatch
def outcome_blocks(conclusion: Conclusion, frame: pd.DataFrame) -> Iterator[Block]:
    """Yield what shows the numbers of a conclusion; nothing where its columns do so already.

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
    errors = np.sqrt(found["share"] * (1 - found["share"]) / found["n"])
    figure = go.Figure()
    figure.add_bar(
        x=found["share"].to_list(),
        # On two lines: a phone is narrow.
        y=[plain(label, LONGEST_SETTING).replace(" (", "<br>(") for label in labels],
        orientation="h",
        error_x={"type": "data", "array": _drawn(errors), "thickness": 1.8, "width": 5,
                 "color": RULE},
        marker={"color": COLOURS["em"], "line": {"width": 0}}, showlegend=False,
        customdata=found["n"].to_list(),
        hovertemplate="%{y}: %{x:.1%} of %{customdata} tries<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title="share of tries", **{**SHARE, "dtick": 0.5})
    figure.update_yaxes(autorange="reversed")
    said = ", ".join(f"{label} {share:.0%}" for label, share in zip(labels, found["share"],
                                                                    strict=True))  # fmt: skip
    yield Picture(
        "outcome", styled(figure, 110 + 44 * len(found)),
        f"Share of tries that reached the best optimum known, by setting: {said}.",
        "Bars are binomial standard errors. The best known is over all settings on the same data.",
        "How often each setting reached the best optimum",
    )  # fmt: skip


@outcome_blocks.register
def _won(conclusion: Winner, frame: pd.DataFrame) -> Iterator[Block]:
    figure, said = go.Figure(), []
    for column, label in conclusion.values.items():
        found = shares_that_chose(conclusion, column, frame)
        for value, rows in found.groupby("by", sort=False):
            name = f"{conclusion.by_label} {written(value)}" if conclusion.by else label
            index = len(figure.data)
            errors = np.sqrt(rows["share"] * (1 - rows["share"]) / rows["n"])
            figure.add_bar(
                x=[plain(written(setting)) for setting in rows["setting"]],
                y=_drawn(rows["share"]), name=plain(name), legendgroup=name,
                error_y={"type": "data", "array": _drawn(errors), "thickness": 1.5, "width": 4,
                         "color": RULE},
                marker={"color": component_colour(index), "line": {"width": 0},
                        "pattern": {"shape": PATTERNS[index % len(PATTERNS)], "solidity": 0.25}},
                hovertemplate=f"{plain(name)}: %{{x}} in %{{y:.0%}} of {rows['n'].iloc[0]} data "
                "sets<extra></extra>",
            )  # fmt: skip
            best = rows.iloc[int(rows["share"].argmax())]
            said.append(f"{name} most often {written(best['setting'])} ({best['share']:.0%})")
    if not figure.data:
        return
    labels = list(conclusion.values.values())
    what = labels[0] if len(labels) == 1 else "each criterion"
    figure.update_xaxes(title=plain(short_name(conclusion.setting)), type="category")
    figure.update_yaxes(title="share of data sets", **SHARE)
    figure.update_layout(barmode="group", bargap=0.2)
    yield Picture(
        "outcome", styled(figure, 340, aspect=0.8),
        f"Share of data sets on which each setting was chosen: {'; '.join(said)}.",
        "Bars are binomial standard errors.",
        f"What {what} chose",
    )  # fmt: skip


@outcome_blocks.register
def _detected(conclusion: Detected, frame: pd.DataFrame) -> Iterator[Block]:
    found = optima(conclusion, frame)
    if found.empty:
        return
    kinds = {
        "stopped short, and the certificate said so": (True, True, "circle", component_colour(0)),
        "stopped short, unnoticed": (True, False, "x", component_colour(1)),
        "at the best known, false alarm": (False, True, "diamond", component_colour(2)),
        "at the best known, no alarm": (False, False, "circle-open", RULE),
    }
    alarmed = found["alarm"] > 0
    end = float(max(found["short"].max(), found["alarm"].max(), conclusion.tolerance)) * 1.06
    figure = go.Figure()
    figure.add_scatter(
        x=[0, end], y=[0, end], mode="lines", name="all of it found", hoverinfo="skip",
        line={"color": RULE, "dash": "dash", "width": 1.5},
    )  # fmt: skip
    for name, (stuck, alarm, symbol, colour) in kinds.items():
        rows = found[(found["stuck"] == stuck) & (alarmed == alarm)]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["short"].to_list(), y=rows["alarm"].to_list(), mode="markers",
            name=f"{name} ({len(rows)})", legendgroup=name,
            marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 1.5}},
            hovertemplate="short by %{x:.4g}, certificate found %{y:.4g}<extra></extra>",
        )  # fmt: skip
    frame_ends = {"range": [-0.04 * end, end]}
    figure.update_xaxes(title="how far EM stopped below the best known", **frame_ends)
    figure.update_yaxes(title="how much higher the certificate got", **frame_ends)
    yield _alarms(found, alarmed)
    yield Picture(
        "outcome", styled(figure, 420, aspect=0.95),
        "Each data set: how far below the best log-likelihood known EM stopped, and how much "
        "higher the certificate found one.",
        "In units of log-likelihood. On the dashed line the certificate found the best optimum "
        "known; on the ground it found nothing.",
        "What EM missed, and what the certificate found",
    )  # fmt: skip


def _alarms(found: pd.DataFrame, alarmed: pd.Series) -> Table:
    rows = []
    for name, stuck in (("stopped in a local optimum", True), ("reached the best known", False)):
        here = found["stuck"] == stuck
        counts = [int(here.sum()), int((here & alarmed).sum()), int((here & ~alarmed).sum())]
        rows.append([Cell(name), *(Cell(str(count), count) for count in counts)])
    columns = [Column(name) for name in ("EM", "data sets", "alarm", "no alarm")]
    return Table("EM from the starts under suspicion, and the certificate’s alarm", columns, rows)


def _drawn(values: Iterable[float]) -> list[float | None]:
    """Leave out what is nothing: an error bar without length is a stray mark."""
    return [float(value) if value > 0 else None for value in values]


def _setting(values: pd.Series) -> str:
    first, *others = [
        written(value) if index == 0 else f"{short_name(str(name))} = {written(value)}"
        for index, (name, value) in enumerate(values.items())
    ]
    return f"{first} ({', '.join(others)})" if others else first
