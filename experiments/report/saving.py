"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from experiments.core.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go


FORMATS = (".svg", ".pdf", ".png", ".html")


def save_figure(figure: go.Figure, path: str | Path, width: int = 1000) -> Path:
    """Write a figure to a file: SVG or PDF for print, PNG, or a page of its own.

    Drawn by a Chromium or Chrome, which has to be installed, except for HTML.

    Parameters
    ----------
    figure : Figure
    path : str or Path
        Ends in ".svg", ".pdf", ".png" or ".html".
    width : int, default 1000
        In pixels; the height is the figure's own.

    Raises
    ------
    UsageError
        If the ending is another, or no browser can be found.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: ends in '{path.suffix}', allowed is {', '.join(FORMATS)}")
    if path.suffix.lower() == ".html":
        figure.write_html(path, include_plotlyjs=True)
    else:
        try:
            _still(figure).write_image(path, width=width)
        except RuntimeError as error:
            raise UsageError(f"{path}: cannot be drawn without a Chromium or Chrome") from error
    return path


def _still(figure: go.Figure) -> go.Figure:
    """Leave out what only moves a figure: a slider on paper is of no use."""
    copy = type(figure)(figure)
    copy.frames = ()
    copy.layout.sliders = copy.layout.updatemenus = None
    return copy
