"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from experiments.comparison import Comparison
from experiments.parameters import parameter_label, with_uncertainty
from experiments.report.figures import COLOURS, NAMES, mixture_figure, paths_figure
from experiments.report.geometry import ELLIPSE_PROBABILITY
from experiments.store import replacing

KINDS = {"weight": "Weights", "mean": "Means", "covariance": "Covariances"}


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
    environment.globals.update(with_uncertainty=with_uncertainty)
    return environment.get_template("report.html.j2").render(
        c=comparison,
        names=NAMES,
        colours=COLOURS,
        ellipse=f"{ELLIPSE_PROBABILITY:.0%}",
        groups=list(_groups(comparison)),
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


def _groups(comparison: Comparison) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    truth = {} if comparison.truth is None else comparison.truth.by_name()
    engines = {
        name: (
            engine.mixture.by_name(),
            engine.uncertainty.by_name(),
        )
        for name, engine in comparison.engines.items()
    }
    z_scores = {}
    if comparison.agreement is not None:
        z_scores = comparison.agreement.z_scores.by_name()
    groups: dict[str, list[dict[str, Any]]] = {}
    for name in next(iter(engines.values()))[0]:
        row = {
            "label": parameter_label(name, comparison.dataset.feature_names),
            "truth": truth.get(name),
            "engines": [(values[name], sds[name]) for values, sds in engines.values()],
            "z": z_scores.get(name),
        }
        groups.setdefault(KINDS[name.partition("[")[0]], []).append(row)
    yield from groups.items()
