"""Cells that do odd things to their process: what their values say, instead of an experiment."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from experiments.sweeps import batches, worker
from experiments.sweeps.cell import OtherVersion, Outcome


def run_cell(values, keep, code):
    counted(values)
    return Outcome(values={"i": values["i"]} | DEEDS[values.get("does", "nothing")](), seconds=0.2)


def counted(values):
    """Leave a line for each time that a cell is run."""
    if "log" in values:
        leave(values["log"], values["i"])


def leave(log, word):
    with Path(log).open("a") as file:
        file.write(f"{word}\n")


def die_early(log, times):
    """Kill this process before it is ready, so many times as the log's lines can tell."""
    leave(log, "started")
    if len(Path(log).read_text().split()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)


def share_the_connection():
    """End, while a child still holds the connection, as a careless library may arrange it."""
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, True)
    subprocess.Popen(["sleep", "20"], close_fds=False, stdout=subprocess.DEVNULL)
    os._exit(3)


def interrupt():
    raise KeyboardInterrupt("raised by the engine")


def fill_the_memory():
    raise MemoryError("not even an outcome")


def look_around():
    return {
        "environment": dict(os.environ),
        "modules": sorted(sys.modules),
        "pid": os.getpid(),
        "path": sys.path,
    }


def sleep():
    time.sleep(60)
    return {}


DEEDS = {
    "nothing": dict,
    "exits": lambda: os._exit(7),
    "crashes": lambda: os.kill(os.getpid(), 11),
    "is killed": lambda: os.kill(os.getpid(), 9),
    "calls exit": lambda: sys.exit(5),
    "interrupts": interrupt,
    "breaks": fill_the_memory,
    "shares": share_the_connection,
    "looks": look_around,
    "sleeps": sleep,
}


def main(descriptor):
    """Be a worker of `experiments.sweeps.processes` that runs these cells."""
    batches.run_cell = run_cell
    worker.main(descriptor)


def other_version(values, keep, code):
    raise OtherVersion("worker runs version 1 of the code, allowed is 2")


def main_of_another_version(descriptor):
    batches.run_cell = other_version
    worker.main(descriptor)
