"""Where cells run: in this process, on a local cluster of processes, or on an existing cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.sweeps import dask_cluster as cluster
from experiments.sweeps.cell import Outcome, Task, run_cell


class Workers(Protocol):
    """Something that runs cells."""

    @property
    def n_running(self) -> int:
        """How many cells run at the same time."""

    def run(self, tasks: Iterable[Task], count: int) -> Iterator[tuple[str, Outcome]]:
        """Yield each of `count` cells' address and outcome as it finishes, each once."""


def workers(n: int | None = None, scheduler: str | None = None) -> AbstractContextManager[Workers]:
    """Return a place for cells to run, to be entered.

    Parameters
    ----------
    n : int, optional
        Processes of a local cluster; 0 runs the cells one after another in this process. By
        default one for each processor that this process may use.
    scheduler : str, optional
        Address of the scheduler of an existing `dask.distributed` cluster.

    Raises
    ------
    UsageError
        If both are given, or on entering if the cluster does not answer or runs other code.
    """
    if scheduler is not None:
        if n is not None:
            raise UsageError("--workers and --scheduler: allowed is one of them")
        return cluster.existing(scheduler)
    if n is None:
        n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if n == 0:
        return _here()
    return cluster.local(n or 1)


class Here:
    """Runs cells one after another."""

    n_running = 1

    def run(self, tasks: Iterable[Task], count: int) -> Iterator[tuple[str, Outcome]]:
        """Yield each cell's address and outcome as it finishes."""
        for task in tasks:
            yield task.address, run_cell(task.values, task.keep, code_version())


@contextmanager
def _here() -> Iterator[Workers]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield Here()
