"""The posterior's health: ranks, R-hat and effective sample sizes, label switching."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy.stats import kstwobign, rankdata

from experiments.analysis.thresholds import THRESHOLDS
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.labels import IN_A_PANEL, feature_labels, parameter_labels
from experiments.report.page.theme import (
    COLOURS,
    RULE,
    compact,
    component_colour,
    hover,
    legend_entry,
    side_by_side,
    stacked,
    styled,
    titles_at_left,
)
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import Health

# Parameters in the figure of R-hat, and panels of rank plots: the worst come first.
MAX_SHOWN = 30
MAX_RANKED = 6
# Chains are told apart by their colours, which are shades of the posterior's, and by their dashes.
CHAIN_COLOURS = ("#d55e00", "#a6761d", "#e0a458", "#d6336c")
CHAIN_DASHES = ("solid", "dash", "dot", "dashdot")
# Of the band that chains should not leave.
BAND = "rgba(128, 128, 128, 0.28)"


def limit_of(comparison: ComparisonValues, identity: str) -> float:
    """Return where a number begins to be a warning: as its finding says, else as usual.

    Parameters
    ----------
    comparison : ComparisonValues
    identity : str
        Of the finding, such as ``"posterior-r-hat"``.
    """
    used = (finding.threshold for finding in comparison.verdict if finding.id == identity)
    return next(used, THRESHOLDS[identity].warn)


def health_of(comparison: ComparisonValues) -> Health:
    """Return the posterior's diagnostics.

    Raises
    ------
    UsageError
        If there is no posterior.
    """
    if comparison.illustration.health is None:
        raise UsageError("no posterior to show: engine 'bayes' was not fitted")
    return comparison.illustration.health


def convergence_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw R-hat before and after alignment, and effective sample sizes, the worst first.

    Raises
    ------
    UsageError
        If there is no posterior.
    """
    health = health_of(comparison)
    known = [-math.inf if value is None else value for value in health.r_hat]
    ess = [math.inf if value is None else value for value in health.ess_bulk]
    order = sorted(range(len(known)), key=lambda i: (-known[i], ess[i]))[:MAX_SHOWN]
    labels = parameter_labels(comparison, [health.parameters[i] for i in order])
    # The panels share their labels, which would cover the marks of the left one in the middle.
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.06)
    dots = [
        ("R-hat, labels as they fell", health.r_hat_before, "circle-open", 1),
        ("R-hat, aligned", health.r_hat, "circle", 1),
        ("effective draws, bulk", health.ess_bulk, "square", 2),
        ("effective draws, tails", health.ess_tail, "diamond-open", 2),
    ]
    look = {"size": 9, "color": COLOURS["bayes"], "line": {"width": 1.5}}
    for name, values, symbol, column in dots:
        # Without the sampler's own labels there is no R-hat before alignment.
        if values:
            figure.add_scatter(
                x=[values[i] for i in order],
                y=labels,
                mode="markers",
                name=name,
                marker={"symbol": symbol, **look},
                hovertemplate=hover("%{y}: %{x:.4~r}"),
                row=1,
                col=column,
            )
    dashed = {"color": RULE, "dash": "dash", "width": 1.5}
    for column, identity in enumerate(("posterior-r-hat", "posterior-ess"), start=1):
        figure.add_vline(x=limit_of(comparison, identity), line=dashed, row=1, col=column)
    figure.update_xaxes(title="R-hat", rangemode="normal", nticks=5, row=1, col=1)
    # On a phone numbers of four digits have room for few ticks.
    figure.update_xaxes(title="effective draws", rangemode="tozero", nticks=4, row=1, col=2)
    figure.update_xaxes(tickangle=0)
    figure.update_yaxes(autorange="reversed", showgrid=True, dtick=1, tickfont_size=11)
    height = 110 + 20 * len(order)
    return side_by_side(styled(figure, height), 2 * height, 0.46)


