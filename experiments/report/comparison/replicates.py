"""A feature of the data beside data sets that the posterior replicates."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.errors import UsageError
from experiments.report.comparison.labels import feature_labels
from experiments.report.page.theme import (
    COLOURS,
    RULE,
    compact,
    hover,
    legend_entry,
    stacked,
    styled,
    tint,
)
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import FeatureCheck

PANELS = ("density", "excess share of rows up to each value")
DATA, REPLICATED = "data", "replicated data sets"
BAND = "rgba(128, 128, 128, 0.28)"


def replicates_figure(comparison: ComparisonValues, feature: str | None = None) -> go.Figure:
    """Draw a feature of the data beside data sets that the posterior replicates.

    Parameters
    ----------
    comparison : ComparisonValues
    feature : str, optional
        Its name; by default the one that the replicated data sets resemble least.

    Raises
    ------
    UsageError
        If there is no posterior, or the feature is not among those that were checked.
    """
    check = _check_of(comparison, feature)
    label = feature_labels(comparison.dataset.feature_names)[check.feature]
    figure = make_subplots(1, 2, subplot_titles=PANELS, horizontal_spacing=0.08)
    _add_band(figure, check)
    many = zip(check.replicated_densities, check.replicated_excess, strict=True)
    thin = {"color": tint(COLOURS["bayes"], 0.45), "width": 1}
    for place, (density, excess) in enumerate(many):
        _add(figure, REPLICATED, check.grid, (density, excess), thin, first=place == 0)
    data = (check.density, check.excess)
    _add(figure, DATA, check.grid, data, {"color": RULE, "width": 3.5}, first=True)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(title=label, range=[check.grid[0], check.grid[-1]], nticks=6)
    figure.update_yaxes(rangemode="tozero", exponentformat="power", row=1, col=1)
    farthest = 1.08 * max(
        check.band, *(abs(value) for line in (data[1], *check.replicated_excess) for value in line)
    )
    figure.update_yaxes(range=[-farthest, farthest], tickformat=".2~f", row=1, col=2)
    return stacked(styled(figure, 320), 240)


def _check_of(comparison: ComparisonValues, feature: str | None) -> FeatureCheck:
    checks, names = comparison.illustration.feature_checks, comparison.dataset.feature_names
    if not checks:
        raise UsageError("no replicated data to show: it needs a posterior, and its illustration")
    if feature is None:
        return checks[0]
    known = {names[check.feature]: check for check in checks}
    if feature not in known:
        raise UsageError(f"feature = {feature!r}: allowed is {', '.join(known)}")
    return known[feature]


def _add_band(figure: go.Figure, check: FeatureCheck) -> None:
    left, right = check.grid[0], check.grid[-1]
    figure.add_scatter(
        x=[left, right, right, left],
        y=[check.band, check.band, -check.band, -check.band],
        mode="lines",
        line={"width": 1, "color": RULE, "dash": "dot"},
        fill="toself",
        fillcolor=BAND,
        hoverinfo="skip",
        **legend_entry("95&#37; of replicated data sets", shown=True),
        row=1,
        col=2,
    )


def _add(
    figure: go.Figure,
    name: str,
    grid: list[float],
    panels: tuple[list[float], list[float]],
    line: dict[str, Any],
    *,
    first: bool,
) -> None:
    """Draw a data set into both panels."""
    told = (
        {"hovertemplate": hover(f"{name}: %{{y:.3g}}")} if name == DATA else {"hoverinfo": "skip"}
    )
    for column, y in enumerate(panels, start=1):
        figure.add_scatter(
            # The places are evenly spaced: the first and the step are enough.
            x0=grid[0],
            dx=(grid[-1] - grid[0]) / (len(grid) - 1),
            y=compact(y),
            mode="lines",
            line=line,
            **told,
            **legend_entry(name, first and column == 1),
            row=1,
            col=column,
        )
