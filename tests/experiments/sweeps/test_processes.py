"""Cells on processes of this machine: what ends one of them ends nothing else."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from experiments.core.errors import UsageError
from experiments.sweeps import processes
from experiments.sweeps.cell import Task


@pytest.fixture
def odd(monkeypatch):
    """Let workers run the cells of `tests.experiments.sweeps.odd_cells`."""
    use(monkeypatch, "from tests.experiments.sweeps.odd_cells import main")


def use(monkeypatch, line):
    program, count = re.subn(
        r"from experiments\.sweeps\.worker import main", line, processes.PROGRAM
    )
    assert count == 1
    monkeypatch.setattr(processes, "PROGRAM", program)


def run(deeds, n, **more):
    """Run a cell for each deed; gives their outcomes in the deeds' order."""
    tasks = (Task(f"{i}", {"i": i, "does": does, **more}, "") for i, does in enumerate(deeds))
    with processes.local(n) as place:
        found = dict(place.run(tasks, len(deeds)))
    assert len(found) == len(deeds)
    return [found[f"{i}"] for i in range(len(deeds))]


def children():
    return psutil.Process().children(recursive=True)


@pytest.mark.slow
def test_every_cell_comes_back_once(odd, tmp_path):
    before = children()
    outcomes = run(["nothing"] * 60, 2, log=str(tmp_path / "log"))
    assert [outcome.values["i"] for outcome in outcomes] == list(range(60))
    ran = (tmp_path / "log").read_text().split()
    assert sorted(map(int, ran)) == list(range(60))
    assert children() == before, "all processes have ended"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("does", "how", "times"),
    [
        ("exits", r"ProcessEnded: .*\(exit status 7\) in each of 3 attempts", 3),
        ("crashes", r"ProcessEnded: .*\(signal SIGSEGV\) in each of 3 attempts", 3),
        ("is killed", r"ProcessEnded: .*\(signal SIGKILL, .*memory is short\)", 3),
        ("shares", r"ProcessEnded: .*\(exit status 3\)", 3),
        ("calls exit", r"SystemExit: 5", 1),
        ("interrupts", r"KeyboardInterrupt: raised by the engine", 1),
        ("breaks", r"MemoryError: not even an outcome", 1),
    ],
)
def test_a_cell_that_ends_its_process_fails_alone(odd, tmp_path, does, how, times):
    deeds = ["nothing"] * 30
    deeds[20] = does
    log = tmp_path / "log"
    outcomes = run(deeds, 2, log=str(log))
    assert [i for i, outcome in enumerate(outcomes) if outcome.error] == [20]
    assert re.match(how, outcomes[20].error)
    assert "\n" not in outcomes[20].error
    ran = log.read_text().split()
    assert ran.count("20") in (times, times + 1), "alone, and once with others if it came with some"
    assert ran.count("3") == 1


@pytest.mark.slow
def test_a_process_that_another_program_ended_costs_nothing(odd):
    before = set(children())
    ended = []

    def tasks():
        for i in range(20):
            if i == 10:
                ended.append(min(set(children()) - before, key=lambda process: process.pid))
                ended[0].kill()
            yield Task(f"{i}", {"i": i}, "")

    with processes.local(2) as place:
        outcomes = dict(place.run(tasks(), 20))
    assert len(ended) == 1
    assert [outcomes[f"{i}"].error for i in range(20)] == [""] * 20