def ranks_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw rank plots of the parameters with the largest R-hat.

    A curve is a chain's share of the draws up to a rank, less what it would be if all chains were
    alike (Säilynoja, Bürkner & Vehtari 2022). The band is Kolmogorov's at the chain's effective
    number of draws. A chain that is like the others leaves it with a probability of 5%.

    Raises
    ------
    UsageError
        If there is no posterior.
    """
    health = health_of(comparison)
    names = health.traced[:MAX_RANKED]
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    titles = parameter_labels(comparison, names)
    spacing = {"horizontal_spacing": 0.06, "vertical_spacing": min(0.3, 0.22 / rows)}
    shared = {"shared_xaxes": True, "shared_yaxes": True}
    places: list[dict[str, Any] | None] = [
        {} if place < len(names) else None for place in range(rows * columns)
    ]
    specs = [places[row * columns : (row + 1) * columns] for row in range(rows)]
    figure = make_subplots(rows, columns, subplot_titles=titles, specs=specs, **shared, **spacing)
    for index, (name, trace) in enumerate(zip(names, health.traces, strict=False)):
        row, column = divmod(index, columns)
        cell = {"row": row + 1, "col": column + 1}
        ess = health.ess_bulk[health.parameters.index(name)]
        _add_ranks(figure, np.asarray(trace), ess, first=index == 0, **cell)
    for annotation in figure.layout.annotations:
        annotation.update(font={"size": 13})
    farthest = max(float(np.abs(trace.y).max()) for trace in figure.data)
    figure.update_yaxes(range=[-1.08 * farthest, 1.08 * farthest])
    figure.update_xaxes(tickvals=[0, 0.5, 1], range=[0, 1])
    figure.update_xaxes(title="share of all draws", row=rows)
    return stacked(styled(figure, 80 + 170 * rows), 190)


def _add_ranks(
    figure: go.Figure, chains: FloatArray, ess: float | None, *, first: bool, **cell: int
) -> None:
    """Draw one parameter's chains, shape (C, S); only the first panel has a legend."""
    n_chains, n_draws = chains.shape
    share = rankdata(chains).reshape(chains.shape) / chains.size
    grid = np.linspace(0, 1, 101)
    size = min(n_draws, n_draws if ess is None else ess / n_chains)
    # All draws contain the chain's own, which lowers the variance of the difference by the factor
    # 1 - 1 / n_chains. With a single chain the difference is zero.
    width = float(kstwobign.ppf(0.95)) * math.sqrt((1 - 1 / n_chains) / size)
    figure.add_scatter(
        x=[0, 1, 1, 0],
        y=[width, width, -width, -width],
        mode="lines",
        line={"width": 1, "color": RULE, "dash": "dot"},
        fill="toself",
        fillcolor=BAND,
        name="95&#37; of chains that agree",
        legendgroup="band",
        showlegend=first,
        hoverinfo="skip",
        **cell,
    )
    for index, ranks in enumerate(share):
        name = f"chain {index + 1}"
        curve = np.searchsorted(np.sort(ranks), grid, side="right") / n_draws - grid
        dash = CHAIN_DASHES[index % len(CHAIN_DASHES)]
        figure.add_scatter(
            x=compact(grid),
            y=compact(curve),
            mode="lines",
            hovertemplate=hover(f"{name}: %{{y:+.3f}}"),
            line={
                "color": CHAIN_COLOURS[index % len(CHAIN_COLOURS)],
                "width": 1.8,
                "dash": dash,
            },
            **legend_entry(name, first),
            **cell,
        )


def switching_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the component means of one feature through the chains, before and after alignment.

    Raises
    ------
    UsageError
        If there is no posterior.
    """
    health = health_of(comparison)
    names = feature_labels(comparison.dataset.feature_names, IN_A_PANEL)
    feature = names[health.switching_feature]
    parts = {"labels as they fell": health.switching_before, "aligned": health.switching_after}
    figure = make_subplots(
        2, 1, shared_xaxes=True, shared_yaxes=True, vertical_spacing=0.1, subplot_titles=list(parts)
    )
    n_chains = len(health.switching_after[0])
    for row, components in enumerate(parts.values(), start=1):
        for k, chains in enumerate(components):
            # The chains follow one another, with a gap between two of them.
            gap = [np.nan]
            y = np.concatenate([part for chain in chains for part in (chain, gap)])
            x = np.arange(len(y)) / (len(y) / n_chains) + 0.5
            figure.add_scatter(
                x=compact(x),
                y=compact(y),
                mode="lines",
                line={"color": component_colour(k), "width": 1.2},
                hoverinfo="skip",
                **legend_entry(f"component {k + 1}", row == 1),
                row=row,
                col=1,
            )
    titles_at_left(figure)
    figure.update_xaxes(tickvals=list(range(1, n_chains + 1)), showgrid=False)
    figure.update_xaxes(title="chain", row=2, col=1)
    figure.update_yaxes(title={"text": f"mean of {feature}", "font": {"size": 12}})
    return styled(figure, 420, aspect=1.0)
