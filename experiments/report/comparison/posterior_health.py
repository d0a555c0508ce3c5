"""The posterior's health: ranks, R-hat and effective sample sizes, label switching."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy.stats import kstwobign, rankdata

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.page.theme import (
    COLOURS,
    GRID,
    RULE,
    compact,
    component_colour,
    plain,
    side_by_side,
    styled,
)
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import Health

R_HAT_LIMIT, ESS_LIMIT = 1.01, 400
MAX_ROWS = 30
MAX_RANKED = 6
# Chains share the posterior's colour and are told apart by their dashes.
CHAIN_DASHES = ("solid", "dash", "dot", "dashdot")


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
    """Draw R-hat before and after alignment, and effective sample sizes, the worst first."""
    health = health_of(comparison)
    known = [-math.inf if value is None else value for value in health.r_hat]
    ess = [math.inf if value is None else value for value in health.ess_bulk]
    order = sorted(range(len(known)), key=lambda i: (-known[i], ess[i]))[:MAX_ROWS]
    labels = [_label(comparison, health.parameters[i]) for i in order]
    figure = make_subplots(1, 2, shared_yaxes=False, horizontal_spacing=0.2)
    dots = [
        ("R-hat, labels as they fell", health.r_hat_before, "circle-open", COLOURS["bayes"], 1),
        ("R-hat, aligned", health.r_hat, "circle", COLOURS["bayes"], 1),
        ("effective draws, bulk", health.ess_bulk, "square", COLOURS["bayes"], 2),
        ("effective draws, tails", health.ess_tail, "diamond-open", COLOURS["bayes"], 2),
    ]
    for name, values, symbol, colour, column in dots:
        if not values:
            continue
        figure.add_scatter(
            x=[values[i] for i in order], y=labels, mode="markers", name=name,
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1.5}},
            hovertemplate="%{y}: %{x:.4~r}<extra></extra>", row=1, col=column,
        )  # fmt: skip
    for column, limit in ((1, R_HAT_LIMIT), (2, ESS_LIMIT)):
        figure.add_vline(
            x=limit, line={"color": RULE, "dash": "dash", "width": 1.5}, row=1, col=column
        )
    figure.update_xaxes(title="R-hat", rangemode="normal", nticks=6, row=1, col=1)
    figure.update_xaxes(title="effective draws", rangemode="tozero", nticks=5, row=1, col=2)
    figure.update_yaxes(autorange="reversed", showgrid=True)
    height = 110 + 20 * len(order)
    return side_by_side(styled(figure, height), 2 * height, 0.46)


def ranks_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw rank plots of the parameters with the largest R-hat.

    Each chain's share of the draws up to a rank, less what it would be if all chains were alike
    (Säilynoja, Bürkner & Vehtari 2022). A chain that is alike leaves the band, Kolmogorov's at the
    chain's effective number of draws, with a chance of 5%.
    """
    health = health_of(comparison)
    names = health.traced[:MAX_RANKED]
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = make_subplots(
        rows, columns, subplot_titles=[_label(comparison, name) for name in names],
        shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.06,
        vertical_spacing=min(0.3, 0.22 / rows),
    )  # fmt: skip
    for index, (name, trace) in enumerate(zip(names, health.traces, strict=False)):
        row, column = divmod(index, columns)
        ess = health.ess_bulk[health.parameters.index(name)]
        _add_ranks(figure, np.asarray(trace), ess, index == 0, row + 1, column + 1)
    for annotation in figure.layout.annotations:
        annotation.update(font={"size": 13})
    figure.update_xaxes(tickvals=[0, 0.5, 1])
    figure.update_xaxes(title="share of all draws", row=rows)
    return styled(figure, 80 + 170 * rows)


def _add_ranks(
    figure: go.Figure, chains: FloatArray, ess: float | None, first: bool, row: int, column: int
) -> None:
    n_chains, n_draws = chains.shape
    share = rankdata(chains).reshape(chains.shape) / chains.size
    grid = np.linspace(0, 1, 101)
    size = min(n_draws, n_draws if ess is None else ess / n_chains)
    # The share among all draws contains the chain itself: of one chain the difference is nothing.
    width = float(kstwobign.ppf(0.95)) * math.sqrt((1 - 1 / n_chains) / size)
    cell = {"row": row, "col": column}
    figure.add_scatter(
        x=[0, 1, 1, 0], y=[width, width, -width, -width], mode="lines", line={"width": 0},
        fill="toself", fillcolor=GRID, name="95&#37; of chains that agree", legendgroup="band",
        showlegend=first, hoverinfo="skip", **cell,
    )  # fmt: skip
    for index, ranks in enumerate(share):
        name = f"chain {index + 1}"
        curve = np.searchsorted(np.sort(ranks), grid, side="right") / n_draws - grid
        figure.add_scatter(
            x=compact(grid), y=compact(curve), mode="lines", name=name, legendgroup=name,
            showlegend=first, hovertemplate=f"{name}: %{{y:+.3f}}<extra></extra>",
            line={"color": COLOURS["bayes"], "width": 1.8,
                  "dash": CHAIN_DASHES[index % len(CHAIN_DASHES)]}, **cell,
        )  # fmt: skip


def switching_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the component means of one feature through the chains, before and after alignment."""
    health = health_of(comparison)
    feature = plain(comparison.dataset.feature_names[health.switching_feature])
    parts = {"labels as they fell": health.switching_before, "aligned": health.switching_after}
    figure = make_subplots(
        2, 1, shared_xaxes=True, shared_yaxes=True, vertical_spacing=0.1, subplot_titles=list(parts)
    )
    n_chains = len(health.switching_after[0])
    for row, components in enumerate(parts.values(), start=1):
        for k, chains in enumerate(components):
            gap = [np.nan]
            # Chains follow one another, with a gap between.
            y = np.concatenate([part for chain in chains for part in (chain, gap)])
            x = np.arange(len(y)) / (len(y) / n_chains) + 0.5
            figure.add_scatter(
                x=compact(x), y=compact(y), mode="lines", name=f"component {k + 1}",
                legendgroup=f"component {k + 1}", showlegend=row == 1,
                line={"color": component_colour(k), "width": 1.2}, hoverinfo="skip",
                row=row, col=1,
            )  # fmt: skip
    for annotation in figure.layout.annotations:
        annotation.update(x=0, xanchor="left", font={"size": 13})
    figure.update_xaxes(tickvals=list(range(1, n_chains + 1)), showgrid=False)
    figure.update_xaxes(title="chain", row=2, col=1)
    figure.update_yaxes(title=f"mean of {feature}")
    return styled(figure, 420, aspect=1.0)


def _label(comparison: ComparisonValues, name: str) -> str:
    kind = name.partition("[")[0]
    return plain(f"{kind} {comparison.layout.label(name, comparison.dataset.feature_names)}")
