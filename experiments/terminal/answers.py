"""The whole answer of one experiment on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from experiments.terminal.streams import standard_output
from experiments.values.comparison import Finding


class Answer(Protocol):
    """What is printed: a `Comparison` or a `ComponentsComparison`."""

    @property
    def verdict(self) -> Sequence[Finding]:
        """The findings."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield its parts from top to bottom."""


def print_answer(found: Answer, conclusion: str) -> None:
    """Print a comparison or a choice of K, and below it the sentence that it comes to.

    The sentence is left out where it only repeats the findings above it.

    Parameters
    ----------
    found : Comparison or ComponentsComparison
    conclusion : str
    """
    out = standard_output()
    out.print(found)
    rest = conclusion
    for finding in found.verdict:
        rest = rest.replace(finding.text.rstrip("."), "")
    # A conclusion that only repeats findings, which stand just above it, says nothing new.
    if rest.strip(" ;."):
        out.print(Text(f"\n{conclusion}", style="bold"))
