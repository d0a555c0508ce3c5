"""A verdict in HTML: on a page, and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from experiments.values.comparison import Finding
from experiments.values.headline import Headline
from experiments.values.level_marks import MARKS


@dataclass(frozen=True)
class HeadlineBox:
    """What to believe, why, and what to type: the first block of a comparison's page."""

    headline: Headline

    def __html__(self) -> str:
        box = Markup('<p class="headline"><strong>{}</strong></p>\n').format(self.headline.text)
        if not self.headline.command:
            return box
        command = Markup('<p class="headline">To settle it: <code>{}</code></p>\n')
        return box + command.format(self.headline.command)


@dataclass(frozen=True)
class VerdictList:
    """The findings as a block of a page, the gravest first."""

    findings: Sequence[Finding]

    def __html__(self) -> str:
        item = Markup(
            '<li class="{0}" title="{2}"><span class="level">{0}</span> <span>{1}</span></li>'
        )
        items = [item.format(found.level, found.text, found.page) for found in self.findings]
        return Markup('<ul class="verdict">\n{}\n</ul>\n').format(Markup("\n").join(items))


def findings_html(findings: Sequence[Finding], headline: Headline | None = None) -> str:
    """Return the findings as a list that needs no style sheet, for notebooks."""
    items = "".join(f"<li>{MARKS[f.level]} {escape(f.text)}</li>" for f in findings)
    said = "" if headline is None else f"<p><strong>{escape(headline.text)}</strong></p>"
    return f'{said}<ul style="list-style:none;padding-left:0">{items}</ul>'
