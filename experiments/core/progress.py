"""Progress on a terminal, silence in a pipe."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
