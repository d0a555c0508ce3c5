"""Whatever the command line is given, it answers in a line and keeps what is done."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments import config
from experiments.api.saved import read_run
from tests.experiments.cli.running import run
from tests.experiments.fuzz.corpus import CONFIG, SWEEP, table

EM = ["--engines", "em", "--set", "em.n_init=1", "--set", "em.n_bootstrap=0"]


@pytest.fixture
def folder(in_tmp):
    (in_tmp / "odd.toml").write_text(CONFIG)
    (in_tmp / "sweep.toml").write_text(CONFIG + SWEEP)
    (in_tmp / "rows.csv").write_text(table())
    return in_tmp


def refused(monkeypatch, capsys, *words):
    status, out, err = run(monkeypatch, capsys, *words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "not foreseen" not in err
    return err


# Security ---------------------------------------------------------------------------------------


def test_a_terminal_is_told_nothing_to_obey(folder, monkeypatch, capsys):
    (folder / "odd.toml").write_text('"\\u001b]0;owned\\u0007X" = 1\n' + CONFIG)
    assert r"unknown key '\x1b]0;owned\x07X'" in refused(monkeypatch, capsys, "run", "odd.toml")
    lines = [line.replace("length", "le\x1b[31mngth") for line in table().splitlines()]
    (folder / "rows.csv").write_text("\n".join(lines))
    status, out, err = run(monkeypatch, capsys, "fit", "rows.csv", "-k", "1", *EM)
    assert (status, err) == (0, "")
    assert "le [31mngth" in out
    assert "\x1b" not in out
    words = ("fit", "rows.csv", "-k", "1", "--columns", "\x1b[2J")
    assert "no column '\\x1b[2J'" in refused(monkeypatch, capsys, *words)


def test_a_table_on_a_terminal_shows_what_it_would_obey(capsys):
    from rich.text import Text

    from experiments.terminal.streams import say, standard_output

    standard_output().print(Text("a\x1b[31mb\u202ec\nd"))
    say("e\x07f\ng")
    assert capsys.readouterr().out == "a\\x1b[31mb\\u202ec\nd\ne\\x07f\ng\n"


# Always an answer -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["fit", "rows.csv", "-k", "1", "--set", "sweep.seeds=2"], "sweep.seeds"),
        (["fit", "rows.csv", "-k", "1", "--set", "quick.seed=2"], "quick.seed"),
        (
            ["fit", "rows.csv", "-k", "1", "--engines", "em", "--set", "bayes.draws=9"],
            "bayes.draws",
        ),
        (["fit", "rows.csv", "-k", "1", "--set", "settings.em.n_init=1"], "settings.em"),
        (["fit", "rows.csv", "-k", "1", "--set", "settings.kmeans.n_init=1"], "settings.kmeans"),
        (["run", "odd.toml", "--set", "quick.seed=2"], "quick.seed"),
        (["run", "odd.toml", "--set", "bayes.draws=9"], "bayes.draws"),
        (["sweep", "sweep.toml", "--set", "bayes.draws=9"], "bayes.draws"),
        (["sbc", "odd.toml", "--set", "em.n_init=9"], "em.n_init"),
        (["sbc", "odd.toml", "--set", "thresholds.labels=[1,2]"], "thresholds.labels"),
    ],
)
def test_keys_that_a_command_ignores_are_refused(folder, monkeypatch, capsys, words, key):
    assert key in refused(monkeypatch, capsys, *words)


def test_a_conclusion_without_a_sweep_is_refused(folder, monkeypatch, capsys):
    more = ["conclusion.kind=winner", "conclusion.setting=a", "conclusion.best=lowest"]
    sets = [part for word in (*more, "conclusion.values={a='b'}") for part in ("--set", word)]
    assert "conclusion" in refused(monkeypatch, capsys, "run", "odd.toml", *sets)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=" + "9" * 5000, "too many digits"),
        ("seed=0x" + "f" * 5000, "20000 bits"),
        ("seed=99999999999999999999", "67 bits"),
        ("em=" + "[" * 3000 + "]" * 3000, "32"),
        ("a." * 50 + "b=1", "32 tables"),
        ("data.n_samples=1000000000000000", "GB of memory"),
        ("data.n_test=1000000000000000", "GB of memory"),
        ("em.n_init=1000000000000", "GB of memory"),
        ("em.n_bootstrap=1000000000000", "GB of memory"),
        ("em.reg_covar=1e300", "at most 1e+150"),
        ("data.truth.covariances=[[[1e300,0.0],[0.0,1e300]]]", "at most 1e+75"),
        ("data.truth={kind='generated',separation=1.0,n_features=100000}", "GB of memory"),
        ('data={source="file",path="a\\u0000.csv"}', "without a NUL character"),
    ],
)
def test_what_is_too_large_is_told_before_it_is_tried(
    folder, monkeypatch, capsys, override, expected
):
    assert expected in refused(monkeypatch, capsys, "run", "odd.toml", "--set", override)
    assert not (folder / "runs").exists()


def test_few_rows_of_many_columns_are_told(folder, monkeypatch, capsys):
    np.save("wide.npy", np.random.default_rng(0).normal(size=(3, 10_000)))
    assert "GB of memory" in refused(monkeypatch, capsys, "fit", "wide.npy", "-k", "2")
    np.save("wide.npy", np.random.default_rng(0).normal(size=(3, 50)))
    err = refused(monkeypatch, capsys, "fit", "wide.npy", "-k", "1", *EM)
    assert "3 rows of 50 features make every full covariance singular" in err


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("sweep.seeds=1000000000", "2000000000 cells, allowed are at most 100000"),
        ("sweep.seeds=[1,99999999999999999999]", "67 bits"),
        ("sweep.over={n_components=[1,99999999999999999999]}", "67 bits"),
        ('sweep.over={"data.path"=[1]}', "unknown key 'data.path'"),
        ("sweep.over={'em.n_init'=[1,1]}", "each value once"),
        ("sweep.max_cells=3", "4 cells, allowed are at most 3"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_at_the_door(
    folder, monkeypatch, capsys, override, expected
):
    for command in ("sweep", "run"):
        said = refused(monkeypatch, capsys, command, "sweep.toml", "--out", "s", "--set", override)
        assert expected in said
    assert not (folder / "s").exists()


def test_a_larger_limit_allows_more_cells():
    values = {"seeds": 200_000, "max_cells": 200_000}
    data = {"source": "builtin", "name": "iris"}
    found = config.parse_config({"name": "a", "n_components": 2, "data": data, "sweep": values}, "")
    assert found.sweep.n_cells == 200_000


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (TypeError("a\nb\x1b"), 1, r"not foreseen: TypeError: a b\x1b"),
        (MemoryError(), 1, "out of memory"),
        (RecursionError("deep"), 1, "not foreseen: RecursionError: deep"),
        (OverflowError("large"), 1, "not foreseen: OverflowError: large"),
        (OSError(28, "No space left on device", "f"), 1, "f: No space left on device"),
    ],
)
def test_an_error_of_any_kind_is_one_line(folder, monkeypatch, capsys, error, status, expected):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("experiments.api.run.fit_engines", fail)
    found, out, err = run(monkeypatch, capsys, "run", "odd.toml")
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert expected in err


def test_the_traceback_of_an_unforeseen_error_can_be_had(folder, monkeypatch, capsys):
    def fail(*_, **__):
        raise TypeError("made to fail")

    monkeypatch.setattr("experiments.api.run.fit_engines", fail)
    monkeypatch.setenv("GMM_COMPARE_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["gmm-compare", "run", "odd.toml"])
    from experiments.cli import main

    with pytest.raises(TypeError, match="made to fail"):
        main()


# Nothing is lost --------------------------------------------------------------------------------


def test_a_fit_without_a_complete_row_is_kept_and_drawn(folder, monkeypatch, capsys):
    rows = np.random.default_rng(6).normal(size=(40, 3))
    rows[np.arange(40), np.arange(40) % 3] = np.nan
    np.save("holes.npy", rows)
    words = ("fit", "holes.npy", "-k", "1", "--missing", "keep", "--out", "out", *EM)
    assert run(monkeypatch, capsys, *words)[0] == 0
    assert read_run("out").dataset.n_samples == 40
    page = (folder / "out" / "report.html").read_text()
    assert "Every row has a missing value, so that none can be drawn." in page
    assert "could not be drawn (" not in page


def test_a_column_left_out_for_one_text_is_a_warning(folder, monkeypatch, capsys):
    (folder / "rows.csv").write_text(table().replace("width", "WIDTH").replace(",p3", ".x,p3"))
    status, out, _ = run(monkeypatch, capsys, "fit", "rows.csv", "-k", "1", *EM)
    assert status == 0
    assert "! Column 'WIDTH' is left out: '" in out
    assert "in row 4 is no number." in " ".join(out.split())


def command(*words, **more):
    return subprocess.run(
        [sys.executable, "-m", "experiments", *words], capture_output=True, timeout=100, **more
    )


def test_an_encoding_that_cannot_hold_the_answer_costs_nothing(folder):
    done = command(
        "fit", "rows.csv", "-k", "1", *EM, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u2713" in done.stdout
    assert read_run("runs/rows-k1").n_components == 1


def test_a_closed_output_costs_nothing(folder):
    words = " ".join(["-m", "experiments", "fit", "rows.csv", "-k", "1", *EM])
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' {words} >&-"], capture_output=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert read_run("runs/rows-k1").n_components == 1


def test_a_name_that_is_not_utf_8_is_told_at_the_door(folder):
    os.rename(b"rows.csv", b"r\xff.csv")
    done = command("fit", b"r\xff.csv", "-k", "1", *EM)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the file's name is not UTF-8" in done.stderr


def test_an_out_that_is_not_utf_8_is_used(folder):
    done = command("fit", "rows.csv", "-k", "1", *EM, "--out", b"o\xff")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"o\udcff" in done.stdout
    assert read_run(os.fsdecode(b"o\xff")).n_components == 1


def test_an_interrupt_while_a_sweep_is_loaded_says_what_is_kept(folder, monkeypatch, capsys):
    words = ("sweep", "sweep.toml", "--out", "s", "--workers", "0")
    assert run(monkeypatch, capsys, *words)[0] == 0

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.sweeps.run.make_plan", interrupt)
    status, _, err = run(monkeypatch, capsys, *words)
    assert (status, err.count("\n")) == (130, 1)
    assert "the cells in s are kept, and the same command goes on" in err


# Killed -----------------------------------------------------------------------------------------

KILLED = {
    "run": ["run", "odd.toml", "--out", "out"],
    "fit": ["fit", "rows.csv", "-k", "1", "--out", "out", *EM],
    "sweep": ["sweep", "sweep.toml", "--out", "out", "--workers", "1"],
    "sbc": ["sbc", "sbc-gibbs", "--n-sims", "20", "--out", "out"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KILLED)
def test_what_is_killed_leaves_nothing_that_looks_finished(folder, name):
    words = [sys.executable, "-m", "experiments", *KILLED[name]]
    for seconds in (1.5, 3.0, 4.5):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (folder / "out" / "comparison.json").is_file():
            assert read_run("out").n_components == 1
    done = command(*KILLED[name])
    assert done.returncode in (0, 1)
    assert done.stderr == b""
