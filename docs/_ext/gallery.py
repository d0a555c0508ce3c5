"""``{gallery}``: shipped experiments, run while building, and the pages that they write.

An experiment runs again only where the code has changed since the last build.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from experiments import ExperimentConfig, load_config, read_run, run_experiment
from experiments.core.code_version import code_version
from experiments.storage.layout import REPORT

# Beside the pages that are built: run directories, and below the pages: what a reader opens.
RUNS, FOLDER = "gallery-runs", "gallery"


class Gallery(SphinxDirective):
    """``{gallery}`` with the name of a shipped experiment on each line."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a paragraph for each experiment: its question, its answer, and its page."""
        lines = [line for name in self.content for line in self._entry(name)]
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(lines, self.env.docname), 0, node, match_titles=True)
        return list(node.children)

    def _entry(self, name: str) -> Iterator[str]:
        config = load_config(name)
        directory = Path(self.env.app.outdir).parent / RUNS / f"{name}-{code_version()}"
        if not directory.exists():
            _run(config, directory)
        found = read_run(directory)
        page = Path(self.env.app.outdir) / FOLDER / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(directory / REPORT, page)
        answer = found.verdict[0].text if found.headline is None else found.headline.text
        yield from (f"## {name}", "", f"{config.description}", "", f"> {_plain(answer)}", "")
        yield from (f'<a href="{FOLDER}/{name}.html">The report of {name}</a>', "")
        yield from ("```console", f"gmm-compare run {name}", "```", "")


def _run(config: ExperimentConfig, directory: Path) -> None:
    """Run an experiment, of which its page says that the command did it."""
    before, sys.argv = sys.argv, ["gmm-compare", "run", config.name]
    try:
        run_experiment(config, directory)
    finally:
        sys.argv = before


def _plain(text: str) -> str:
    """Return a sentence in which Markdown finds nothing to format."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>$#" else c for c in text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("gallery", Gallery)
    # Two processes that read pages would run the same experiments.
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
