"""Panels of all pairs of coordinates, one below and beside the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.report.comparison.labels import IN_A_PANEL, IN_A_SMALL_PANEL, feature_labels
from experiments.report.page.theme import LONGEST_NAME, legend_once, styled

# Of the titles of axes where panels are small, in pixels.
SMALL_TITLE = 11


def panel_labels(names: Sequence[str], n_shown: int) -> list[str]:
    """Shorten names of features for panels, where so many of them are shown.

    Small panels stand close together, and a long name would reach into the next one's.
    """
    widths = (LONGEST_NAME, IN_A_PANEL, IN_A_SMALL_PANEL)
    return feature_labels(names, widths[min(max(1, n_shown - 1), len(widths)) - 1])


class Draw(Protocol):
    """Draws two coordinates into a cell, which is a row and a column of panels."""

    def __call__(self, figure: go.Figure, i: int, j: int, **cell: int) -> None:
        """Draw coordinates `i` and `j`."""


def panels(names: Sequence[str], draw: Draw) -> go.Figure:
    """Draw each pair of coordinates into a panel of its own; names are written as they are."""
    size = len(names) - 1
    spacing = {"horizontal_spacing": 0.03, "vertical_spacing": 0.03}
    figure = make_subplots(size, size, shared_xaxes=True, shared_yaxes=True, **spacing)
    for row in range(1, size + 1):
        for column in range(1, row + 1):
            cell = {"row": row, "col": column}
            draw(figure, column - 1, row, **cell)
            if row == size:
                figure.update_xaxes(title=names[column - 1], **cell)
            if column == 1:
                figure.update_yaxes(title=names[row], **cell)
    if size > 1:
        figure.update_xaxes(title_font_size=SMALL_TITLE)
        figure.update_yaxes(title_font_size=SMALL_TITLE)
    legend_once(figure)
    return styled(figure, 560 if size == 1 else 250 * size, aspect=0.95)
