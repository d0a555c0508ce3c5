"""A verdict in HTML: on a page, and in a notebook."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from experiments.core.words import components
from experiments.report.explanations import by_cause, topic_of
from experiments.report.page.blocks import Heading
from experiments.values.comparison import Finding, Level
from experiments.values.headline import Headline, NumberHeadline
from experiments.values.level_marks import MARKS

_BELIEVE_AND_WHY = re.compile(r": |\. |\.$")
_NAMES: Mapping[Level, str] = {"fail": "failed", "warn": "to mind", "ok": "fine"}


@dataclass(frozen=True)
class HeadlineBox:
    """What to believe, why, and what to type: the first block of a page."""

    headline: Headline | NumberHeadline

    def __html__(self) -> str:
        # The text is what to believe, then why, after a colon or a stop.
        believe, _, why = _BELIEVE_AND_WHY.sub("\n", self.headline.text, count=1).partition("\n")
        box = Markup('<div class="headline {}">\n<p class="believe">{}</p>\n{}{}</div>\n')
        reason = Markup("<p>{}</p>\n").format(f"{why[:1].upper()}{why[1:]}") if why else ""
        settle = Markup('<p class="settle">To settle it: <code>{}</code></p>\n')
        command = self.headline.command
        return box.format(
            self.headline.believe, believe, reason, settle.format(command) if command else ""
        )


@dataclass(frozen=True)
class Levels:
    """How many findings of each level there are, with a link to them."""

    findings: Sequence[Finding]

    def __html__(self) -> str:
        counts = Counter(finding.level for finding in self.findings)
        parts = [f"{counts[level]} {name}" for level, name in _NAMES.items() if counts[level]]
        link = Markup('<p class="note"><a href="#findings">Findings</a>: {}.</p>\n')
        return link.format(", ".join(parts) or "none")


@dataclass(frozen=True)
class FitsOfNumber:
    """Where the page shows the fits with the number of components that is believed."""

    n_components: int

    def __html__(self) -> str:
        link = Markup('<a href="#each">The fits with {}</a>').format(components(self.n_components))
        return Markup('<p class="note">{}, and what to believe of them.</p>\n').format(link)


@dataclass(frozen=True)
class VerdictList:
    """The findings as a block of a page, by their causes, each with what it means.

    Within a cause the gravest stands first, and so does the cause of the gravest.

    Attributes
    ----------
    findings : sequence of Finding
    with_causes : bool
        Whether each cause is a heading; False where all findings are about one subject.
    """

    findings: Sequence[Finding]
    with_causes: bool = True

    def __html__(self) -> str:
        return Markup("").join(
            Markup('{}<ul class="verdict">\n{}\n</ul>\n').format(
                Heading(cause) if self.with_causes else "",
                Markup("\n").join(map(_item, findings)),
            )
            for cause, findings in by_cause(self.findings)
        )


def _item(finding: Finding) -> Markup:
    topic = topic_of(finding)
    means = Markup("<details><summary>What this means</summary>{}</details>")
    return Markup(
        '<li class="{0}" data-finding="{1}"><span class="level">{0}</span> <div>{2}{3}</div></li>'
    ).format(finding.level, finding.id, finding.text, "" if topic is None else means.format(topic))


def findings_html(
    findings: Sequence[Finding], headline: Headline | NumberHeadline | None = None
) -> str:
    """Return the findings as a list that needs no style sheet, for notebooks."""
    items = "".join(f"<li>{MARKS[f.level]} {escape(f.text)}</li>" for f in findings)
    said = "" if headline is None else f"<p><strong>{escape(headline.text)}</strong></p>"
    return f'{said}<ul style="list-style:none;padding-left:0">{items}</ul>'