@pytest.mark.slow
def test_a_worker_is_a_small_process_that_computes_in_one_thread(odd, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    (outcome,) = run(["looks"], 1)
    environment, modules = outcome.values["environment"], outcome.values["modules"]
    assert environment["OMP_NUM_THREADS"] == environment["PYTHON_CPU_COUNT"] == "1"
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "67108864"
    assert environment["PATH"] == os.environ["PATH"]
    assert os.environ["OMP_NUM_THREADS"] == "4"
    assert not {"distributed", "dask", "pandas", "plotly"} & set(modules)
    assert "numpy" in modules
    assert outcome.values["path"] == sys.path


@pytest.mark.slow
def test_tasks_are_made_when_they_are_needed(odd):
    made = []

    def tasks():
        for i in range(1000):
            made.append(i)
            yield Task(f"{i}", {"i": i}, "")

    with processes.local(2) as place:
        outcomes = place.run(tasks(), 1000)
        for n_done in range(1, 20):
            next(outcomes)
            assert len(made) <= n_done + 5 * 2 * 4, "five cells of 0.2 s a batch, four batches each"


@pytest.mark.slow
def test_no_process_is_started_for_which_there_is_no_cell(odd):
    before = set(children())
    with processes.local(50) as place:
        assert len(dict(place.run(iter([Task("a", {"i": 0}, "")]), 1))) == 1
        assert len(set(children()) - before) == 1


@pytest.mark.slow
def test_leaving_the_block_ends_a_cell_in_the_middle(odd):
    before = children()
    start = time.monotonic()
    deeds = ["nothing"] + ["sleeps"] * 8
    with processes.local(2) as place:
        tasks = (Task(f"{i}", {"i": i, "does": does}, "") for i, does in enumerate(deeds))
        assert next(place.run(tasks, len(deeds)))[0] == "0"
    assert time.monotonic() - start < 50, "a cell takes 60 s"
    assert children() == before


@pytest.mark.slow
def test_other_code_in_a_worker_is_told(monkeypatch):
    use(
        monkeypatch,
        "from tests.experiments.sweeps.odd_cells import main_of_another_version as main",
    )
    with pytest.raises(UsageError, match="worker runs version 1 of the code, allowed is 2"):
        run(["nothing"], 1)


def test_a_process_that_does_not_start_is_told(monkeypatch, capfd):
    use(monkeypatch, "import experiments_that_nobody_has as main")
    with pytest.raises(UsageError) as told:
        run(["nothing"] * 3, 2)
    assert re.fullmatch(
        r"workers = 2: a process did not start \(exit status 1; it may have said more above\), "
        "allowed is n_workers=0 to run in this process",
        str(told.value),
    )
    assert "ModuleNotFoundError" in capfd.readouterr().err


@pytest.mark.parametrize(("killed", "starts"), [(1, 2), (9, 3)])
def test_a_process_that_is_killed_before_it_is_ready_is_started_again(
    monkeypatch, tmp_path, killed, starts
):
    log = tmp_path / "log"
    use(
        monkeypatch,
        "from tests.experiments.sweeps.odd_cells import die_early, main; "
        f"die_early({str(log)!r}, {killed})",
    )
    with processes.local(1) as place:
        outcomes = place.run(iter([Task("a", {"i": 0}, "")]), 1)
        if killed < starts:
            assert [address for address, outcome in outcomes if not outcome.error] == ["a"]
        else:
            with pytest.raises(UsageError, match=r"did not start \(signal SIGKILL"):
                next(outcomes)
    assert len(log.read_text().split()) == starts


SCRIPT = """\
from experiments import run_sweep
from tests.experiments.sweeps.sweeping import sweep_config
sweep = run_sweep(sweep_config({more}), {folder!r}, n_workers=2)
print(sweep.done)
"""


def script(tmp_path, more=""):
    """Start a script without a guard, in a folder of other modules than its own."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(more=more, folder=str(tmp_path / "s")))
    working = tmp_path / "working"
    working.mkdir()
    for name in ("pickle", "numpy", "experiments"):
        (working / f"{name}.py").write_text("raise SystemExit('a module of the working folder')\n")
    return subprocess.Popen(
        [sys.executable, str(path)], cwd=working, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.slow
def test_a_script_needs_no_guard_and_the_working_folder_hides_no_module(tmp_path):
    process = script(tmp_path)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, "12\n", "")


@pytest.mark.slow
def test_processes_end_with_one_that_is_killed(tmp_path):
    process = script(tmp_path, 'seeds=200, over={"em.n_bootstrap": [2000]}')
    while len(workers := psutil.Process(process.pid).children(recursive=True)) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    while not all(worker.num_threads() > 1 for worker in workers):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
