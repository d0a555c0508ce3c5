"""Cells on the workers of a `dask.distributed` cluster: of this machine, or an existing one."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from math import ceil
from multiprocessing import resource_tracker
from typing import Any

from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.sweeps.cell import OtherVersion, Outcome, Task, run_cell
from experiments.sweeps.thread_limits import THREADS

# Tasks that wait at each worker, so that none is idle while its last result travels.
AHEAD = 2
# Seconds of cells in a task: a task costs dask some milliseconds, however short its cells.
TASK_SECONDS = 1.0
SETTINGS = {
    # Nobody looks at dask's profiles and records of itself, which cost time and memory.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.low-level-log-length": 10,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",
    # Dask has freed memory handed back to the system at once, as the C library does with large
    # arrays: asking for it again took half of the time of a short cell beside its fit.
    "distributed.nanny.pre-spawn-environ": {
        "MALLOC_TRIM_THRESHOLD_": 2**26,
        "MALLOC_MMAP_THRESHOLD_": 2**25,
    },
}
# How long a scheduler may take to answer.
ANSWER = "10s"


class Cluster:
    """Runs cells on the workers of a `distributed.Client`, a bounded number at a time.

    Short cells travel several to a task, as many as take about `TASK_SECONDS`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        # Threads of all workers, at least one: as of the last task that ended.
        self.n_running = 1

    def run(self, tasks: Iterable[Task], count: int) -> Iterator[tuple[str, Outcome]]:
        """Yield each of `count` cells' address and outcome as it finishes."""
        from distributed import as_completed

        waiting = iter(tasks)
        running = as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        sent: dict[tuple[str, str], list[Task]] = {}
        size, left = 1, count

        def send(batch: list[Task]) -> None:
            # Named by its size too: a cell of a batch that failed is sent again alone.
            key = (f"cells-{len(batch)}", batch[0].address)
            future = self._client.submit(_on_worker, batch, code_version(), key=key)
            sent[future.key] = batch
            running.add(future)

        def fill() -> None:
            nonlocal left
            # The cluster may have grown or shrunk meanwhile.
            self.n_running = max(1, sum(self._client.nthreads().values()))
            places = self.n_running * (1 + AHEAD)
            for _ in range(places - len(sent)):
                # Ever fewer towards the end, so that all workers end together.
                if not (batch := list(islice(waiting, min(size, ceil(left / places))))):
                    return
                left -= len(batch)
                send(batch)

        fill()
        for future, result in running:
            batch, status = sent.pop(future.key), future.status
            # Else the cluster would keep every outcome to the end.
            future.release()
            if status == "finished":
                outcomes = result
            else:
                failure = _failure(status, result)
                if len(batch) > 1:
                    # One cell may have taken the worker down, and with it all that came along.
                    for task in batch:
                        send([task])
                    continue
                outcomes = [failure]
            for task, outcome in zip(batch, outcomes, strict=True):
                yield task.address, outcome
            size = _next_size(outcomes)
            fill()


def _next_size(outcomes: list[Outcome]) -> int:
    """Return how many cells like these a task should hold."""
    seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
    # Doubled at most: one quick cell does not stand for all.
    return max(1, min(2 * len(outcomes), int(TASK_SECONDS / max(seconds, 1e-3))))


def _failure(status: str, result: Any) -> Outcome:
    """Return the outcome of a cell that ended with no outcome of its own.

    Raises
    ------
    ConnectionError, UsageError
        If no other cell could end better.
    """
    if status == "cancelled":
        raise ConnectionError("the scheduler is gone, allowed is a cluster that stays")
    _, error, _ = result
    if isinstance(error, OtherVersion):
        raise UsageError(str(error)) from None
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Outcome(error=text, traceback=text)


def _on_worker(batch: list[Task], code: str) -> list[Outcome]:
    _hold_threads()
    return [run_cell(task.values, task.keep, code) for task in batch]


_held: list[object] = []


def _hold_threads() -> None:
    """Hold this process's libraries to one thread each, for good."""
    if not _held:
        from threadpoolctl import threadpool_limits

        _held.append(threadpool_limits(1))


@contextmanager
def local(n: int) -> Iterator[Cluster]:
    """Start that many processes on this machine, and end them with the block."""
    import dask
    from distributed import Client

    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(_environment(THREADS))
        stack.enter_context(dask.config.set(SETTINGS))
        with _interrupts_held():
            cluster = stack.enter_context(_processes(n))
        client = stack.enter_context(Client(cluster, set_as_default=False))
        yield Cluster(client)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends, and from what it starts for good.

    A terminal interrupts every process at once, and workers would each print a traceback. Threads
    and processes inherit what is held back, so that those which dask starts later do not either.
    """
    # The first process to start would start this one too, which lets interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _processes(n: int) -> Any:
    from distributed import LocalCluster

    try:
        return LocalCluster(
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
    except RuntimeError as error:
        raise UsageError(
            f"workers = {n}: the processes did not start ({error}), allowed in a script is "
            'run_sweep under `if __name__ == "__main__":`, which new processes do not run, or '
            "n_workers=0 to run in this process"
        ) from None


@contextmanager
def existing(address: str) -> Iterator[Cluster]:
    """Use the cluster whose scheduler has that address.

    Raises
    ------
    UsageError
        If it does not answer, has no workers, or they run other code.
    """
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
