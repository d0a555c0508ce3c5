"""Cells on the workers of an existing `dask.distributed` cluster."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.sweeps.batches import run_batch, run_batches
from experiments.sweeps.cell import OtherVersion, Outcome, Task, failed

# Seconds that a scheduler may take to answer.
ANSWER = 10.0
# Schemes of addresses that nobody else can join: encrypted with certificates on both sides, or
# within this process.
PROTECTED = ("tls", "wss", "inproc")
CERTIFICATES = (
    "allowed are PEM files named in dask's configuration by distributed.comm.tls.ca-file, "
    "distributed.comm.tls.client.cert and distributed.comm.tls.client.key"
)
LOG = logging.getLogger(__name__)
GONE = "the scheduler is gone, allowed is a cluster that stays"


class Cluster:
    """Runs cells on the workers of a `distributed.Client`."""

    def __init__(self, client: Any) -> None:
        from distributed import as_completed  # noqa: PLC0415 - dask takes half a second

        self._client = client
        self._running = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        self._sent: dict[str, list[Task]] = {}
        # Threads of all workers, at least one: as of the last batch that ended.
        self.n_running = 1

    def run(self, tasks: Iterable[Task], count: int) -> Iterator[tuple[str, Outcome]]:
        """Yield each of `count` cells' address and outcome as it finishes, each once."""
        return run_batches(self, tasks, count)

    def count_workers(self) -> int:
        """Return how many threads all workers have together, at least one.

        Raises
        ------
        ConnectionError
            If the scheduler has died.
        """
        try:
            counts = self._client.nthreads()
        except OSError:
            raise ConnectionError(GONE) from None
        self.n_running = max(1, sum(counts.values()))
        return self.n_running

    def send(self, batch: list[Task]) -> None:
        """Submit a batch to the scheduler."""
        # The name has the size, because a cell of a batch that failed is sent again alone.
        key = (f"cells-{len(batch)}", batch[0].address)
        future = self._client.submit(run_batch, batch, code_version(), key=key)
        self._sent[future.key] = batch
        self._running.add(future)

    def receive(self) -> tuple[list[Task], list[Outcome] | Outcome]:
        """Wait until a batch ends, and return it with what came of it.

        Raises
        ------
        ConnectionError, UsageError
            If no other cell could end better.
        """
        future, result = next(self._running)
        batch, status = self._sent.pop(future.key), future.status
        # The cluster would keep every outcome to the end otherwise.
        future.release()
        return batch, result if status == "finished" else _failure(status, result)


def _failure(status: str, result: Any) -> Outcome:
    """Return the outcome of a cell that ended with no outcome of its own."""
    if status == "cancelled":
        raise ConnectionError(GONE)
    _, error, _ = result
    if isinstance(error, OtherVersion):
        raise UsageError(str(error)) from None
    return failed(error)


@contextmanager
def existing(address: str) -> Iterator[Cluster]:
    """Use the cluster whose scheduler has that address.

    That a connection is not protected is one line of the log `experiments.sweeps.dask_cluster`,
    which goes to standard error unless the caller has set up logging otherwise.

    Raises
    ------
    UsageError
        If it does not answer, has no workers, or they run other code; or if the address begins
        with ``tls://`` and dask's configuration names no certificates that can be read.
    """
    from distributed import Client  # noqa: PLC0415 - dask takes half a second

    with _quiet():
        if address.startswith("tls://"):
            _check_certificates(address)
        try:
            client = _in_time(lambda: Client(address, timeout=f"{ANSWER:g}s", set_as_default=False))
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error) or type(error).__name__
            raise UsageError(
                f"--scheduler {address}: no scheduler answers there ({reason}), allowed is the "
                "address of one that runs, for example tls://host:8786"
            ) from None
        with client:
            # An address without a scheme has the one that dask's configuration names.
            if client.scheduler.address.partition("://")[0] not in PROTECTED:
                LOG.warning(
                    "--scheduler %s: not protected: whoever reaches this port can read what "
                    "travels and run code on the cluster as its owner; tls:// with certificates "
                    "keeps others out",
                    address,
                )
            _check_versions(client, address)
            yield Cluster(client)


def _in_time(connect: Callable[[], Any]) -> Any:
    """Return what `connect` returns, if it does within the time that a scheduler may take.

    dask's own limit does not hold where something accepts the connection and then says nothing.

    Raises
    ------
    TimeoutError
        If it does not. What `connect` raises is raised as it is.
    """
    came: SimpleQueue[Any] = SimpleQueue()

    def try_it() -> None:
        try:
            came.put(connect())
        except Exception as error:
            came.put(error)

    # A daemon does not keep the program from ending.
    threading.Thread(target=try_it, daemon=True).start()
    try:
        # dask's limit comes first where it holds, since its message says more.
        found = came.get(timeout=ANSWER + 1)
    except Empty:
        raise TimeoutError(f"no answer within {ANSWER:g} s") from None
    if isinstance(found, Exception):
        raise found
    return found


def _check_certificates(address: str) -> None:
    import dask  # noqa: PLC0415 - dask takes half a second
    from distributed import Security  # noqa: PLC0415 - dask takes half a second

    if dask.config.get("distributed.client.security-loader", None):
        # A function of the user's gives the certificates.
        return
    try:
        found = Security().get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--scheduler {address}: the certificates cannot be read ({error}), {CERTIFICATES}"
        ) from None
    if found is None:
        raise UsageError(f"--scheduler {address}: no certificates are named, {CERTIFICATES}")


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
    """Keep dask's own messages from the terminal: what matters is in the outcome of a cell.

    Tornado carries dask's connections and tells of an answer that was under way when one broke.
    """
    libraries = ("distributed", "tornado")
    # dask gives some of its loggers a level of their own.
    names = [*libraries, *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(n) for n in names if n.partition(".")[0] in libraries]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
