"""The two streams that the command line writes to: answers, and what happens on the way."""

from __future__ import annotations

import sys

from rich.console import Console

# Wide enough for every answer, and narrow enough for any terminal.
WIDTH = 80


def standard_output() -> Console:
    """Return standard output: as wide as the terminal, or `WIDTH` columns where there is none."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def standard_error() -> Console:
    """Return standard error, where progress is shown so that answers can be piped."""
    return Console(stderr=True)
