"""How far a sweep is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Progress:
    """How far a sweep is.

    Attributes
    ----------
    total : int
        Cells of the sweep.
    done, failed : int
        Those finished, now or earlier.
    before : int
        Those finished when this call began.
    running : int
        Those that workers are busy with.
    """

    total: int
    done: int = 0
    failed: int = 0
    before: int = 0
    running: int = 0

    @property
    def missing(self) -> int:
        """Cells neither done nor failed."""
        return self.total - self.done - self.failed


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Show nothing."""
