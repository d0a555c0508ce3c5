"""A dask scheduler and two workers as processes of their own."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager


@contextmanager
def dask_cluster(folder, *options):
    """Start a cluster on this machine; gives the scheduler's address and the workers."""
    log = (folder / "dask.log").open("w")

    def dask(*arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--no-dashboard", "--host", "127.0.0.1",
             *options],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip

    file = folder / "scheduler.json"
    processes = [dask("scheduler", "--port", "0", "--scheduler-file", str(file))]
    processes += [
        dask(
            "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny",
            "--local-directory", str(folder / "scratch"),
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        yield wait_for_address(file), processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()
        log.close()


def wait_for_address(file):
    for _ in range(600):
        if file.exists() and (text := file.read_text()):
            return json.loads(text)["address"]
        time.sleep(0.1)
    raise AssertionError("the scheduler did not start within a minute")
