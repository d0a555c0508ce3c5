"""Sweeps on processes: local ones, a cluster that loses a worker, and a sweep that is killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from experiments import load_results, run_sweep
from experiments.core.errors import UsageError
from tests.experiments.sweeps.made_cluster import dask_cluster
from tests.experiments.sweeps.sweeping import CONFIG, assert_same_results, records, sweep_config

# Cells that take some tens of milliseconds each, so that a kill meets them half done.
LONGER = {"em.n_bootstrap": [40], "data.n_samples": [60, 80]}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The sweep's results from this process alone."""
    directory = tmp_path_factory.mktemp("serial") / "made"
    run_sweep(sweep_config(seeds=12, over=LONGER), directory, n_workers=0)
    return load_results(directory)


@pytest.mark.slow
def test_two_local_workers_give_the_numbers_of_none_quietly(serial, tmp_path, capfd):
    config = sweep_config(seeds=12, over=LONGER)
    sweep = run_sweep(config, tmp_path / "s", n_workers=2)
    assert (sweep.done, sweep.failed) == (24, 0)
    assert_same_results(load_results(tmp_path / "s"), serial)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 4])
def test_one_and_four_local_workers_give_the_same_numbers(serial, tmp_path, n_workers):
    config = sweep_config(seeds=12, over=LONGER)
    assert run_sweep(config, tmp_path / "s", n_workers=n_workers).done == 24
    assert_same_results(load_results(tmp_path / "s"), serial)


# A cluster of its own -------------------------------------------------------------------------


@pytest.fixture
def cluster(tmp_path):
    with dask_cluster(tmp_path) as started:
        yield started


def wait_for_workers(address, count):
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_costs_nothing(serial, tmp_path, cluster):
    address, workers = cluster
    wait_for_workers(address, 2)
    states = []

    def watch(progress):
        states.append(progress.total - progress.missing)
        if states[-1] == 6:
            workers[0].kill()

    config = sweep_config(seeds=12, over=LONGER)
    sweep = run_sweep(config, tmp_path / "s", scheduler=address, watch=watch)
    assert workers[0].wait(timeout=30) == -signal.SIGKILL
    assert (sweep.done, sweep.failed) == (24, 0)
    assert states == list(range(25)), "every cell finishes once"
    assert_same_results(load_results(tmp_path / "s"), serial)


def test_no_scheduler_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.sweeps.dask_cluster.ANSWER", 1.0)
    with pytest.raises(UsageError, match=r"--scheduler tcp://127\.0\.0\.1:9: no scheduler answers"):
        run_sweep(sweep_config(), tmp_path / "s", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="allowed is one of them"):
        run_sweep(sweep_config(), tmp_path / "s", scheduler="tcp://127.0.0.1:9", n_workers=2)


def test_something_that_accepts_and_never_answers_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.sweeps.dask_cluster.ANSWER", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(UsageError, match=r"no answer within 1 s"):
            run_sweep(sweep_config(), tmp_path / "s", scheduler=address)


@pytest.mark.slow
def test_a_scheduler_that_dies_is_a_line_and_costs_no_cell(tmp_path, cluster):
    address, workers = cluster
    wait_for_workers(address, 2)
    (tmp_path / "made.toml").write_text(CONFIG.replace("n_bootstrap = 4", "n_bootstrap = 60"))
    words = ["sweep", "made.toml", "--out", "s", "--scheduler", address, "--set", "sweep.seeds=200"]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *words], cwd=tmp_path, stderr=subprocess.PIPE
    )
    while not list((tmp_path / "s" / "cells").glob("*/*.json")):
        assert process.poll() is None
        time.sleep(0.05)
    (scheduler,) = [p for p in psutil.Process().children() if "scheduler" in p.cmdline()]
    for one in (scheduler, *workers):
        one.kill()
    said = process.communicate(timeout=100)[1].decode().splitlines()
    # The first line says that the connection was not protected.
    assert process.returncode == 1
    assert len(said) == 2, "\n".join(said)
    assert "the scheduler is gone" in said[1]
    assert "cells are kept, and the same command goes on" in said[1]


# Killed ---------------------------------------------------------------------------------------


def begin(folder, n_workers):
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", "sweep", "made.toml", "--out", "s", "--workers",
         str(n_workers), "--set", "sweep.seeds=12", "--set", "sweep.over={}", "--set",
         "em.n_bootstrap=40"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def kill_and_resume(folder, n_kills, seed):
    """Kill the command so many times at random moments, then let it finish."""
    rng = random.Random(seed)
    (folder / "made.toml").write_text(CONFIG)
    seen = {}
    for _ in range(n_kills):
        process = begin(folder, n_workers=rng.choice([0, 2]))
        # Half the kills fall while cells finish, half at any time since the start.
        known, deadline = len(seen), time.monotonic() + 60
        if rng.random() < 0.5:
            while len(list(folder.glob("s/cells/*/*.json"))) == known:
                if process.poll() is not None or time.monotonic() > deadline:
                    break
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.2))
        else:
            time.sleep(rng.uniform(0, 4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        found = records(folder / "s")
        assert seen.items() <= found.items(), "nothing is lost, nothing that is done is done again"
        seen = found
    process = begin(folder, n_workers=2)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert seen.items() <= records(folder / "s").items()
    return load_results(folder / "s")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "made"
    config = sweep_config("", seeds=12, over={})
    config = config.model_copy(update={"em": config.em.model_copy(update={"n_bootstrap": 40})})
    run_sweep(config, directory, n_workers=0)
    return load_results(directory)


@pytest.mark.slow
def test_a_sweep_killed_ten_times_goes_on_where_it_was(tmp_path, uninterrupted):
    assert_same_results(kill_and_resume(tmp_path, 10, seed=2), uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("interrupt", [os.kill, os.killpg])
def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(tmp_path, interrupt):
    # A terminal interrupts the whole group, workers included.
    (tmp_path / "made.toml").write_text(CONFIG)
    process = begin(tmp_path, 2)
    while not list(tmp_path.glob("s/cells/*/*.json")) and process.poll() is None:
        time.sleep(0.01)
    interrupt(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    kept = len(records(tmp_path / "s"))
    assert process.returncode == 130
    assert err.startswith("gmm-compare: interrupted: ")
    assert f"{kept} of 12 cells are kept" in err
    assert len(err.splitlines()) == 1
