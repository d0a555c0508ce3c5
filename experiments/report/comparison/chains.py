"""One parameter's chains: where they were, how they are spread, and how slowly they move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy.stats import rankdata

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.labels import parameter_words
from experiments.report.comparison.posterior_health import CHAIN_COLOURS, CHAIN_DASHES, health_of
from experiments.report.page.blocks import Block, Note, Picture, Slide, Slides
from experiments.report.page.theme import RULE, compact, hover, legend_entry, stacked, styled
from experiments.values.comparison import ComparisonValues

PANELS = (
    "trace, draw by draw",
    "density",
    "ranks, as shares of all draws",
    "autocorrelation by lag in draws",
)
# Parameters to choose from: of each a figure is in the page.
MAX_CHOSEN = 8
# Bars of the ranks of each chain, and draws apart up to which autocorrelations are shown.
BINS = 20
MAX_LAG = 40


def chain_blocks(comparison: ComparisonValues) -> Iterator[Block]:
    """Yield the figures of the parameters whose chains are kept, one of which is chosen."""
    health = health_of(comparison)
    if not health.traced:
        return
    every = _spacing(health.draws)
    thinned = (
        ""
        if every == 1
        else f" Of every {every} draws one is shown; lags are counted in draws of the chain."
    )
    yield Note(
        "The chains of one parameter; those with the largest R-hat come first. Chains that agree "
        "cross one another in the trace, have the same density, and have ranks near 1 everywhere: "
        "1 means as many of the chain’s draws as all chains have on average. The sooner the "
        f"autocorrelation falls to zero, the more the draws are worth.{thinned}"
    )
    labels = parameter_words(comparison, health.traced[:MAX_CHOSEN])
    slides = [
        Slide(label, [_picture(comparison, place, label)]) for place, label in enumerate(labels)
    ]
    yield Slides("chains", "Parameter", slides, as_list=True)


def _picture(comparison: ComparisonValues, place: int, label: str) -> Picture:
    name = comparison.illustration.health.traced[place] if comparison.illustration.health else ""
    return Picture(
        f"chain-{place + 1}",
        chains_figure(comparison, name),
        f"Trace, density, ranks and autocorrelation of {label}, chain by chain.",
    )


def chains_figure(comparison: ComparisonValues, parameter: str | None = None) -> go.Figure:
    """Draw the chains of a parameter: trace, density, ranks and autocorrelation.

    Parameters
    ----------
    comparison : ComparisonValues
    parameter : str, optional
        Such as ``"mean[1, 2]"``, among those whose chains are kept, which have the largest R-hat;
        by default the first of them.

    Raises
    ------
    UsageError
        If there is no posterior, or the parameter's chains are not kept.
    """
    health = health_of(comparison)
    name = health.traced[0] if parameter is None and health.traced else parameter
    if name not in health.traced:
        raise UsageError(f"parameter = {name!r}: allowed is {', '.join(health.traced) or 'none'}")
    chains = np.asarray(health.traces[health.traced.index(name)])
    figure = make_subplots(
        2, 2, subplot_titles=PANELS, horizontal_spacing=0.08, vertical_spacing=0.17
    )
    for index, chain in enumerate(chains):
        _add_chain(figure, index, chain, np.asarray(health.draws))
    _add_ranks(figure, chains)
    every = _spacing(health.draws)
    figure.add_hline(y=0, line={"color": RULE, "width": 1}, row=2, col=2)
    figure.update_xaxes(range=[0, 1], row=2, col=1)
    figure.update_yaxes(rangemode="tozero", showticklabels=False, row=1, col=2)
    figure.update_yaxes(rangemode="tozero", row=2, col=1)
    figure.update_xaxes(range=[0, MAX_LAG * every], row=2, col=2)
    return stacked(styled(figure, 480), 190)


def _spacing(draws: list[int]) -> int:
    """Return how many draws apart those that are kept are."""
    return int(np.median(np.diff(draws))) if len(draws) > 1 else 1


def _add_chain(figure: go.Figure, index: int, chain: FloatArray, draws: Any) -> None:
    """Draw the trace, the density and the autocorrelation of one chain."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    name = f"chain {index + 1}"
    colour = CHAIN_COLOURS[index % len(CHAIN_COLOURS)]
    line = {"color": colour, "dash": CHAIN_DASHES[index % len(CHAIN_DASHES)], "width": 1.6}
    _add_line(figure, name, draws, chain, {"color": colour, "width": 1}, row=1, col=1, first=True)
    if np.ptp(chain) == 0:
        # Of a constant there is neither a density nor a correlation.
        return
    grid, density, _ = array_stats.kde(chain, grid_len=120)
    _add_line(figure, name, grid, density, line, row=1, col=2)
    every = _spacing(draws.tolist())
    correlations = array_stats.autocorr(chain)[: MAX_LAG + 1]
    lags = every * np.arange(len(correlations), dtype=float)
    _add_line(figure, name, lags, correlations, line, row=2, col=2)


def _add_line(
    figure: go.Figure,
    name: str,
    x: FloatArray,
    y: FloatArray,
    line: dict[str, Any],
    *,
    first: bool = False,
    **cell: int,
) -> None:
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        line=line,
        hovertemplate=hover(f"{name}: %{{y:.4g}}"),
        **legend_entry(name, first),
        **cell,
    )


def _add_ranks(figure: go.Figure, chains: FloatArray) -> None:
    """Draw how often each chain has ranks in each part: alike where chains agree."""
    ranks = (rankdata(chains).reshape(chains.shape) - 0.5) / chains.size
    edges = np.linspace(0, 1, BINS + 1)
    for index, own in enumerate(ranks):
        counts = np.histogram(own, edges)[0] / len(own) * BINS
        line = {
            "color": CHAIN_COLOURS[index % len(CHAIN_COLOURS)],
            "dash": CHAIN_DASHES[index % len(CHAIN_DASHES)],
            "width": 1.6,
            "shape": "hv",
        }
        steps = np.append(counts, counts[-1])
        _add_line(figure, f"chain {index + 1}", edges, steps, line, row=2, col=1)
    figure.add_hline(y=1, line={"color": RULE, "width": 1, "dash": "dot"}, row=2, col=1)
