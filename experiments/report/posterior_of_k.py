"""The section of a page on the posterior of the number of components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import plotly.graph_objects as go

from experiments.report.page.blocks import (
    Block,
    Note,
    Picture,
    SortableTable,
    TableCell,
    TableColumn,
)
from experiments.report.page.theme import RULE, colour_of, hover, styled, tint
from experiments.values.components import PosteriorOfK

# Numbers of components that have no larger probability than this are left out.
SMALLEST = 0.005


def posterior_of_k_blocks(found: PosteriorOfK) -> Iterator[Block]:
    """Yield the blocks of the section from top to bottom."""
    yield Picture(
        "posterior-of-k",
        posterior_of_k_figure(found),
        "Posterior probability of each number of components, of components that have rows, and of "
        "components under another prior",
        f"A component may have no rows, so that there are two kinds of bars. The prior is "
        f"{found.prior}. The other prior is {found.other_prior}: where the squares are far from "
        f"the bars, the answer owes much to the prior. Numbers with probabilities below {SMALLEST} "
        "are left out.",
    )
    yield _table(found)
    if found.effective_draws is not None:
        yield Note(
            f"The draws of these numbers are worth {found.effective_draws:.0f} independent ones."
        )


def posterior_of_k_figure(found: PosteriorOfK) -> go.Figure:
    """Draw the probability of each number of components, before and after seeing the rows."""
    numbers = _numbers(found)
    colour = colour_of(found.engine)
    figure = go.Figure()
    bars = (
        ("components", found.probabilities, colour, colour),
        ("components with rows", found.filled, tint(colour, 0.3), colour),
    )
    for name, shares, fill, edge in bars:
        figure.add_bar(
            x=numbers,
            y=_shares(shares, numbers),
            name=name,
            marker={"color": fill, "line": {"color": edge, "width": 1.2}},
            hovertemplate=hover(f"%{{x}} {name}: %{{y:.3f}}"),
        )
    marks = (
        ("components, by another prior", found.under_other_prior, "square-open", None),
        ("prior", found.prior_probabilities, "circle", "dot"),
    )
    for name, shares, symbol, dash in marks:
        figure.add_scatter(
            x=numbers,
            y=_shares(shares, numbers),
            name=name,
            mode="markers" if dash is None else "lines+markers",
            marker={"symbol": symbol, "size": 9, "color": RULE, "line": {"width": 2}},
            line={"color": RULE, "dash": dash, "width": 1.5},
            hovertemplate=hover(f"%{{x}} {name}: %{{y:.3f}}"),
        )
    figure.update_xaxes(title="number of components", dtick=1)
    figure.update_yaxes(title="probability", rangemode="tozero")
    figure = styled(figure, 420)
    figure.update_layout(bargap=0.25)
    return figure


def _numbers(found: PosteriorOfK) -> list[int]:
    """Return all numbers from the least probable enough to the largest, by any of the three."""
    posteriors = (found.probabilities, found.filled, found.under_other_prior)
    likely = [int(k) for shares in posteriors for k, p in shares.items() if p >= SMALLEST]
    return list(range(min(likely), max(likely) + 1))


def _shares(shares: Mapping[str, float], numbers: list[int]) -> list[float]:
    return [shares.get(str(k), 0.0) for k in numbers]


def _table(found: PosteriorOfK) -> SortableTable:
    columns = (
        ("prior", found.prior_probabilities, "before the rows were seen"),
        ("components", found.probabilities, "posterior probability of this many components"),
        ("components with rows", found.filled, "posterior probability of this many with rows"),
        (
            f"components under the prior {found.other_prior}",
            found.under_other_prior,
            "posterior probability of this many components under another prior",
        ),
    )
    rows = [
        [TableCell(str(k), k), *(_cell(shares.get(str(k))) for _, shares, _ in columns)]
        for k in _numbers(found)
    ]
    heads = [TableColumn(title, "", hint) for title, _, hint in columns]
    return SortableTable(
        "Probability of each number of components", [TableColumn("number"), *heads], rows
    )


def _cell(share: float | None) -> TableCell:
    return TableCell("not drawn", 0.0) if share is None else TableCell(f"{share:.3f}", share)
