"""A verdict in HTML: on a page, and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from experiments.values.comparison import Finding
from experiments.values.level_marks import MARKS


@dataclass(frozen=True)
class VerdictList:
    """The findings as a block of a page, the gravest first."""

    findings: Sequence[Finding]

    def __html__(self) -> str:
        item = Markup('<li class="{0}"><span class="level">{0}</span> <span>{1}</span></li>')
        items = [item.format(finding.level, finding.text) for finding in self.findings]
        return Markup('<ul class="verdict">\n{}\n</ul>\n').format(Markup("\n").join(items))


def findings_html(findings: Sequence[Finding]) -> str:
    """Return the findings as a list that needs no style sheet, for notebooks."""
    items = "".join(f"<li>{MARKS[f.level]} {escape(f.text)}</li>" for f in findings)
    return f'<ul style="list-style:none;padding-left:0">{items}</ul>'
