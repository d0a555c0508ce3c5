"""The field lists of NumPy docstrings, as their readers expect them.

In the types of parameters words in lower case are words, and only class names become links:
docstrings say "ndarray, shape (N, n_features)", of which Sphinx would make links to whatever
attribute happens to be called ``n_features``. Attributes are called attributes, each has an
entry of its own, and keeps the underscore that its name ends in, which reStructuredText takes for
a link.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx


def _one_by_one(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    fields = re.split(r"^(?=:\w+ .*?:)", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = "".join(_each(field) for field in fields).split("\n")


def _each(field: str) -> str:
    found = re.match(r":(ivar|vartype) ([\w, ]+):", field)
    if found is None:
        return field
    rest = field[found.end() :].rstrip("\n")
    names = [name[:-1] + r"\_" if name.endswith("_") else name for name in found[2].split(", ")]
    return "".join(f":{found[1]} {name}:{rest}\n" for name in names)


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
    app.connect("autodoc-process-docstring", _one_by_one, priority=900)
    app.connect("doctree-read", _tidy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
