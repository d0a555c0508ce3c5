"""Progress of a long run: a bar on a terminal, a callback, or silence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""A function called from the main thread as ``progress(n_done, n_total)``.

Both count the iterations of all chains.
"""


@contextmanager
def reporting(total: int, *, shown: bool, callback: Progress | None) -> Iterator[Progress]:
    """Give a function ``progress(n_done, n_total)`` that reports for as long as the block lasts.

    Parameters
    ----------
    total : int
        Iterations in all.
    shown : bool
        Whether a bar is wanted; it is only drawn where stderr is a terminal.
    callback : callable or None
        Called instead of drawing a bar.
    """
    if callback is not None:
        yield callback
    elif shown and sys.stderr.isatty():
        with _bar(total) as update:
            yield update
    else:
        yield silent


def silent(n_done: int, n_total: int) -> None:
    """Report nothing."""


@contextmanager
def _bar(total: int) -> Iterator[Progress]:
    """Draw a progress bar for as long as the block lasts."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs rich
    from rich.progress import (  # noqa: PLC0415 - only a terminal needs rich
        BarColumn,
        MofNCompleteColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415 - only a terminal needs rich

    columns = ("Sampling", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task("sampling", total=total)

        def update(n_done: int, n_total: int) -> None:
            bar.update(job, completed=n_done, total=n_total)

        yield update
