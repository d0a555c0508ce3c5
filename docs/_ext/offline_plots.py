"""Interactive figures of notebooks: Plotly's script is copied beside the pages, not fetched."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs
from sphinx.application import Sphinx

SCRIPT = "plotly.min.js"

# Run by every kernel before the notebook's own cells, which stay as a reader would write them.
STARTUP = """
import plotly.io


class _Offline(plotly.io.base_renderers.MimetypeRenderer):
    def to_mimebundle(self, fig_dict):
        html = plotly.io.to_html(
            fig_dict, full_html=False, include_plotlyjs=False, auto_play=False, validate=False
        )
        return {"text/html": html}


plotly.io.renderers["offline"] = _Offline()
plotly.io.renderers.default = "offline"
"""

# A kernel warns that others on this machine could listen to it; it talks about geysers.
CONFIG = "import logging\n\nc.Application.log_level = logging.ERROR\n"


def _write_script(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / SCRIPT).write_text(get_plotlyjs(), encoding="utf-8")


def _load_script(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    # In the head: the theme puts scripts at the end of the page, after those that draw.
    if page.startswith("notebooks/"):
        address = context["pathto"](f"_static/{SCRIPT}", 1)
        context["metatags"] = f'{context.get("metatags", "")}<script src="{address}"></script>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Have kernels draw for a page that has the script, and load it under ``notebooks/``."""
    home = tempfile.TemporaryDirectory(prefix="gmm-compare-docs-")
    profile = Path(home.name) / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "offline.py").write_text(STARTUP, encoding="utf-8")
    (profile / "ipython_kernel_config.py").write_text(CONFIG, encoding="utf-8")
    os.environ["IPYTHONDIR"] = home.name

    def finish(app: Sphinx, error: Exception | None) -> None:
        _write_script(app, error)
        home.cleanup()

    app.connect("html-page-context", _load_script)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
