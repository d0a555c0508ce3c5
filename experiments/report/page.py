"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import resources
from pathlib import Path

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from experiments.comparison import Comparison
from experiments.report.figures import colour_of, mixture_figure, paths_figure
from experiments.report.geometry import ELLIPSE_PROBABILITY
from experiments.rows import column_title, parameter_groups
from experiments.store import replacing


def write_report(comparison: Comparison, path: Path) -> Path:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    comparison : Comparison
    path : Path

    Returns
    -------
    Path
        `path`, as given.
    """
    page = render_page(comparison)
    with replacing(path) as scratch:
        scratch.write_text(page, encoding="utf-8")
    return path


def render_page(comparison: Comparison) -> str:
    """Return the page's HTML; names from data and config appear as text, never as markup."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        c=comparison,
        colour_of=colour_of,
        ellipse=f"{ELLIPSE_PROBABILITY:.0%}",
        groups=list(parameter_groups(comparison)),
        column_title=partial(column_title, comparison),
        figures=dict(_figures(comparison)),
        plotly=get_plotlyjs(),
    )


def _template(name: str) -> str:
    return (resources.files("experiments.report") / name).read_text(encoding="utf-8")


def _figures(comparison: Comparison) -> Iterator[tuple[str, str]]:
    yield "mixture", _embed(mixture_figure(comparison))
    if comparison.illustration.em_paths:
        yield "paths", _embed(paths_figure(comparison))


def _embed(figure: go.Figure) -> str:
    # In a script element only "</" and "<!--" could end it early.
    return str(figure.to_json()).replace("<", "\\u003c")
