import json
import shutil
import subprocess
import sys
import tomllib
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from experiments.api.comparison import Comparison
from experiments.cli import main
from experiments.config.load import load_config, shipped_configs
from tests.experiments.cli.running import run

SMALL = [
    "em.n_init=3",
    "em.n_bootstrap=8",
    "bayes.draws=60",
    "bayes.tune=200",
    "bayes.chains=2",
    "data.n_samples=120",
    "data.n_test=30",
]


def sets(*overrides):
    return [part for override in overrides for part in ("--set", override)]


def without_seconds(value):
    """Everything but what a clock said."""
    if isinstance(value, dict):
        return {key: without_seconds(part) for key, part in value.items() if key != "seconds"}
    return [without_seconds(part) for part in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Answered:
    """What a command said, and the folder in which it was given."""

    status: int
    out: str
    err: str
    folder: Path


def answered(folder, *arguments):
    """Run a command in a folder as :func:`run` does, before a test has its own fixtures."""
    said = StringIO(), StringIO()
    with (
        chdir(folder),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(said[0]),
        redirect_stderr(said[1]),
    ):
        patch.setattr(sys, "argv", ["gmm-compare", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
    return Answered(caught.value.code, said[0].getvalue(), said[1].getvalue(), folder)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """Run the quickstart once for the tests that look at what it leaves."""
    return answered(tmp_path_factory.mktemp("quickstart"), "run", "quickstart", *sets(*SMALL))


def test_quickstart_answers_and_leaves_a_complete_run(quickstart):
    assert quickstart.status == 0
    assert quickstart.err == "", "a pipe hears nothing but the answer"
    assert max(map(len, quickstart.out.splitlines())) <= 80
    for expected in ("truth", "EM ± se", "posterior ± sd", "held-out rows", "over draws"):
        assert expected in quickstart.out
    directory = quickstart.folder / "runs" / "quickstart"
    assert {path.name for path in directory.iterdir()} == {
        "assignments.csv",
        "comparison.json",
        "config.toml",
        "environment.json",
        "posterior.nc",
        "report.html",
    }
    values = json.loads((directory / "comparison.json").read_text())
    for engine in ("em", "bayes"):
        for kind, count in (("weights", 3), ("means", 6), ("covariances", 12)):
            for part in ("mixture", "uncertainty"):
                numbers = np.ravel(values["engines"][engine][part][kind])
                assert len(numbers) == count
                assert np.all(numbers > 0 if part == "uncertainty" else np.isfinite(numbers))


def test_the_stored_config_repeats_the_numbers(quickstart, in_tmp, monkeypatch, capsys):
    first = quickstart.folder / "runs" / "quickstart"
    again = ("run", str(first / "config.toml"), "--json", "--out", "b")
    status, out, _ = run(monkeypatch, capsys, *again)
    assert status == 0
    values, repeated = json.loads((first / "comparison.json").read_text()), json.loads(out)
    assert values["engines"]["em"]["seconds"] > 0
    assert without_seconds(values) == without_seconds(repeated)
    Comparison.from_dict(repeated)


def test_posterior_file_stands_in_the_order_of_the_comparison(quickstart):
    xarray = pytest.importorskip("xarray")
    directory = quickstart.folder / "runs" / "quickstart"
    values = json.loads((directory / "comparison.json").read_text())
    with xarray.open_datatree(directory / "posterior.nc", engine="h5netcdf") as tree:
        means = tree["posterior"]["means"].mean(("chain", "draw")).to_numpy()
    assert np.allclose(means, values["engines"]["bayes"]["mixture"]["means"], rtol=1e-6)


def test_a_table_of_ones_own_is_fitted(in_tmp, monkeypatch, capsys):
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(size=(40, 1)), rng.normal(6, 2, size=(40, 1))])
    lines = ["id,height", *(f"p{i},{value}" for i, (value,) in enumerate(rows))]
    (in_tmp / "mine.csv").write_text("\n".join(lines) + "\n")
    status, out, _ = run(monkeypatch, capsys, "fit", "mine.csv", "-k", "2", "--columns", "height")
    assert status == 0
    assert "height" in out
    assert (in_tmp / "runs" / "mine-k2" / "report.html").is_file()
    assert load_config(in_tmp / "runs" / "mine-k2" / "config.toml").n_components == 2


def test_report_is_written_again_from_the_comparison(quickstart, in_tmp, monkeypatch, capsys):
    shutil.copytree(quickstart.folder / "runs" / "quickstart", "a")
    before = (in_tmp / "a" / "report.html").read_text()
    (in_tmp / "a" / "report.html").unlink()
    assert run(monkeypatch, capsys, "report", "a")[0] == 0
    assert (in_tmp / "a" / "report.html").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "no-such.toml"], "no such config"),
        (["run", "quickstart", "--set", "n_componets=3"], "unknown key 'n_componets'"),
        (["run", "quickstart", "--set", "seed='x'"], "seed = 'x': allowed is a whole number"),
        (["run", "quickstart", "--set", "n_components=-3"], "n_components = -3"),
        (["run", "quickstart", "--set", "n_components=601"], "allowed is 1 to 600"),
        (["run", "quickstart", "quickstart"], "same name"),
        (["run", "quickstart", "--out", "occupied"], "holds files that are not a run's"),
        (["run"], "Missing argument"),
        (["rnu"], "no command 'rnu', allowed is one of run, sweep"),
        (["rnu"], "; did you mean run?"),
        (["frobnicate"], "no command 'frobnicate'"),
        (["run", "quickstart", "--frobnicate"], "No such option"),
        (["fit", "nan.csv", "-k", "2"], "nan.csv: row 2, column 'a' is nan"),
        (["fit", "missing.csv", "-k", "2"], "no such data file"),
        (["fit", "empty.csv", "-k", "2"], "empty.csv: not a table"),
        (["fit", "constant.csv", "-k", "1"], "constant"),
        (["fit", "three.csv", "-k", "4"], "allowed is 1 to 3"),
        (["fit", "three.csv", "-k", "0"], "n_components = 0"),
        (["fit", "three.csv", "-k", "x"], "--components x: allowed is a number, a range or a list"),
        (["fit", "three.csv", "-k", "3-1"], "--components 3-1: allowed is"),
        (["fit", "three.csv", "-k", "1-999999999"], "--components 1-999999999: allowed is"),
        (["fit", "three.csv", "-k", "1-4"], "n_components = 4: allowed is 1 to 3"),
        (["fit", "three.csv", "-k", "1,1"], "n_components = [1, 1]: allowed is each number once"),
        (["report", "occupied"], "no comparison.json"),
    ],
)
def test_the_callers_mistakes_exit_2_with_one_line(
    in_tmp, monkeypatch, capsys, arguments, expected
):
    (in_tmp / "occupied").mkdir()
    (in_tmp / "occupied" / "thesis.tex").write_text("precious")
    (in_tmp / "nan.csv").write_text("a,b\n1,2\n,4\n5,6\n")
    (in_tmp / "empty.csv").write_text("")
    (in_tmp / "constant.csv").write_text("a,b\n1,2\n1,4\n1,6\n1,5\n1,1\n")
    (in_tmp / "three.csv").write_text("a\n1\n2\n4\n")
    before = sorted(path.name for path in in_tmp.iterdir())
    status, out, err = run(monkeypatch, capsys, *arguments)
    assert (status, out) == (2, "")
    assert expected in err
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("gmm-compare")
    assert err.count("gmm-compare") == 1
    assert sorted(path.name for path in in_tmp.iterdir()) == before, "no folder is left behind"


