"""EM, step by step: responsibilities, components and log-likelihood along one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.curves import (
    component_densities,
    ellipses,
    separating_directions,
)
from experiments.report.comparison.views import PROJECTION_NAMES, along
from experiments.report.page.theme import (
    COLOURS,
    COMPONENT_COLOURS,
    POINT,
    RULE,
    compact,
    component_colour,
    plain,
    side_by_side,
    styled,
)
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import EMSteps
from experiments.values.parameters import Parameters
from gmm_em import Mixture

MAX_POINTS = 400
RUNS = ("best", "worse")


def shown_run(comparison: ComparisonValues, run: str) -> EMSteps | None:
    """Return the steps of the best restart or of one that ended in a worse optimum, if kept."""
    best = comparison.illustration.em_best_path
    for steps in comparison.illustration.em_steps:
        if (steps.run == best) == (run == "best"):
            return steps
    return None


def labels_of(steps: EMSteps) -> list[str]:
    """Say at each step which iteration it is and how high the log-likelihood."""
    last = steps.iterations[-1]
    return [
        f"iteration {iteration} of {last}, log-likelihood {value:.2f}"
        for iteration, value in zip(steps.iterations, steps.log_likelihoods, strict=True)
    ]


def steps_figure(comparison: ComparisonValues, run: str = "best") -> go.Figure:
    """Draw one run of EM as frames, the last of them shown first.

    Parameters
    ----------
    comparison : ComparisonValues
    run : {"best", "worse"}
        The restart that was kept, or one that ended in a worse optimum.

    Raises
    ------
    UsageError
        If no such run was kept.
    """
    if run not in RUNS:
        raise UsageError(f"run = {run!r}, allowed is {', '.join(RUNS)}")
    steps = shown_run(comparison, run)
    if steps is None:
        raise UsageError(f"no EM run to show: run = {run!r} was not kept or did not occur")
    scene = Scene(comparison, steps)
    figure = make_subplots(1, 2, column_widths=[0.64, 0.36], horizontal_spacing=0.1)
    for trace in scene.traces(len(steps.mixtures) - 1):
        figure.add_trace(trace, row=1, col=1)
    _add_path(figure, comparison, steps)
    for trace in figure.data:
        trace.showlegend = False
    moving = [*range(scene.n_moving), len(figure.data) - 1]
    figure.frames = [
        go.Frame(
            name=str(index),
            data=[*scene.traces(index), _marker(steps, index)],
            traces=moving,
        )
        for index in range(len(steps.mixtures))
    ]
    scene.label_axes(figure)
    figure.update_xaxes(title="iteration", row=1, col=2)
    figure.update_yaxes(title="log-likelihood", row=1, col=2, tickformat="~f", nticks=6)
    _add_player(figure, steps)
    return side_by_side(styled(figure, 480))


class Scene:
    """The left panel: what a mixture on the way looks like."""

    def __init__(self, comparison: ComparisonValues, steps: EMSteps) -> None:
        points = np.asarray(comparison.illustration.points)
        self._points = points[:: -(-len(points) // MAX_POINTS)]
        self._mixtures = [values.arrays() for values in steps.mixtures]
        self._responsibilities = [
            Mixture(*mixture).responsibilities(self._points) for mixture in self._mixtures
        ]
        names = comparison.dataset.feature_names
        self._one = len(names) == 1
        directions = np.eye(len(names))
        if len(names) > 2:
            directions, names = _directions(comparison), list(PROJECTION_NAMES)
        self._names = names
        self._flat = self._points @ directions
        self._seen = [along(mixture, directions) for mixture in self._mixtures]
        room = 0.06 * np.ptp(self._flat[:, 0])
        self._grid = np.linspace(self._flat[:, 0].min() - room, self._flat[:, 0].max() + room, 121)
        # Far from the start's wild densities, what matters is where the run ends.
        self._top = 1.25 * component_densities(self._seen[-1], 0, self._grid).sum(axis=1).max()

    @property
    def n_moving(self) -> int:
        """How many traces there are: points, a curve for each component, numbers."""
        return 2 + len(self._mixtures[0].weights)

    def traces(self, index: int) -> list[go.Scatter]:
        """Return them at one step."""
        mixture, points = self._seen[index], self._flat
        # One feature: rows lie in a strip below the densities, spread so that they can be seen.
        strip = -self._top * (0.04 + 0.08 * (np.arange(len(points)) * 0.618 % 1))
        dots = go.Scatter(
            x=compact(points[:, 0]),
            y=compact(strip if self._one else points[:, 1]),
            mode="markers",
            marker={
                "size": 6,
                "color": blend(self._responsibilities[index]),
                "line": {"width": 0.5, "color": POINT},
            },
            hoverinfo="skip",
        )
        return [dots, *self._curves(mixture), self._numbers(mixture)]

    def _curves(self, mixture: Parameters) -> Iterator[go.Scatter]:
        for k in range(len(mixture.weights)):
            if self._one:
                x, y = self._grid, component_densities(mixture, 0, self._grid)[:, k]
            else:
                x, y = ellipses(Parameters(*(part[k : k + 1] for part in mixture)), 0, 1, 41)
            yield go.Scatter(
                x=compact(x), y=compact(y), mode="lines", hoverinfo="skip",
                line={"color": component_colour(k), "width": 3},
            )  # fmt: skip

    def _numbers(self, mixture: Parameters) -> go.Scatter:
        heights = mixture.means[:, -1]
        if self._one:
            heights = component_densities(mixture, 0, mixture.means[:, 0]).diagonal()
        return go.Scatter(
            x=compact(mixture.means[:, 0]), y=compact(heights), mode="text",
            text=[f"<b>{k + 1}</b>" for k in range(len(heights))], textfont={"size": 16},
            hoverinfo="skip",
        )  # fmt: skip

    def label_axes(self, figure: go.Figure) -> None:
        """Name the axes and keep them still while components move."""
        cell = {"row": 1, "col": 1}
        figure.update_xaxes(title=plain(self._names[0]), range=_still(self._flat[:, 0]), **cell)
        if self._one:
            figure.update_yaxes(title="density", range=[-0.16 * self._top, self._top], **cell)
        else:
            figure.update_yaxes(title=plain(self._names[1]), range=_still(self._flat[:, 1]), **cell)


def _directions(comparison: ComparisonValues) -> FloatArray:
    """Look at every run from where EM's estimate is told apart best."""
    return separating_directions(comparison.engines["em"].mixture.arrays())


