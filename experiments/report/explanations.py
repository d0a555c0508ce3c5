"""What findings mean, by cause: `findings.md`, which the documentation includes, read for pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from markupsafe import Markup, escape

from experiments.values.comparison import Finding

# The marks of Markdown that the text uses: code, emphasis, and links, which lead into the
# documentation and so are no links in a page that lies elsewhere.
_MARKS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\([^)]+\)"), r"\1"),
)
_OTHER = "Other findings"


@dataclass(frozen=True)
class Topic:
    """What a kind of finding means.

    Attributes
    ----------
    name : str
        The findings' `id`, or the end of it that several kinds share, such as ``"doubt"``.
    cause : str
        What such findings speak of, as the heading of a group.
    text : str
        In Markdown.
    """

    name: str
    cause: str
    text: str

    def __html__(self) -> str:
        html = str(escape(self.text))
        for pattern, replacement in _MARKS:
            html = pattern.sub(replacement, html)
        return Markup("<p>{}</p>").format(Markup(html))


@cache
def topics() -> Mapping[str, Topic]:
    """Return every topic by its name, in the order of the documentation."""
    text = (resources.files("experiments.report") / "findings.md").read_text(encoding="utf-8")
    found = {}
    for group in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        cause, *parts = re.split(r"^### ", group, flags=re.MULTILINE)
        for part in parts:
            name, _, said = part.partition("\n")
            found[name] = Topic(name, cause.strip(), said.strip())
    return found


def topic_of(finding: Finding) -> Topic | None:
    """Return what a finding means; None of one that another package's engine or rule makes."""
    known = topics()
    return known.get(finding.id) or known.get(finding.id.rpartition("-")[2])


def by_cause(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Group findings by what they speak of.

    Parameters
    ----------
    findings : sequence of Finding
        The gravest first, which is the order within the groups and of the groups.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        topic = topic_of(finding)
        groups.setdefault(_OTHER if topic is None else topic.cause, []).append(finding)
    return list(groups.items())
