"""The energies of a sampler that follows Hamilton's equations, and how fast they change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.page.blocks import Block, Picture
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
from experiments.values.illustration import Energies

# Chains that have a panel: those with the lowest E-BFMI.
MAX_CHAINS = 8
ENERGY = "energy, less the chain’s mean"
CHANGE = "change of energy from draw to draw"


def energy_blocks(comparison: ComparisonValues) -> Iterator[Block]:
    """Yield the figure of energies, where the sampler has any."""
    found = comparison.illustration.energies
    if found is None:
        return
    lowest, more = min(found.bfmi), ""
    if len(found.bfmi) > MAX_CHAINS:
        more = f" Of {len(found.bfmi)} chains the {MAX_CHAINS} with the lowest E-BFMI are drawn."
    yield Picture(
        "energy",
        energy_figure(comparison),
        "Density of the energy and of its change from draw to draw, chain by chain.",
        "A sampler such as NUTS treats a draw as a ball with an energy: minus the log posterior "
        "density where it is, plus the energy of its motion. The sampler gives the ball a new push "
        "before every draw, and only this changes the energy. Where the line is as wide as the "
        "filled area, one push reaches all energies that the posterior has. E-BFMI compares the "
        "two: the mean square of the changes divided by the variance of the energies. It is 2 "
        "where the energy of a draw does not depend on that of the draw before. Below "
        f"{found.limit:g} the tails of the posterior are visited too rarely; the lowest here is "
        f"{lowest:.2f}.{more}",
    )


def energy_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the energy and its changes, chain by chain (Betancourt 2016).

    Raises
    ------
    UsageError
        If there is no posterior, or its sampler has no energy.
    """
    found = comparison.illustration.energies
    if found is None:
        raise UsageError("no energy to show: it needs a posterior that NUTS has drawn")
    chains = [int(i) for i in sorted(np.argsort(found.bfmi, kind="stable")[:MAX_CHAINS])]
    columns = min(2, len(chains))
    rows = -(-len(chains) // columns)
    titles = [f"chain {i + 1}: E-BFMI {found.bfmi[i]:.2f}" for i in chains]
    spacing = {"horizontal_spacing": 0.06, "vertical_spacing": min(0.3, 0.22 / rows)}
    places: list[dict[str, Any] | None] = [
        {} if place < len(chains) else None for place in range(rows * columns)
    ]
    specs = [places[row * columns : (row + 1) * columns] for row in range(rows)]
    figure = make_subplots(
        rows, columns, subplot_titles=titles, specs=specs, shared_xaxes=True, **spacing
    )
    shown = [found.energies[i] + found.changes[i] for i in chains]
    farthest = 1.15 * max(abs(value) for values in shown for value in values)
    for place, chain in enumerate(chains):
        row, column = divmod(place, columns)
        _add_chain(figure, found, chain, farthest, first=place == 0, row=row + 1, col=column + 1)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(range=[-farthest, farthest], nticks=6)
    figure.update_xaxes(title="energy", row=rows)
    figure.update_yaxes(rangemode="tozero", showticklabels=False, showgrid=False)
    return stacked(styled(figure, 90 + 170 * rows), 190)


def _add_chain(
    figure: go.Figure,
    found: Energies,
    chain: int,
    farthest: float,
    *,
    first: bool,
    **cell: int,
) -> None:
    colour = COLOURS["bayes"]
    looks: dict[str, dict[str, Any]] = {
        ENERGY: {
            "line": {"color": colour, "width": 1},
            "fill": "tozeroy",
            "fillcolor": tint(colour, 0.35),
        },
        CHANGE: {"line": {"color": RULE, "width": 2.5}},
    }
    for name, values in ((ENERGY, found.energies[chain]), (CHANGE, found.changes[chain])):
        grid, density = _density(np.asarray(values), farthest)
        figure.add_scatter(
            x=compact(grid),
            y=compact(density),
            mode="lines",
            hovertemplate=hover(f"{name}: %{{x:.3g}}"),
            **looks[name],
            **legend_entry(name, first),
            **cell,
        )


def _density(values: FloatArray, farthest: float) -> tuple[FloatArray, FloatArray]:
    """Return the density of values between ``-farthest`` and `farthest` and its places."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    grid, density, _ = array_stats.kde(
        values, grid_len=160, custom_lims=(-farthest, farthest), bound_correction=False
    )
    return grid, density