def blend(responsibilities: FloatArray) -> list[str]:
    """Mix the components' colours in proportion to each row's responsibilities."""
    hues = np.array(
        [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COMPONENT_COLOURS], float
    )
    k = responsibilities.shape[1]
    mixed = responsibilities @ hues[np.arange(k) % len(hues)]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in mixed.round().astype(int)]


def _still(values: FloatArray) -> list[float]:
    room = 0.06 * np.ptp(values)
    return [float(values.min() - room), float(values.max() + room)]


def _add_path(figure: go.Figure, comparison: ComparisonValues, steps: EMSteps) -> None:
    cell = {"row": 1, "col": 2}
    figure.add_scatter(
        x=steps.iterations, y=steps.log_likelihoods, mode="lines",
        line={"color": COLOURS["em"], "width": 2.5},
        hovertemplate="iteration %{x}<br>%{y:.4f}<extra></extra>", **cell,
    )  # fmt: skip
    top = comparison.log_likelihood.em
    if top is not None:
        figure.add_hline(
            y=top.train, line={"color": RULE, "dash": "dot", "width": 1.5},
            annotation={"text": "best optimum", "font": {"size": 12}, "yshift": 2},
            annotation_position="top right", **cell,
        )  # fmt: skip
    figure.add_trace(_marker(steps, len(steps.iterations) - 1), **cell)


def _marker(steps: EMSteps, index: int) -> go.Scatter:
    return go.Scatter(
        x=[steps.iterations[index]], y=[steps.log_likelihoods[index]], mode="markers",
        marker={"size": 13, "color": COLOURS["em"], "line": {"width": 2, "color": "white"}},
        hoverinfo="skip",
    )  # fmt: skip


def _add_player(figure: go.Figure, steps: EMSteps) -> None:
    """Add plotly's own slider and button, for notebooks; the page has its own."""
    how: dict[str, Any] = {
        "mode": "immediate", "transition": {"duration": 0},
        "frame": {"duration": 350, "redraw": False},
    }  # fmt: skip
    figure.update_layout(
        sliders=[{
            "active": len(steps.iterations) - 1,
            "currentvalue": {"prefix": "iteration "},
            "pad": {"t": 55},
            "steps": [
                {"method": "animate", "label": str(iteration), "args": [[str(index)], how]}
                for index, iteration in enumerate(steps.iterations)
            ],
        }],
        updatemenus=[{
            "type": "buttons", "direction": "left", "x": 0, "y": 1.02, "xanchor": "left",
            "yanchor": "bottom",
            "buttons": [{"label": "Play", "method": "animate", "args": [None, how]}],
        }],
    )  # fmt: skip