def test_every_config_is_checked_before_the_first_runs(in_tmp, monkeypatch, capsys):
    status, _, err = run(monkeypatch, capsys, "run", "quickstart", "old-faithfull")
    assert status == 2
    assert "did you mean 'old-faithful'" in err
    assert list(in_tmp.iterdir()) == []


def test_an_interrupt_leaves_no_run_directory(in_tmp, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.api.run.fit_engines", interrupt)
    status, _, err = run(monkeypatch, capsys, "run", "quickstart")
    assert status == 130
    assert "interrupted" in err
    assert not (in_tmp / "runs").exists() or list((in_tmp / "runs").iterdir()) == []


def test_configs_and_schema_are_printed(monkeypatch, capsys):
    status, out, _ = run(monkeypatch, capsys, "configs")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    names = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert names == list(shipped_configs())
    status, out, _ = run(monkeypatch, capsys, "configs", "--json")
    assert status == 0
    kinds = {config["name"]: config["kind"] for config in json.loads(out)}
    assert kinds["choose-k"] == "sweep"
    calibrations = {name for name, kind in kinds.items() if kind == "sbc"}
    assert calibrations == {"sbc-gibbs", "sbc-nuts", "sbc-unknown-k"}
    status, out, _ = run(monkeypatch, capsys, "schema")
    assert status == 0
    schema = json.loads(out)
    for text in shipped_configs().values():
        jsonschema.validate(tomllib.loads(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text) | {"n_components": 0}, schema)


def test_the_module_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "configs"], capture_output=True, text=True, check=True
    )
    assert "quickstart" in done.stdout
