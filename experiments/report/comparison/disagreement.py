"""Where two fits disagree: the rows that they assign to different components."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.coordinates import flat_view
from experiments.report.comparison.data_and_mixtures import add_numbers, add_outlines
from experiments.report.comparison.spoken_names import spoken
from experiments.report.page.theme import POINT, compact, hover, plain, rows_at, styled
from experiments.values.comparison import ComparisonValues
from experiments.values.roles import compared_pair

# The colour scale reaches at least this far, so that rounding does not look like disagreement.
LEAST_RANGE = 0.05


def differences(comparison: ComparisonValues) -> FloatArray:
    """Return the total variation distance between two fits' responsibilities, row by row.

    The fits are the point estimate and the posterior, or others in their place (`compared_pair`).
    The rows are those that the report draws. The distance is 0 where both fits give the same
    probabilities, and 1 where they put the row in different components for certain.

    Raises
    ------
    UsageError
        If fewer than two fits are known.
    """
    first, second = _responsibilities(comparison)
    return np.asarray(np.abs(first - second).sum(axis=1) / 2)


def _responsibilities(comparison: ComparisonValues) -> list[FloatArray]:
    kept, pair = comparison.illustration.responsibilities, compared_pair(comparison.engines)
    if len(pair) < 2 or not set(pair) <= set(kept):
        raise UsageError("no disagreement to show: it needs two engines, such as 'em' and 'bayes'")
    return [np.asarray(kept[name]) for name in pair]


def disagreement_figure(comparison: ComparisonValues) -> go.Figure:
    """Colour each row by how differently the two fits assign it."""
    size = differences(comparison)
    view = flat_view(comparison)
    # Rows with large differences are drawn last, over the others.
    order = np.argsort(size, kind="stable")
    points, size = view.points[order], size[order]
    one = len(view.names) == 1
    figure = go.Figure()
    figure.add_scatter(
        x=compact(points[:, 0]),
        y=compact(size if one else points[:, 1]),
        mode="markers",
        showlegend=False,
        marker=_coloured_by(size),
        hovertemplate=hover("%{x:.4g}: %{y:.3f}" if one else "%{marker.color:.3f}"),
        **rows_at(order),
    )
    figure.update_xaxes(title=plain(view.names[0]))
    if one:
        figure.update_yaxes(title="difference of responsibilities", rangemode="tozero")
        return styled(figure, 360, aspect=0.8)
    pair = compared_pair(comparison.engines)
    add_outlines(figure, [source for source in view.sources if source.name in pair])
    add_numbers(figure, view, 0, 1)
    figure.update_yaxes(title=plain(view.names[1]))
    return styled(figure, 520, aspect=0.9)


def _coloured_by(size: FloatArray) -> dict[str, object]:
    bar = {"title": {"text": "difference", "side": "right"}, "thickness": 12, "len": 0.9}
    return {
        "color": compact(size),
        "colorscale": "Cividis",
        "size": 7,
        "cmin": 0,
        "cmax": max(LEAST_RANGE, float(size.max())),
        "line": {"width": 0.5, "color": POINT},
        "colorbar": {**bar, "outlinewidth": 0},
    }


def disagreement_text(comparison: ComparisonValues) -> str:
    """Say in a sentence how many rows are assigned differently."""
    size = differences(comparison)
    first, second = (found.argmax(axis=1) for found in _responsibilities(comparison))
    moved = int((first != second).sum())
    shown = (
        "" if len(size) == comparison.dataset.n_samples else f" among the {len(size)} rows drawn"
    )
    pair = compared_pair(comparison.engines)
    whose = " and ".join(f"{spoken(comparison, name)}’s" for name in pair)
    return (
        f"The difference of a row is the probability that {whose} assignments to components do "
        f"not share. It is {size.mean():.3f} on average and at most {size.max():.3f}{shown}. "
        f"{moved} {'row changes' if moved == 1 else 'rows change'} the most probable component."
    )
