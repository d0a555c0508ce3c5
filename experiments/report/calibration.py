"""The page of a calibration: how far each quantity's ranks are from uniform."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.calibration.result import ALPHA, Calibrated
from experiments.calibration.uniformity import Uniformity
from experiments.report.page.blocks import Note, Picture, Section
from experiments.report.page.shell import render, write
from experiments.report.page.theme import COLOURS, OTHER_COLOUR, plain, stacked, styled, tint

_COLUMNS = 3
_PANEL_HEIGHT = 190


def write_page(result: Calibrated, path: Path) -> Path:
    """Write the page, one file that needs nothing but itself; return `path`."""
    size = result.size
    lead = (
        f"{result.sampler}: {result.n_sims} data sets of {size['n_samples']} rows and "
        f"{size['n_features']} features from {size['n_components']} components"
    )
    caption = (
        "The empirical distribution of a quantity's ranks less the uniform distribution. Were the "
        f"sampler exact, all curves would stay within their bands in {1 - ALPHA:.0%} of all "
        "calibrations. A hump: truths lie too low, the sampler's draws too high. A rise, then a "
        "fall below zero: too narrow a posterior; the other way round: too wide."
    )
    section = Section(
        "ranks",
        "Ranks of the truth among posterior draws",
        (
            Note(result.sentence, "lead"),
            Picture("ranks", ranks_figure(result), "Rank ECDF differences with bands", caption),
        ),
    )
    return write(render(f"Calibration of {result.name}", lead, [section]), path)


def ranks_figure(result: Calibrated) -> go.Figure:
    """Draw a panel for each quantity: ECDF difference and its simultaneous band."""
    names = list(result.p_values)
    n_rows = math.ceil(len(names) / _COLUMNS)
    titles = [f"{plain(name)}, p = {result.p_values[name]:.2g}" for name in names]
    figure = make_subplots(
        n_rows, _COLUMNS, shared_xaxes="all", shared_yaxes="all", subplot_titles=titles,
        horizontal_spacing=0.04, vertical_spacing=0.35 / max(n_rows, 1) ** 1.2,
    )  # fmt: skip
    test = Uniformity(result.n_sims, result.n_ranks)
    low, high = test.band(ALPHA / len(names))
    x = np.round(test.levels, 4)
    for index, name in enumerate(names):
        cell = {"row": index // _COLUMNS + 1, "col": index % _COLUMNS + 1}
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.round(np.concatenate([high, low[::-1]]), 5),
            fill="toself", fillcolor=tint(OTHER_COLOUR, 0.3), line={"width": 0}, mode="lines",
            hoverinfo="skip", name="band", legendgroup="band", showlegend=index == 0, **cell,
        )  # fmt: skip
        off = name in result.rejected
        figure.add_scatter(
            x=x,
            y=np.round(test.difference(np.asarray(result.ranks[name])), 5),
            # Told apart by the dash as well as by the colour.
            line={"color": COLOURS["bayes" if off else "em"], "dash": "dot" if off else "solid",
                  "shape": "hv"},
            mode="lines", name="not uniform" if off else "uniform", showlegend=False,
            hovertemplate="%{x:.2f}: %{y:.3f}<extra>" + plain(name) + "</extra>", **cell,
        )  # fmt: skip
    for title, axis in zip(figure.layout.annotations, figure.select_xaxes(), strict=False):
        # At the left: at the right are the buttons of the page.
        title.update(x=axis.domain[0], xanchor="left", font={"size": 12})
    styled(figure, 80 + _PANEL_HEIGHT * n_rows)
    figure.update_xaxes(title_text="rank of the truth", row=n_rows)
    figure.update_yaxes(title_text="difference", col=1)
    return stacked(figure, _PANEL_HEIGHT)
