"""Where EM and the posterior disagree: the rows that they assign differently."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.curves import ellipses
from experiments.report.comparison.data import add_numbers
from experiments.report.comparison.views import flat_view
from experiments.report.page.theme import POINT, colour_of, compact, plain, styled
from experiments.values.comparison import ComparisonValues

# Differences smaller than this look alike: rounding is not made to look like news.
LEAST_RANGE = 0.05


def differences(comparison: ComparisonValues) -> FloatArray:
    """Total variation distance between EM's and the posterior's responsibilities, row by row.

    Of the rows that the report draws; 0 where both give the same probabilities, 1 where they put
    the row in different components for certain.

    Raises
    ------
    UsageError
        If not both were fitted.
    """
    found = comparison.illustration.responsibilities
    if not {"em", "bayes"} <= set(found):
        raise UsageError("no disagreement to show: it needs engines 'em' and 'bayes'")
    return np.abs(np.asarray(found["em"]) - np.asarray(found["bayes"])).sum(axis=1) / 2


def disagreement_figure(comparison: ComparisonValues) -> go.Figure:
    """Colour each row by how differently EM and the posterior assign it."""
    size = differences(comparison)
    view = flat_view(comparison)
    order = np.argsort(size, kind="stable")
    points, size = view.points[order], size[order]
    one = len(view.names) == 1
    figure = go.Figure()
    figure.add_scatter(
        x=compact(points[:, 0]), y=compact(size if one else points[:, 1]), mode="markers",
        showlegend=False,
        marker={
            "color": compact(size), "colorscale": "Cividis", "size": 7, "cmin": 0,
            "cmax": max(LEAST_RANGE, float(size.max())), "line": {"width": 0.5, "color": POINT},
            "colorbar": {"title": {"text": "difference", "side": "right"}, "thickness": 12,
                         "len": 0.9, "outlinewidth": 0},
        },
        hovertemplate="%{marker.color:.3f}<extra></extra>" if not one
        else "%{x:.4g}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title=plain(view.names[0]))
    if one:
        figure.update_yaxes(title="difference of responsibilities", rangemode="tozero")
        return styled(figure, 360, aspect=0.8)
    for source in view.sources:
        if source.name in ("em", "bayes"):
            x, y = ellipses(source.mixture, 0, 1)
            figure.add_scatter(
                x=compact(x), y=compact(y), mode="lines", name=plain(source.label),
                line={"color": colour_of(source.name), "width": 2}, hoverinfo="skip",
            )  # fmt: skip
    add_numbers(figure, view, 0, 1)
    figure.update_yaxes(title=plain(view.names[1]))
    return styled(figure, 520, aspect=0.9)


def disagreement_text(comparison: ComparisonValues) -> str:
    """Say in a sentence how many rows are assigned differently."""
    size = differences(comparison)
    found = comparison.illustration.responsibilities
    labels = [np.asarray(found[name]).argmax(axis=1) for name in ("em", "bayes")]
    moved = int((labels[0] != labels[1]).sum())
    shown = "" if len(size) == comparison.dataset.n_samples else f" of the {len(size)} drawn"
    return (
        f"Of each row{shown}: how much probability EM’s and the posterior’s assignment to "
        f"components do not share, on average {size.mean():.3f}, at most {size.max():.3f}. "
        f"{moved} {'row changes' if moved == 1 else 'rows change'} the most probable component."
    )
