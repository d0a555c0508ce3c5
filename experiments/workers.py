"""Where cells run: in this process, on a local cluster of processes, or on an existing cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from experiments.cells import THREADS, OtherVersion, Outcome, run_cell
from experiments.code_version import code_version
from experiments.errors import UsageError

# Tasks that wait at each worker, so that none is idle while its last result travels.
AHEAD = 2
# Nobody looks at dask's profiles and records of itself, which cost time and memory.
LEAN = {"distributed.worker.profile.enabled": False, "distributed.admin.low-level-log-length": 10}
# How long a scheduler may take to answer.
ANSWER = "10s"


@dataclass(frozen=True)
class Task:
    """A cell to run: its address, its config in plain values, and what to keep of it."""

    address: str
    values: dict[str, Any]
    keep: str


class Workers(Protocol):
    """Something that runs cells."""

    @property
    def n_running(self) -> int:
        """How many cells run at the same time."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[str, Outcome]]:
        """Yield each cell's address and outcome as it finishes, each once."""


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
        return _existing(scheduler)
    if n is None:
        n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if n == 0:
        return _here()
    return _local(n or 1)


# In this process -------------------------------------------------------------------------------


class Here:
    """Runs cells one after another."""

    n_running = 1

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[str, Outcome]]:
        """Yield each cell's address and outcome as it finishes."""
        for task in tasks:
            yield task.address, run_cell(task.values, task.keep, code_version())


@contextmanager
def _here() -> Iterator[Workers]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield Here()


# On a cluster ----------------------------------------------------------------------------------


class Cluster:
    """Runs cells on the workers of a `distributed.Client`, a bounded number at a time."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def n_running(self) -> int:
        """Threads of all workers, at least one."""
        return max(1, sum(self._client.nthreads().values()))

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[str, Outcome]]:
        """Yield each cell's address and outcome as it finishes."""
        from distributed import as_completed

        waiting = iter(tasks)
        running = as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        addresses: dict[tuple[str, str], str] = {}

        def submit(count: int) -> None:
            # The range first: a task taken from the iterator is never dropped.
            for _, task in zip(range(count), waiting, strict=False):
                future = self._client.submit(
                    _on_worker, task.values, task.keep, code_version(), key=("cell", task.address)
                )
                addresses[future.key] = task.address
                running.add(future)

        submit(self.n_running * (1 + AHEAD))
        for future, result in running:
            address, status = addresses.pop(future.key), future.status
            # Else the cluster would keep every outcome to the end.
            future.release()
            yield address, self._outcome(status, result)
            # The cluster may have grown or shrunk meanwhile.
            submit(self.n_running * (1 + AHEAD) - len(addresses))

    @staticmethod
    def _outcome(status: str, result: Any) -> Outcome:
        if status == "finished":
            outcome: Outcome = result
            return outcome
        if status == "cancelled":
            raise ConnectionError("the scheduler is gone, allowed is a cluster that stays")
        _, error, _ = result
        if isinstance(error, OtherVersion):
            raise UsageError(str(error)) from None
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return Outcome(error=text, traceback=text)


def _on_worker(values: dict[str, Any], keep: str, code: str) -> Outcome:
    _hold_threads()
    return run_cell(values, keep, code)


_held: list[object] = []


def _hold_threads() -> None:
    """Hold this process's libraries to one thread each, for good."""
    if not _held:
        from threadpoolctl import threadpool_limits

        _held.append(threadpool_limits(1))


@contextmanager
def _local(n: int) -> Iterator[Workers]:
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(_environment(THREADS))
        stack.enter_context(dask.config.set(LEAN))
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                # Any free port: another sweep may run beside this one.
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address=None,
                silence_logs=logging.CRITICAL,
                # A worker is given what its cells need: what they leave is the next one's.
                memory_limit=0,
            )
        )
        client = stack.enter_context(Client(cluster, set_as_default=False))
        yield Cluster(client)


@contextmanager
def _existing(address: str) -> Iterator[Workers]:
    from distributed import Client

    with _quiet():
        try:
            client = Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise UsageError(
                f"--scheduler {address}: no scheduler answers there ({reason}), allowed is the "
                "address of one that runs, for example tcp://host:8786"
            ) from None
        with client:
            _check_versions(client, address)
            yield Cluster(client)


def _check_versions(client: Any, address: str) -> None:
    if not client.nthreads():
        try:
            client.wait_for_workers(1, timeout=30)
        except TimeoutError:
            raise UsageError(
                f"--scheduler {address}: has no workers, allowed is at least one"
            ) from None
    try:
        versions = client.run(code_version)
    except Exception as error:
        # Whatever the worker could not import comes back as its own exception.
        raise UsageError(
            f"--scheduler {address}: a worker cannot run cells ({type(error).__name__}: {error}), "
            "allowed is the same package on every worker"
        ) from None
    for worker, version in versions.items():
        if version != code_version():
            raise UsageError(
                f"--scheduler {address}: worker {worker} runs version {version} of the code, "
                f"allowed is {code_version()}: install the same package there"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask's own messages from the terminal: what matters is in the outcome of a cell."""
    logger = logging.getLogger("distributed")
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables while the block runs: new processes inherit them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
