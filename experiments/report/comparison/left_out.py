"""How surely leave-one-out is known: Pareto k, row by row."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from experiments.analysis.thresholds import THRESHOLDS
from experiments.core.errors import UsageError
from experiments.core.words import listed
from experiments.report.page.theme import POINT, RULE, hover, rows_at, styled
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import LeftOutRows

# Beyond this the mean of the weights does not exist, and the verdict says so.
NO_MEAN = THRESHOLDS["loo"].warn
# The axis ends here: rows beyond are triangles at its end.
MAX_SHOWN = 1.6
# Rows that the caption names.
MAX_NAMED = 12
COLOURS = ("#56b4e9", "#e69f00", "#d55e00")


def left_out_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw Pareto k of each row that was left out, with the limits that it should not exceed.

    Raises
    ------
    UsageError
        If there is no posterior, or it has too few draws.
    """
    found = _left_out(comparison)
    k = np.array([np.inf if value is None else value for value in found.pareto_k])
    heights = np.minimum(k, MAX_SHOWN)
    level = np.searchsorted([found.limit, NO_MEAN], heights)
    names = (
        f"k up to {found.limit:g}",
        f"k from {found.limit:g} to {NO_MEAN:g}",
        f"k above {NO_MEAN:g}",
    )
    points = [
        -1 - row if at is None else at for row, at in zip(found.rows, found.points, strict=True)
    ]
    figure = go.Figure()
    for limit in (found.limit, NO_MEAN):
        figure.add_hline(y=limit, line={"color": RULE, "dash": "dash", "width": 1.5})
    for place, name in enumerate(names):
        rows = np.flatnonzero(level == place)
        if rows.size == 0:
            continue
        figure.add_scatter(
            x=[found.rows[i] for i in rows],
            y=heights[rows],
            mode="markers",
            name=name,
            marker={
                "size": 6 if place == 0 else 9,
                "color": COLOURS[place],
                "symbol": ["triangle-up" if k[i] > MAX_SHOWN else "circle" for i in rows],
                "line": {"width": 0.5, "color": POINT},
            },
            customdata=["too large to say" if np.isinf(k[i]) else f"{k[i]:.2f}" for i in rows],
            hovertemplate=hover("row %{x}: Pareto k %{customdata}"),
            **rows_at(points[i] for i in rows),
        )
    figure.update_xaxes(title="row of the data", nticks=6, tickformat="~f")
    bottom, top = min(0.0, heights.min()) - 0.1, max(NO_MEAN, heights.max()) + 0.1
    ticks = [-0.5, 0.0, found.limit, NO_MEAN, MAX_SHOWN]
    figure.update_yaxes(title="Pareto k", range=[bottom, top], tickvals=ticks)
    return styled(figure, 340, aspect=0.8)


def left_out_text(comparison: ComparisonValues) -> str:
    """Say what Pareto k is, and which rows have a large one."""
    found, data = _left_out(comparison), comparison.dataset
    some = ""
    if found.n_rows < data.n_samples:
        some = f" Of {data.n_samples} rows {found.n_rows} drawn at random were left out in turn."
    if len(found.rows) < found.n_rows:
        some += f" Of these {len(found.rows)} are drawn here, those with the largest k among them."
    beyond = ""
    if any(value is None or value > MAX_SHOWN for value in found.pareto_k):
        beyond = f" Triangles at the upper end are rows above {MAX_SHOWN:g}."
    return (
        "What the posterior would be without a row is computed from its draws, each with a "
        "weight. Pareto k says how much these weights depend on a few draws. Up to "
        f"{found.limit:g} the result can be trusted; above {found.limit:g} the row decides so "
        f"much that it cannot; above {NO_MEAN:g} the weights do not even have a mean. A large k "
        "belongs to a row that the model finds surprising, or that a component has nearly to "
        f"itself. {_named(found)}{beyond}{some}"
    )


def _named(found: LeftOutRows) -> str:
    """Name the rows above the limit, the largest k first."""
    k = [np.inf if value is None else value for value in found.pareto_k]
    high = [i for i in np.argsort(-np.array(k), kind="stable") if k[i] > found.limit]
    if not high:
        return f"No row is above {found.limit:g}."
    named = [
        f"{found.rows[i]} ({'too large to say' if np.isinf(k[i]) else f'{k[i]:.2f}'})"
        for i in high[:MAX_NAMED]
    ]
    if len(high) > MAX_NAMED:
        named.append(f"{len(high) - MAX_NAMED} more")
    row = "Row" if len(high) == 1 else "Rows"
    verb = "is" if len(high) == 1 else "are"
    return f"{row} {listed(named)} {verb} above {found.limit:g}, with k in brackets."


def _left_out(comparison: ComparisonValues) -> LeftOutRows:
    if comparison.illustration.left_out is None:
        raise UsageError("no rows left out to show: it needs a posterior of 100 draws or more")
    return comparison.illustration.left_out
