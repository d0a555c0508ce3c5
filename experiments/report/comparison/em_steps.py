"""EM, step by step: responsibilities, components and log-likelihood along one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.coordinates import PROJECTION_NAMES, along
from experiments.report.comparison.curves import (
    component_densities,
    ellipses,
    separating_directions,
)
from experiments.report.page.theme import (
    COLOURS,
    COMPONENT_COLOURS,
    POINT,
    RULE,
    compact,
    component_colour,
    component_numbers,
    hover,
    plain,
    side_by_side,
    spread_evenly,
    styled,
)
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import EMSteps
from experiments.values.parameters import Parameters
from gmm_em import Mixture

# Rows drawn: every step is a picture of its own, so fewer than elsewhere.
MAX_POINTS = 400
# A start that lies below all other steps by this many times their range is not framed.
FAR_BELOW = 3.0
RUNS = ("best", "worse")
LEFT = {"row": 1, "col": 1}
RIGHT = {"row": 1, "col": 2}


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
        figure.add_trace(trace, **LEFT)
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
    figure.update_xaxes(title="iteration", **RIGHT)
    # At the left its title would reach into the other panel where there is little room.
    look = {"title": "log-likelihood", "tickformat": "~f", "nticks": 6, "side": "right"}
    figure.update_yaxes(look, **RIGHT)
    _add_player(figure, steps)
    side_by_side(styled(figure, 480))
    # One above the other the panels have their scales on the same side.
    figure.layout.meta["wide"]["yaxis2.side"] = "right"
    figure.layout.meta["narrow"]["yaxis2.side"] = "left"
    return figure


class Scene:
    """The left panel: the rows and the mixture at each step.

    The axes and the directions of a projection are the same at every step.
    """

    def __init__(self, comparison: ComparisonValues, steps: EMSteps) -> None:
        points = np.asarray(comparison.illustration.points)
        self._points = points[:: max(1, -(-len(points) // MAX_POINTS))]
        self._mixtures = [values.arrays() for values in steps.mixtures]
        self._responsibilities = [
            Mixture(*mixture).responsibilities(self._points) for mixture in self._mixtures
        ]
        names = comparison.dataset.feature_names
        self._one = len(names) == 1
        directions = np.eye(len(names))
        if len(names) > 2:
            directions, names = _final_directions(comparison, steps), list(PROJECTION_NAMES)
        self._names = names
        self._flat = self._points @ directions
        self._seen = [along(mixture, directions) for mixture in self._mixtures]
        room = 0.06 * np.ptp(self._flat[:, 0])
        self._grid = np.linspace(self._flat[:, 0].min() - room, self._flat[:, 0].max() + room, 121)
        # The axis of densities is made for the last step: at a start they may be far higher.
        self._top = 1.25 * component_densities(self._seen[-1], 0, self._grid).sum(axis=1).max()

    @property
    def n_moving(self) -> int:
        """Number of traces that change: the rows, a curve for each component, the numbers."""
        return 2 + len(self._mixtures[0].weights)

    def traces(self, index: int) -> list[go.Scatter]:
        """Return the traces at one step."""
        mixture, points = self._seen[index], self._flat
        # Of one feature the rows lie in a strip below the densities, at heights that spread them.
        strip = -self._top * (0.04 + 0.08 * (spread_evenly(len(points))))
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
                x=compact(x),
                y=compact(y),
                mode="lines",
                hoverinfo="skip",
                line={"color": component_colour(k), "width": 3},
            )

    def _numbers(self, mixture: Parameters) -> go.Scatter:
        heights = mixture.means[:, -1]
        if self._one:
            heights = component_densities(mixture, 0, mixture.means[:, 0]).diagonal()
        x, y = compact(mixture.means[:, 0]), compact(heights)
        return go.Scatter(x=x, y=y, **component_numbers(len(heights), 16))

    def label_axes(self, figure: go.Figure) -> None:
        """Name the axes and keep them still while components move."""
        x = self._flat[:, 0]
        figure.update_xaxes(title=plain(self._names[0]), range=_full_range(x), **LEFT)
        if self._one:
            figure.update_yaxes(title="density", range=[-0.16 * self._top, self._top], **LEFT)
        else:
            y = self._flat[:, 1]
            figure.update_yaxes(title=plain(self._names[1]), range=_full_range(y), **LEFT)


def _final_directions(comparison: ComparisonValues, steps: EMSteps) -> FloatArray:
    """Return the directions that separate the components of the estimate best, for every run."""
    name = comparison.estimate
    final = steps.mixtures[-1] if name is None else comparison.engines[name].mixture
    return separating_directions(final.arrays())


def blend(responsibilities: FloatArray) -> list[str]:
    """Mix the components' colours in proportion to each row's responsibilities."""
    hues = np.array(
        [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COMPONENT_COLOURS], float
    )
    k = responsibilities.shape[1]
    mixed = responsibilities @ hues[np.arange(k) % len(hues)]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in mixed.round().astype(int)]


def _full_range(values: FloatArray) -> list[float]:
    """Return an axis' range that holds all values, so that it need not follow the steps."""
    room = 0.06 * np.ptp(values)
    return [float(values.min() - room), float(values.max() + room)]


