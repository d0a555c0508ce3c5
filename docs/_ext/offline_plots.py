"""Interactive figures of notebooks: Plotly's script is copied beside the pages, not fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs
from sphinx.application import Sphinx

SCRIPT = "plotly.min.js"


def _write_script(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / SCRIPT).write_text(get_plotlyjs(), encoding="utf-8")


def _load_script(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    if page.startswith("notebooks/"):
        app.add_js_file(SCRIPT)


def setup(app: Sphinx) -> dict[str, Any]:
    """Load the script on the pages under ``notebooks/``."""
    app.connect("html-page-context", _load_script)
    app.connect("build-finished", _write_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
