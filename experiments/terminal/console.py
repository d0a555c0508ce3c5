"""Where answers are printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

# What every reader has; a pipe has no width of its own.
WIDTH = 80


def console() -> Console:
    """Return standard output: as wide as the terminal, or `WIDTH` columns where there is none."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
