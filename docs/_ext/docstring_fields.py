"""The field lists of NumPy docstrings, as their readers expect them.

In the types of parameters words in lower case are words, and only class names become links:
docstrings say "ndarray, shape (N, n_features)", of which Sphinx would make links to whatever
attribute happens to be called ``n_features``. And attributes are called attributes.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx


def _tidy(app: Sphinx, doctree: nodes.document) -> None:
    for field in doctree.findall(nodes.field):
        if field[0].astext() == "Variables":
            field[0].replace_self(nodes.field_name("", "Attributes"))
        for link in list(field.findall(pending_xref)):
            if link.get("refspecific") and link["reftarget"].islower():
                link.replace_self(link.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the clean-up."""
    app.connect("doctree-read", _tidy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
