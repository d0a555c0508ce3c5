"""Figures written to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from experiments.core.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go


FORMATS = (".svg", ".pdf", ".png", ".html")


def save_figure(figure: go.Figure, path: str | Path, width: int = 1000) -> Path:
    """Write a figure to a file: SVG or PDF for print, PNG, or an HTML page of its own.

    A Chromium or Chrome draws every format but HTML, and has to be installed.

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
        If the file's ending is another, or no browser can be found.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: ends in '{path.suffix}', allowed is {', '.join(FORMATS)}")
    if path.suffix.lower() == ".html":
        figure.write_html(path, include_plotlyjs=True)
        return path
    try:
        _without_controls(figure).write_image(path, width=width)
    except RuntimeError as error:
        raise UsageError(f"{path}: cannot be drawn without a Chromium or Chrome") from error
    return path


def _without_controls(figure: go.Figure) -> go.Figure:
    """Copy a figure without frames, sliders and buttons, which are of no use on paper."""
    copy = type(figure)(figure)
    copy.frames = ()
    copy.layout.sliders = copy.layout.updatemenus = None
    return copy
