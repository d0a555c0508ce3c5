"""The whole answer of one experiment on standard output."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from experiments.terminal.streams import standard_output


def print_answer(found: RenderableType, conclusion: str) -> None:
    """Print a comparison or a choice of K, and below it the sentence that it comes to.

    Parameters
    ----------
    found : Comparison or ComponentsComparison
        Or anything else that rich can print.
    conclusion : str
    """
    out = standard_output()
    out.print(found)
    out.print(Text(f"\n{conclusion}", style="bold"))
