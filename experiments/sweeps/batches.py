"""Cells travel to workers in batches: short ones several together, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import ceil
from typing import Protocol

from experiments.sweeps.cell import Outcome, Task, failed, run_cell

# Batches that wait for each worker, so that none is idle while a result is written.
AHEAD = 2
# Seconds of cells in a batch: a batch costs some milliseconds, however short its cells are.
BATCH_SECONDS = 1.0


class Carrier(Protocol):
    """Something that takes batches to workers and brings back what came of them."""

    def count_workers(self) -> int:
        """Return how many batches can run at the same time, at least one."""

    def send(self, batch: list[Task]) -> None:
        """Take a batch to a worker, without waiting for it."""

    def receive(self) -> tuple[list[Task], list[Outcome] | Outcome]:
        """Wait until a batch ends, and return it with the outcomes of its cells.

        A batch whose worker could not finish it comes with one outcome, which says why.
        """


def run_batches(
    carrier: Carrier, tasks: Iterable[Task], count: int
) -> Iterator[tuple[str, Outcome]]:
    """Yield each of `count` cells' address and outcome as it finishes, each once.

    Tasks are taken from the iterable only when a worker will soon need them.
    """
    waiting = iter(tasks)
    size, left, sent = 1, count, 0

    def send(batch: list[Task]) -> None:
        nonlocal sent
        sent += 1
        carrier.send(batch)

    def fill() -> None:
        nonlocal left
        # The number of workers is asked for each time, because a cluster may grow or shrink.
        places = carrier.count_workers() * (1 + AHEAD)
        while sent < places:
            # Batches become smaller towards the end, so that all workers end together.
            if not (batch := list(islice(waiting, min(size, ceil(left / places))))):
                return
            left -= len(batch)
            send(batch)

    fill()
    while sent:
        batch, came = carrier.receive()
        sent -= 1
        if isinstance(came, Outcome):
            if len(batch) > 1:
                # One cell may have taken the worker down, and with it all others of its batch.
                for task in batch:
                    send([task])
                continue
            came = [came]
        # The next batch leaves before the caller writes these outcomes, which takes a while.
        size = next_size(came)
        fill()
        for task, outcome in zip(batch, came, strict=True):
            yield task.address, outcome


def run_batch(batch: list[Task], code: str) -> list[Outcome]:
    """Run the cells of a batch, as a worker does.

    Raises
    ------
    OtherVersion
        If this process runs another version of the code than `code`.
    """
    hold_threads()
    return [_outcome(task, code) for task in batch]


def _outcome(task: Task, code: str) -> Outcome:
    try:
        return run_cell(task.values, task.keep, code)
    except KeyboardInterrupt as error:
        # No user can interrupt a worker, so that the cell itself has raised it.
        return failed(error)


def next_size(outcomes: list[Outcome]) -> int:
    """Return how many cells like these a batch should hold."""
    seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
    # The size at most doubles, because one quick cell does not stand for all.
    return max(1, min(2 * len(outcomes), int(BATCH_SECONDS / max(seconds, 1e-3))))


_held: list[object] = []


def hold_threads() -> None:
    """Hold this process's libraries to one thread each, for as long as it lives."""
    if not _held:
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - only workers need it

        _held.append(threadpool_limits(1))
