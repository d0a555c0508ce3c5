"""The field lists of NumPy docstrings, as their readers expect them.

In the types of parameters words in lower case are words, and only class names become links:
docstrings say "ndarray, shape (N, n_features)", of which Sphinx would make links to whatever
attribute happens to be called ``n_features``. Attributes are called attributes, and keep the
underscore that their names end in, which reStructuredText takes for a link.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx


def _keep_underscores(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    for i, line in enumerate(lines):
        if found := re.match(r":(?:ivar|vartype) [\w, ]+:", line):
            lines[i] = re.sub(r"_(?!\w)", r"\\_", found[0]) + line[found.end() :]


def _tidy(app: Sphinx, doctree: nodes.document) -> None:
    for field in doctree.findall(nodes.field):
        if field[0].astext() == "Variables":
            field[0].replace_self(nodes.field_name("", "Attributes"))
        for link in list(field.findall(pending_xref)):
            if link.get("refspecific") and link["reftarget"].islower():
                link.replace_self(link.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the clean-up."""
    # After napoleon has made fields of the sections.
    app.connect("autodoc-process-docstring", _keep_underscores, priority=900)
    app.connect("doctree-read", _tidy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
