"""How cells travel to the workers of a cluster: several short ones together."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from distributed import Client

from experiments.sweeps.cell import Outcome, Task
from experiments.sweeps.dask_cluster import AHEAD, TASK_SECONDS, Cluster, _next_size


@pytest.fixture(scope="module")
def client():
    """Two threads of this process, so that what a worker runs can be replaced."""
    with Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None,
        set_as_default=False,
    ) as client:  # fmt: skip
        yield client


@pytest.fixture
def ran(monkeypatch):
    """Cells say that they took a hundredth of a task; gives how often each was run."""
    counts = Counter()

    def run_cell(values, keep, code):
        counts[values["i"]] += 1
        if values["i"] in values["breaks"]:
            raise MemoryError("not even an outcome")
        return Outcome(values={"i": values["i"]}, seconds=TASK_SECONDS / 100)

    monkeypatch.setattr("experiments.sweeps.dask_cluster.run_cell", run_cell)
    return counts


def tasks(name, count, breaks=()):
    return (Task(f"{name}-{i}", {"i": i, "breaks": list(breaks)}, "scalars") for i in range(count))


def test_every_cell_comes_back_once_and_short_ones_travel_together(client, ran, monkeypatch):
    sizes = []

    def submit(function, batch, *arguments, **more):
        sizes.append(len(batch))
        return Client.submit(client, function, batch, *arguments, **more)

    monkeypatch.setattr(client, "submit", submit)
    cluster = Cluster(client)
    found = dict(cluster.run(tasks("all", 500), 500))
    assert {address: outcome.values["i"] for address, outcome in found.items()} == {
        f"all-{i}": i for i in range(500)
    }
    assert set(ran.values()) == {1}
    assert cluster.n_running == 2
    # The first go out alone, when nobody knows yet how long a cell takes.
    assert sizes[: 2 * (1 + AHEAD)] == [1] * 6
    assert max(sizes) > 10
    assert sizes[-1] == 1
    assert sum(sizes) == 500


def test_a_cell_that_breaks_its_task_takes_no_other_with_it(client, ran):
    found = dict(Cluster(client).run(tasks("broken", 200, breaks={150, 151}), 200))
    assert len(found) == 200
    failed = {address for address, outcome in found.items() if outcome.error}
    assert failed == {"broken-150", "broken-151"}
    assert found["broken-150"].error == "MemoryError: not even an outcome"
    assert found["broken-149"].values == {"i": 149}


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        ([0.0], 2),
        ([TASK_SECONDS / 10] * 4, 8),
        ([TASK_SECONDS / 10] * 8, 10),
        ([TASK_SECONDS / 2, TASK_SECONDS / 2], 2),
        ([100.0], 1),
        ([0.01] * 50 + [100.0], 1),
    ],
)
def test_a_task_holds_what_takes_about_its_time(seconds, size):
    assert _next_size([Outcome(seconds=s) for s in seconds]) == size


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_what_it_needs(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from experiments import run_sweep\n"
        "from tests.experiments.sweeping import sweep_config\n"
        f"run_sweep(sweep_config(), {str(tmp_path / 's')!r}, n_workers=1)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("experiments.core.errors.UsageError: workers = 1: the processes did not")
    assert 'if __name__ == "__main__":' in last
