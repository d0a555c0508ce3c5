"""The HTML document around a page's sections: one file, which loads no other."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from experiments.core.files import replacing
from experiments.report.page.blocks import PageSection


def render(title: str, lead: str, sections: Sequence[PageSection]) -> str:
    """Return a page's HTML.

    Parameters
    ----------
    title, lead : str
        Heading and the line under it; they appear as text, whatever they hold.
    sections : sequence of PageSection
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        lead=lead,
        sections=sections,
        style=_file("page.css"),
        script=_file("page.js"),
        plotly=_library(),
    )


def write(page: str, path: Path) -> Path:
    """Write a page, whole or not at all, and return `path`."""
    with replacing(path) as scratch:
        # A file name that is not UTF-8 may stand in the page.
        scratch.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def _file(name: str) -> str:
    return (resources.files("experiments.report.page") / "templates" / name).read_text(
        encoding="utf-8"
    )


@cache
def _library() -> str:
    """Return plotly.js in compressed form: as it is, it would be most of the page's size."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
