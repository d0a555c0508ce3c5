"""The interactive figures of the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.comparison import Comparison
from experiments.parameters import Parameters
from experiments.report.geometry import ellipses, marginal_density

# Okabe & Ito (2008), told apart by colour-blind readers: one colour per source, everywhere.
COLOURS = {
    "truth": "#8a8a8a",
    "em": "#0072b2",
    "bayes": "#e69f00",
    "sklearn": "#009e73",
    "sklearn-bayes": "#cc79a7",
    "kmeans": "#d55e00",
}
OTHER_COLOUR = "#56b4e9"
POINT = "rgba(120, 120, 120, 0.45)"
MAX_FEATURES = 4
MAX_PATHS = 30


def colour_of(source: str) -> str:
    """Return the one colour of an engine, or of the truth."""
    return COLOURS.get(source, OTHER_COLOUR)


def mixture_figure(comparison: Comparison) -> go.Figure:
    """Draw the data with truth, EM and posterior draws.

    One feature: a histogram with densities. Two: ellipses. More: every pair of the first
    `MAX_FEATURES` features.
    """
    draw = _histogram if comparison.dataset.n_features == 1 else _pairs
    return draw(comparison)


def paths_figure(comparison: Comparison) -> go.Figure:
    """Draw the log-likelihood path of each EM restart: short runs, runs pursued, the best."""
    illustration = comparison.illustration
    paths = [np.asarray(path) for path in illustration.em_paths]
    kept = illustration.em_best_path
    kinds = {
        "short runs, not pursued": {"color": "rgba(120, 120, 120, 0.5)", "width": 1, "dash": "dot"},
        "runs to convergence": {"color": "rgba(86, 180, 233, 0.9)", "width": 1.5},
        "the best": {"color": COLOURS["em"], "width": 3},
    }
    names = list(kinds)
    chosen = {
        index: names[2 if index == kept else int(illustration.em_finished[index])]
        for index in range(len(paths))
    }
    figure = go.Figure()
    for name, line in kinds.items():
        members = [index for index, kind in chosen.items() if kind == name][:MAX_PATHS]
        for index in members:
            figure.add_scatter(
                x=np.arange(len(paths[index])),
                y=paths[index],
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=index == members[0],
                line=line,
                hovertemplate=f"restart {index + 1}<br>iteration %{{x}}<br>%{{y:.4f}}"
                "<extra></extra>",
            )
    figure.update_yaxes(title="log-likelihood", range=_path_range(paths), tickformat="~f")
    figure.update_xaxes(title="EM iteration")
    return _styled(figure, 380)


def _path_range(paths: list[np.ndarray]) -> list[float]:
    # The first iterations climb from far below: what matters is where the paths end. Less than
    # two units of log-likelihood are no evidence either way, so no axis shows less.
    best = max(float(path[-1]) for path in paths)
    floor = min(best - 2.0, *(float(path[-1]) for path in paths))
    room = 0.06 * (best - floor)
    return [floor - room, best + room]


def _histogram(comparison: Comparison) -> go.Figure:
    x = np.asarray(comparison.illustration.points)[:, 0]
    room = 0.15 * np.ptp(x)
    grid = np.linspace(x.min() - room, x.max() + room, 400)
    figure = go.Figure()
    figure.add_histogram(
        x=x,
        histnorm="probability density",
        name="data",
        marker={"color": POINT},
        nbinsx=int(np.clip(2 * np.sqrt(len(x)), 10, 80)),
    )
    for source in _sources(comparison):
        curves = [(grid, marginal_density(p, 0, grid)) for p in source.mixtures]
        _add_lines(figure, source, curves)
    figure.update_xaxes(title=comparison.dataset.feature_names[0])
    figure.update_yaxes(title="density", exponentformat="power")
    return _styled(figure, 480)


def _pairs(comparison: Comparison) -> go.Figure:
    names = comparison.dataset.feature_names[:MAX_FEATURES]
    points = np.asarray(comparison.illustration.points)
    size = len(names) - 1
    figure = make_subplots(
        size, size, shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.03,
        vertical_spacing=0.03,
    )  # fmt: skip
    for row in range(1, size + 1):
        for column in range(1, row + 1):
            j, i = row, column - 1
            cell = {"row": row, "col": column}
            first = row == column == 1
            figure.add_scattergl(
                x=points[:, i],
                y=points[:, j],
                mode="markers",
                name="data",
                legendgroup="data",
                showlegend=first,
                marker={"size": 5 if size == 1 else 3, "color": POINT},
                hovertemplate="%{x:.4g}, %{y:.4g}<extra></extra>",
                **cell,
            )
            for source in _sources(comparison):
                curves = [ellipses(p, i, j) for p in source.mixtures]
                _add_lines(figure, source, curves, legend=first, **cell)
            _add_numbers(figure, comparison, i, j, **cell)
            if row == size:
                figure.update_xaxes(title=names[i], **cell)
            if column == 1:
                figure.update_yaxes(title=names[j], **cell)
    return _styled(figure, 560 if size == 1 else 260 * size)


@dataclass(frozen=True)
class Source:
    """Something to draw: its name, what the legend says, and its mixtures."""

    name: str
    label: str
    mixtures: list[Parameters]

    @property
    def many(self) -> bool:
        """Whether it is a cloud of draws."""
        return len(self.mixtures) > 1


def _sources(comparison: Comparison) -> Iterator[Source]:
    """Yield what to draw from the back to the front."""
    draws = [values.arrays() for values in comparison.illustration.posterior_mixtures]
    if draws:
        yield Source("bayes", f"posterior ({len(draws)} draws)", draws)
    for name, engine in comparison.engines.items():
        if name != "bayes":
            yield Source(name, engine.title, [engine.mixture.arrays()])
    if comparison.truth is not None:
        yield Source("truth", "truth", [comparison.truth.arrays()])


def _add_lines(
    figure: go.Figure,
    source: Source,
    curves: list[tuple[np.ndarray, np.ndarray]],
    *,
    legend: bool = True,
    **cell: int,
) -> None:
    gap = np.array([np.nan])
    # One trace for all: dozens of draws toggle together and weigh little.
    x = np.concatenate([part for curve in curves for part in (curve[0], gap)])
    y = np.concatenate([part for curve in curves for part in (curve[1], gap)])
    figure.add_scatter(
        x=np.round(x, 6),
        y=np.round(y, 6),
        mode="lines",
        name=source.label,
        legendgroup=source.name,
        showlegend=legend,
        opacity=0.35 if source.many else 1.0,
        line={
            "color": colour_of(source.name),
            "width": 1 if source.many else 3,
            "dash": "dash" if source.name == "truth" else "solid",
        },
        hoverinfo="skip",
        **cell,
    )


def _add_numbers(figure: go.Figure, comparison: Comparison, i: int, j: int, **cell: int) -> None:
    """Write each component's number, as the tables have it, at its centre."""
    means = np.asarray(next(iter(comparison.engines.values())).mixture.means)
    figure.add_scatter(
        x=means[:, i],
        y=means[:, j],
        mode="text",
        text=[f"<b>{k + 1}</b>" for k in range(len(means))],
        textfont={"size": 15},
        showlegend=False,
        hoverinfo="skip",
        **cell,
    )


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 45, "t": 40, "b": 50},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        modebar={
            "orientation": "v",
            "bgcolor": "rgba(0, 0, 0, 0)",
            "color": "#999",
            "activecolor": "#666",
        },
        bargap=0.05,
    )
    lines = {"gridcolor": "rgba(128, 128, 128, 0.2)", "zeroline": False}
    figure.update_xaxes(exponentformat="none", **lines)
    figure.update_yaxes(**lines)
    return figure