def _add_path(figure: go.Figure, comparison: ComparisonValues, steps: EMSteps) -> None:
    """Draw the log-likelihood by iteration, the best optimum found, and where the run stands."""
    figure.add_scatter(
        x=steps.iterations,
        y=[max(_floor(steps), value) for value in steps.log_likelihoods],
        customdata=steps.log_likelihoods,
        mode="lines",
        line={"color": COLOURS["em"], "width": 2.5},
        hovertemplate=hover("iteration %{x}<br>%{customdata:.4f}"),
        **RIGHT,
    )
    top = comparison.log_likelihood.em
    if top is not None:
        figure.add_hline(
            y=top.train,
            line={"color": RULE, "dash": "dot", "width": 1.5},
            annotation={"text": "best optimum", "font": {"size": 12}, "yshift": 2},
            annotation_position="top right",
            **RIGHT,
        )
    figure.add_trace(_marker(steps, len(steps.iterations) - 1), **RIGHT)
    low, high = _floor(steps), max(steps.log_likelihoods)
    high = high if top is None else max(high, top.train)
    room = 0.06 * (high - low) or 1.0
    figure.update_yaxes(range=[low - room, high + room], **RIGHT)


def _floor(steps: EMSteps) -> float:
    """Return where the axis of log-likelihoods begins: at the start, unless that is far below."""
    start, *rest = steps.log_likelihoods
    if not rest:
        return start
    low, high = min(rest), max(rest)
    return max(start, low - FAR_BELOW * max(high - low, 1.0))


def _marker(steps: EMSteps, index: int) -> go.Scatter:
    return go.Scatter(
        x=[steps.iterations[index]],
        # A start that is far below stands at the end of the axis.
        y=[max(_floor(steps), steps.log_likelihoods[index])],
        mode="markers",
        marker={"size": 13, "color": COLOURS["em"], "line": {"width": 2, "color": "white"}},
        hoverinfo="skip",
    )


def _add_player(figure: go.Figure, steps: EMSteps) -> None:
    """Add plotly's own slider and button, for notebooks; the page has its own."""
    still, frame = {"duration": 0}, {"duration": 350, "redraw": False}
    how: dict[str, Any] = {"mode": "immediate", "transition": still, "frame": frame}
    slider = {
        "active": len(steps.iterations) - 1,
        "currentvalue": {"prefix": "iteration "},
        "pad": {"t": 55},
        "steps": [
            {"method": "animate", "label": str(iteration), "args": [[str(index)], how]}
            for index, iteration in enumerate(steps.iterations)
        ],
    }
    menu = {
        "type": "buttons",
        "direction": "left",
        "x": 0,
        "y": 1.02,
        "xanchor": "left",
        "yanchor": "bottom",
        "buttons": [{"label": "Play", "method": "animate", "args": [None, how]}],
    }
    figure.update_layout(sliders=[slider], updatemenus=[menu])
