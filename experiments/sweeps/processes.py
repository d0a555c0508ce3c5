"""Cells on processes of this machine, which nobody but the process that started them can reach.

Each worker is a process of its own, at the other end of a pair of connected sockets that have no
name and no address. No port is opened, so that other users of the machine find nothing to connect
to. What travels is pickled, which is safe for the same reason: only the two ends can write it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any

from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.sweeps.batches import run_batches
from experiments.sweeps.cell import OtherVersion, Outcome, Task
from experiments.sweeps.thread_limits import THREADS

# How often a cell is tried whose process ends under it, and how often a process is started that a
# signal ends before it is ready: another program may have ended it.
ATTEMPTS = 3
# Seconds between two looks at whether a process that does not answer still lives.
LOOK = 1.0
# Seconds that a process may take to end when it has nothing to do.
LEAVE = 10.0
# The C library hands large arrays back to the system when they are freed. Asking for them again
# took half of the time of a short cell beside its fit.
MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
# Modules are looked for where this process looks for them, and not in the working folder (-P).
PROGRAM = (
    "import sys; descriptor = int(sys.argv[1]); sys.path[:] = sys.argv[2:]; del sys.argv[1:]; "
    "from experiments.sweeps.worker import main; main(descriptor)"
)

# What comes back of a batch: its outcomes, or why there are none.
Answer = list[Outcome] | Outcome | OtherVersion


class Ended(Exception):
    """A worker's process has ended before it answered; the text says how.

    `by_signal` tells whether something outside of the program ended it.
    """

    def __init__(self, how: str, by_signal: bool) -> None:
        super().__init__(how)
        self.by_signal = by_signal


class Closed(Exception):
    """The sweep is over, so that no process is started any more."""


class Worker:
    """A process that runs cells."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(theirs.fileno()), *sys.path],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **THREADS, **MEMORY},
            )

    def wait(self) -> None:
        """Wait until it is ready.

        Raises
        ------
        Ended
        """
        self._receive()

    def ask(self, batch: list[Task]) -> Answer:
        """Return its answer to a batch.

        Raises
        ------
        Ended
        """
        try:
            self._connection.send((batch, code_version()))
        except OSError:
            raise self._ended() from None
        answer: Answer = self._receive()
        return answer

    def leave(self) -> None:
        """Let it end as a program does that has nothing more to do."""
        try:
            self._connection.send(None)
            self._process.wait(LEAVE)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()
        self._forget()

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()

    def _forget(self) -> None:
        self._connection.close()
        self._process.wait()

    def _receive(self) -> Any:
        try:
            while not self._connection.poll(LOOK):
                # A program that a cell started may hold the socket open after its process ended.
                if self._process.poll() is not None and not self._connection.poll():
                    raise EOFError
            return self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None

    def _ended(self) -> Ended:
        """Say how the process ended, and make sure that it has."""
        try:
            status = self._process.wait(LOOK)
            ended = Ended(_in_words(status), by_signal=status < 0)
        except subprocess.TimeoutExpired:
            self.kill()
            ended = Ended("it closed its connection", by_signal=False)
        self._forget()
        return ended


def _in_words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    if -status == signal.SIGKILL:
        return "signal SIGKILL, which the system sends when memory is short"
    return f"signal {signal.Signals(-status).name}"


class Place:
    """Where one batch runs at a time; when a process ends under a cell, another takes its place."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._worker: Worker | None = None
        self._lock = threading.Lock()
        self._busy = self._closed = False

    def run(self, batch: list[Task]) -> Answer:
        """Return what came of a batch.

        Raises
        ------
        UsageError, OSError
            If no process can be started.
        Closed
        """
        # Nobody knows which of several cells ended the process: each is tried again alone.
        attempts = ATTEMPTS if len(batch) == 1 else 1
        how = ""
        for _ in range(attempts):
            worker = self._begin()
            try:
                return worker.ask(batch)
            except Ended as ended:
                how, self._worker = str(ended), None
            finally:
                self._busy = False
        text = (
            f"ProcessEnded: the process of this cell ended ({how}) in each of {attempts} attempts"
        )
        return Outcome(error=text, traceback=text)

    def _begin(self) -> Worker:
        """Return a process that is ready, starting one where there is none."""
        attempts = 0
        while True:
            with self._lock:
                if self._closed:
                    raise Closed
                self._busy = True
                if self._worker is not None:
                    return self._worker
                worker = self._worker = Worker()
            attempts += 1
            try:
                worker.wait()
                return worker
            except Ended as ended:
                self._worker = None
                if not ended.by_signal or attempts == ATTEMPTS:
                    raise UsageError(
                        f"workers = {self._n}: a process did not start ({ended}; it may have said "
                        "more above), allowed is n_workers=0 to run in this process"
                    ) from None

    def close(self) -> None:
        """Start no more processes, and end the one that is in the middle of a batch."""
        with self._lock:
            self._closed = True
            if self._busy and self._worker is not None:
                self._worker.kill()

    def leave(self) -> None:
        """Let a process that has nothing to do end."""
        if self._worker is not None:
            self._worker.leave()


class Processes:
    """Runs cells on so many processes, each started when there is work for it."""

    def __init__(self, n: int) -> None:
        self.n_running = n
        self._waiting: SimpleQueue[list[Task] | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[list[Task], Answer | Exception]] = SimpleQueue()
        self._places = [Place(n) for _ in range(n)]
        self._threads = [
            threading.Thread(target=self._serve, args=(place,), daemon=True)
            for place in self._places
        ]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: Iterable[Task], count: int) -> Iterator[tuple[str, Outcome]]:
        """Yield each of `count` cells' address and outcome as it finishes, each once."""
        return run_batches(self, tasks, count)

    def count_workers(self) -> int:
        """Return how many batches can run at the same time."""
        return self.n_running

    def send(self, batch: list[Task]) -> None:
        """Give a batch to the next process that has nothing to do."""
        self._waiting.put(batch)

    def receive(self) -> tuple[list[Task], list[Outcome] | Outcome]:
        """Wait until a batch ends, and return it with what came of it.

        Raises
        ------
        UsageError, OSError
            If no other cell could end better.
        """
        batch, came = self._ended.get()
        if isinstance(came, OtherVersion):
            raise UsageError(str(came))
        if isinstance(came, Exception):
            raise came
        return batch, came

    def close(self) -> None:
        """End all processes."""
        for place in self._places:
            place.close()
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, place: Place) -> None:
        """Run batches at a place until there are no more."""
        # A terminal interrupts every process at once, and workers would each print a traceback.
        # A process inherits what the thread that starts it holds back.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while (batch := self._waiting.get()) is not None:
            try:
                self._ended.put((batch, place.run(batch)))
            except Closed:
                break
            except Exception as error:
                self._ended.put((batch, error))
        place.leave()


@contextmanager
def local(n: int) -> Iterator[Processes]:
    """Run cells on so many processes of this machine, and end them with the block."""
    processes = Processes(n)
    try:
        yield processes
    finally:
        processes.close()
