"""What the prior expects of each feature, drawn beside the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_bayes.core.types import FloatArray

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

_GRID_POINTS = 201
"""At which a density is drawn."""
_LINES = 12
"""Draws whose density is a line of its own."""
_COLUMNS = 3
"""Panels side by side."""
_MAX_POINTS = 2000
"""Rows shown at most."""
_DATA_COLOUR = "#1f2937"
_PRIOR_COLOUR = "#0072b2"
_BANDS = ((0.05, 0.95, 0.15), (0.25, 0.75, 0.3))
"""Lower and upper quantile of the densities, and the band's opacity."""


def plot_prior_predictive(tree: xr.DataTree) -> go.Figure:
    """Return a figure of what the prior expects, with the data for scale.

    For each feature, the marginal density under the prior: bands that hold half and nine tenths of
    the draws' densities at each point, a dozen draws as lines, and the data as a histogram. A
    sensible prior's bands cover the data without being far wider. With two features also the
    prior predictive rows under the data.

    Parameters
    ----------
    tree : xarray.DataTree
        From :func:`sample_prior_predictive`.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - takes half a second to load
    from plotly.subplots import make_subplots  # noqa: PLC0415 - takes half a second to load

    X = tree["observed_data"]["x"].to_numpy()
    names = [_label(name) for name in tree["observed_data"]["feature"].to_numpy()]
    n_features = X.shape[1]
    n_panels = 3 if n_features == 2 else n_features
    columns = min(_COLUMNS, n_panels)
    n_rows = math.ceil(n_panels / columns)
    titles = [*names, *(["both features"] if n_features == 2 else [])]
    cells: list[dict[str, Any] | None] = [{}] * n_panels
    cells += [None] * (n_rows * columns - n_panels)
    figure = make_subplots(
        n_rows,
        columns,
        specs=[cells[row * columns : (row + 1) * columns] for row in range(n_rows)],
        subplot_titles=titles,
        vertical_spacing=0.2 / n_rows,
    )
    for feature in range(n_features):
        row, column = divmod(feature, columns)
        for trace in _marginal(go, tree, X, feature):
            figure.add_trace(trace, row=row + 1, col=column + 1)
        figure.update_yaxes(rangemode="tozero", row=row + 1, col=column + 1)
    if n_features == 2:
        for trace in _points(go, tree, X):
            figure.add_trace(trace, row=1, col=3)
        (low, high) = _window(X[:, 0]), _window(X[:, 1])
        figure.update_xaxes(title_text=names[0], range=low, row=1, col=3)
        figure.update_yaxes(title_text=names[1], range=high, row=1, col=3)
    figure.update_yaxes(title_text="density", col=1)
    figure.update_layout(
        title=f"Prior predictive: {tree['prior'].sizes['draw']} draws, and the data",
        template="plotly_white",
        bargap=0.0,
        height=120 + 300 * n_rows,
        legend={"orientation": "h", "yanchor": "top", "y": -0.12 / n_rows},
    )
    return figure


def _label(name: Any) -> str:
    """Return the name of a feature, or its number."""
    return name if isinstance(name, str) else f"feature {name}"


def _window(values: FloatArray) -> tuple[float, float]:
    """Return the range of the data, widened by as much on either side."""
    low, high = float(values.min()), float(values.max())
    return low - (high - low), high + (high - low)


def marginal_densities(tree: xr.DataTree, feature: int, grid: FloatArray) -> FloatArray:
    """Return every prior draw's marginal density of one feature, shape (S, len(grid))."""
    prior = tree["prior"].isel(chain=0)
    weights = prior["weights"].to_numpy()[:, :, None]
    means = prior["means"].to_numpy()[:, :, feature, None]
    sds = np.sqrt(prior["covariances"].to_numpy()[:, :, feature, feature, None])
    densities = np.exp(-0.5 * ((grid - means) / sds) ** 2) / (math.sqrt(2 * math.pi) * sds)
    return np.asarray((weights * densities).sum(axis=1))


def _marginal(go: Any, tree: xr.DataTree, X: FloatArray, feature: int) -> list[Any]:
    """Return the traces of one feature: the data, bands of prior densities, and some of them."""
    low, high = _window(X[:, feature])
    grid = np.linspace(low, high, _GRID_POINTS)
    densities = marginal_densities(tree, feature, grid)
    first = feature == 0
    traces = [
        go.Histogram(
            x=X[:, feature],
            histnorm="probability density",
            marker_color=_DATA_COLOUR,
            opacity=0.35,
            name="data",
            legendgroup="data",
            showlegend=first,
        )
    ]
    for lower, upper, opacity in _BANDS:
        edges = np.quantile(densities, [lower, upper], axis=0)
        name = f"{upper - lower:.0%} of prior densities"
        traces.append(
            go.Scatter(
                x=np.concatenate([grid, grid[::-1]]),
                y=np.concatenate([edges[1], edges[0][::-1]]),
                fill="toself",
                fillcolor=_PRIOR_COLOUR,
                line_width=0,
                opacity=opacity,
                hoverinfo="skip",
                name=name,
                legendgroup=name,
                showlegend=first,
            )
        )
    # A narrow component's peak would flatten everything else.
    ceiling = 1.5 * max(float(np.quantile(densities, 0.95, axis=0).max()), _peak(X[:, feature]))
    for i, density in enumerate(densities[:_LINES]):
        traces.append(
            go.Scatter(
                x=grid,
                y=np.where(density <= ceiling, density, np.nan),
                mode="lines",
                line={"color": _PRIOR_COLOUR, "width": 0.7},
                opacity=0.6,
                name="draws",
                legendgroup="draws",
                showlegend=first and i == 0,
            )
        )
    return traces


def _peak(values: FloatArray) -> float:
    """Return the height of the highest bar of a histogram."""
    return float(np.histogram(values, bins="auto", density=True)[0].max())


def _points(go: Any, tree: xr.DataTree, X: FloatArray) -> list[Any]:
    """Return the traces of prior predictive rows and of the data in two dimensions."""
    rows = tree["prior_predictive"]["x"].to_numpy().reshape(-1, 2)
    rows = rows[:: math.ceil(len(rows) / _MAX_POINTS)]
    shown = X[:: math.ceil(len(X) / _MAX_POINTS)]
    return [
        go.Scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            marker={"color": colour, "size": size, "opacity": 0.5},
            name=name,
        )
        for points, colour, size, name in (
            (rows, _PRIOR_COLOUR, 3, "prior predictive rows"),
            (shown, _DATA_COLOUR, 4, "rows of the data"),
        )
    ]
