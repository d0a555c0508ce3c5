"""The process at the other end of `experiments.sweeps.processes`: it runs the cells it is sent."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from experiments.sweeps.batches import run_batch
from experiments.sweeps.cell import OtherVersion, Outcome, Task, failed


def main(descriptor: int) -> None:
    """Run what comes through a socket until it is told to end.

    Parameters
    ----------
    descriptor : int
        Number of the open socket, which the process that started this one holds the other end of.
    """
    # A compiler that a cell starts must not keep the socket open.
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)
    orders: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    connection.send(None)
    while (order := orders.get()) is not None:
        connection.send(answer(*order))


def _listen(connection: Connection, orders: SimpleQueue[Any]) -> None:
    """Pass on what comes, and end this process at once when the other one is gone.

    A thread of its own does so, because a cell that takes hours would notice only at its end.
    """
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            os._exit(1)
        orders.put(order)
        if order is None:
            return


def answer(batch: list[Task], code: str) -> list[Outcome] | Outcome | OtherVersion:
    """Return the outcomes of a batch's cells, or why there are none."""
    try:
        return run_batch(batch, code)
    except OtherVersion as error:
        return error
    except BaseException as error:
        # A cell that calls sys.exit fails alone; the process goes on with the next.
        return failed(error)
