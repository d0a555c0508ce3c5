"""The page of a calibration: how far each quantity's ranks are from uniform."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.calibration.result import ALPHA, Calibrated
from experiments.calibration.uniformity import Uniformity
from experiments.report.page.blocks import Block, Facts, Note, PageSection, Picture
from experiments.report.page.document import render, write
from experiments.report.page.theme import (
    COLOURS,
    OTHER_COLOUR,
    legend_entry,
    plain,
    stacked,
    styled,
    tint,
)
from experiments.report.provenance import duration
from experiments.report.verdict import VerdictList
from experiments.values.comparison import Finding

_COLUMNS = 3
_PANEL_HEIGHT = 190
# Uniform ranks and others are told apart by colour and by dash.
_UNIFORM = {"color": COLOURS["em"], "dash": "solid", "shape": "hv"}
_NOT_UNIFORM = {"color": COLOURS["bayes"], "dash": "dot", "shape": "hv"}


def write_calibration_report(result: Calibrated, path: Path) -> Path:
    """Write the page as one file, which loads no other, and return `path`."""
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
    least = min(result.p_values.values(), default=1.0)
    finding = Finding(
        id="calibration", level=result.level, text=result.sentence, value=least, threshold=ALPHA
    )
    picture = Picture("ranks", ranks_figure(result), "Rank ECDF differences with bands", caption)
    sections = [
        PageSection("verdict", "Verdict", [VerdictList([finding])]),
        PageSection("ranks", "Ranks of the truth among posterior draws", [picture]),
        PageSection("made", "How it was made", _made(result)),
    ]
    return write(render(f"Calibration of {result.name}", lead, sections), path)


def _made(result: Calibrated) -> list[Block]:
    """Say what was simulated, and how."""
    how = (
        "Truths are drawn from the prior, data from the truths, and the posterior of each data set "
        "is drawn by the sampler. The rank of a truth among the draws of its posterior is uniform "
        "if the sampler is exact (Talts et al. 2018)."
    )
    size = result.size
    facts = [
        ("sampler", result.sampler),
        ("each data set", f"{size['n_samples']} rows, {size['n_features']} features"),
        ("components", str(size["n_components"])),
        ("simulations", str(result.n_sims)),
        ("draws in which a truth is ranked", str(result.n_ranks - 1)),
        ("simulations whose draws are worth fewer", str(result.n_short)),
        ("time of the last run", duration(result.seconds)),
    ]
    return [Note(how, kind="plain"), Facts(facts)]


def ranks_figure(result: Calibrated) -> go.Figure:
    """Draw a panel for each quantity: ECDF difference and its simultaneous band."""
    names = list(result.p_values)
    n_rows = math.ceil(len(names) / _COLUMNS)
    titles = [f"{plain(name)}, p = {result.p_values[name]:.2g}" for name in names]
    gap = 0.35 / max(n_rows, 1) ** 1.2
    shared = {"shared_xaxes": "all", "shared_yaxes": "all", "subplot_titles": titles}
    spacing = {"horizontal_spacing": 0.04, "vertical_spacing": gap}
    figure = make_subplots(n_rows, _COLUMNS, **shared, **spacing)
    test = Uniformity(result.n_sims, result.n_ranks)
    low, high = test.band(ALPHA / len(names))
    x = np.round(test.levels, 4)
    for index, name in enumerate(names):
        cell = {"row": index // _COLUMNS + 1, "col": index % _COLUMNS + 1}
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.round(np.concatenate([high, low[::-1]]), 5),
            fill="toself",
            fillcolor=tint(OTHER_COLOUR, 0.3),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            **legend_entry("band", index == 0),
            **cell,
        )
        off = name in result.rejected
        figure.add_scatter(
            x=x,
            y=np.round(test.difference(np.asarray(result.ranks[name])), 5),
            line=_NOT_UNIFORM if off else _UNIFORM,
            mode="lines",
            name="not uniform" if off else "uniform",
            showlegend=False,
            hovertemplate="%{x:.2f}: %{y:.3f}<extra>" + plain(name) + "</extra>",
            **cell,
        )
    for title, axis in zip(figure.layout.annotations, figure.select_xaxes(), strict=False):
        # The buttons of the page are at the right.
        title.update(x=axis.domain[0], xanchor="left", font={"size": 12})
    styled(figure, 80 + _PANEL_HEIGHT * n_rows)
    figure.update_xaxes(title_text="rank of the truth", row=n_rows)
    figure.update_yaxes(title_text="difference", col=1)
    return stacked(figure, _PANEL_HEIGHT)
