import fcntl
import json
import os
import sys

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.api.saved import read_run
from experiments.api.saving import write_run, write_run_report
from experiments.core.errors import UsageError
from experiments.core.files import clear_scratch, replacing
from experiments.datasets.dataset import Dataset
from experiments.storage.environment import environment
from experiments.storage.runs import check_target
from gmm_em import Mixture
from tests.experiments.made import made_em


@pytest.fixture
def comparison(rng):
    mixture = Mixture([0.6, 0.4], [[0.0, 0.0], [5.0, 1.0]], [np.eye(2)] * 2)
    dataset = Dataset("made", mixture.sample(60, rng)[0], ("u", "v"), None, mixture)
    return compare_fits(dataset, {"em": made_em(mixture)}, experiment="made")


def test_a_run_directory_is_complete_and_reads_back(tmp_path, comparison):
    directory = write_run(tmp_path / "deep" / "run", comparison, "name = 'made'\n")
    names = {path.name for path in directory.iterdir()}
    files = {"assignments.csv", "comparison.json", "config.toml", "environment.json"}
    assert names == {*files, "report.html"}
    assert read_run(directory) == comparison
    written = json.loads((directory / "environment.json").read_text())
    assert written["versions"]["numpy"] == np.__version__
    assert [path.name for path in directory.parent.iterdir()] == ["run"], "no scratch is left"


@pytest.mark.parametrize(
    ("started", "told"),
    [
        ("/usr/bin/gmm-compare", ["gmm-compare"]),
        ("/lib/experiments/__main__.py", ["gmm-compare"]),
        ("/lib/sphinx/__main__.py", ["python", "-m", "sphinx"]),
        ("analysis.py", ["analysis.py"]),
    ],
)
def test_the_record_names_the_program_that_ran(started, told, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started, "run"])
    assert environment()["command"] == [*told, "run"]


def test_the_same_run_again_replaces_itself(tmp_path, comparison):
    for _ in range(2):
        write_run(tmp_path / "run", comparison, "name = 'made'\n")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_another_run_is_moved_aside_never_overwritten(tmp_path, comparison):
    for text in ("seed = 1", "seed = 2", "seed = 3"):
        write_run(tmp_path / "run", comparison, text)
    configs = {path.name: (path / "config.toml").read_text() for path in tmp_path.iterdir()}
    assert configs == {"run": "seed = 3", "run-1": "seed = 1", "run-2": "seed = 2"}


def test_a_run_whose_record_is_damaged_is_kept(tmp_path, comparison):
    write_run(tmp_path / "run", comparison, "seed = 1")
    (tmp_path / "run" / "environment.json").write_text("{")
    write_run(tmp_path / "run", comparison, "seed = 1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-1"]


def test_a_failure_while_writing_leaves_the_old_run_and_nothing_else(
    tmp_path, comparison, monkeypatch
):
    write_run(tmp_path / "run", comparison, "seed = 1")
    before = (tmp_path / "run" / "comparison.json").read_bytes()

    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_run(tmp_path / "run", comparison, "seed = 2")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "comparison.json").read_bytes() == before


def test_somebody_elses_folder_is_refused(tmp_path, comparison):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match="holds files that are not a run's"):
        write_run(tmp_path, comparison)
    with pytest.raises(UsageError, match="is a file"):
        check_target(tmp_path / "thesis.tex" / "run")
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_an_empty_folder_is_used(tmp_path, comparison):
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run", comparison)
    assert (tmp_path / "run" / "comparison.json").is_file()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "not a comparison"),
        ("[]", "not a comparison"),
        ('{"schema_version": 99}', "schema_ver"),
    ],
)
def test_a_foreign_comparison_is_told_in_one_line(tmp_path, content, expected):
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(UsageError, match=expected) as caught:
        read_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"no comparison\.json"):
        read_run(tmp_path)


def test_replacing_keeps_the_old_file_when_the_work_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path) as scratch:
        scratch.with_name("elsewhere").joinpath("file").write_text("half")
    assert path.read_text() == "old"
    with replacing(path) as scratch:
        scratch.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_page_that_cannot_be_drawn_costs_no_number(tmp_path, comparison, monkeypatch):
    def broken(*_, **__):
        raise FloatingPointError("made to fail \x1b[31m<b>")

    monkeypatch.setattr("experiments.report.comparison.sections._steps", broken)
    monkeypatch.setattr("experiments.report.comparison.parameters.parameters_figure", broken)
    directory = write_run(tmp_path / "run", comparison, "name = 'made'\n")
    assert read_run(directory) == comparison
    page = (directory / "report.html").read_text()
    # Where the figure of a section fails, and where the page as a whole does.
    assert page.count("could not be drawn (FloatingPointError: made to fail \\x1b[31m&lt;b&gt;)")
    monkeypatch.undo()
    monkeypatch.setattr("experiments.api.comparison.write_comparison_report", broken)
    directory = write_run(tmp_path / "other", comparison, "name = 'made'\n")
    assert read_run(directory) == comparison
    assert "This page could not be drawn" in (directory / "report.html").read_text()


def test_the_numbers_are_in_place_before_the_page_is_drawn(tmp_path, comparison, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.api.saving.write_run_report", killed)
    with pytest.raises(KeyboardInterrupt):
        write_run(tmp_path / "run", comparison, "name = 'made'\n")
    assert read_run(tmp_path / "run") == comparison
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("nowhere", "is a link that leads nowhere"),
        ("to-empty", "is a link to an empty folder"),
        ("n" * 250, "File name too long"),
        ("n" * 5000, "File name too long"),
        ("/proc/run", "cannot be written"),
        ("a\0b", "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_used_is_found_before_the_work(tmp_path, place, expected):
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    (tmp_path / "to-empty").symlink_to(tmp_path / "empty")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(UsageError, match=expected):
        check_target(tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_looking_at_a_place_leaves_nothing(tmp_path):
    check_target(tmp_path / "deep" / "er" / "run")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_and_nothing_else(tmp_path, comparison):
    def hidden(name, content="environment.json", age=3600):
        folder = tmp_path / name
        folder.mkdir()
        (folder / content).write_text("{}")
        os.utime(folder, (0, os.stat(folder).st_mtime - age))
        return folder

    hidden(".run.abcd_123")
    young = hidden(".run.young123", age=0)
    other = hidden(".run.foreign1", content="thesis.tex")
    another = hidden(".running.abcd1234")
    held = hidden(".run.held1234")
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    write_run(tmp_path / "run", comparison)
    os.close(descriptor)
    kept = {young.name, other.name, another.name, held.name, "run"}
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_files_with_temporary_names_are_cleared_when_they_are_old(tmp_path):
    for name, age in ((".sbc.json.0123abcd", 100), (".new.json.0123abcd", 0), (".bashrc", 100)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (0, os.stat(tmp_path / name).st_mtime - age))
    clear_scratch(tmp_path, 50)
    assert {path.name for path in tmp_path.iterdir()} == {".new.json.0123abcd", ".bashrc"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("environment.json", "{"),
        ("environment.json", '{"versions": [1]}'),
        ("config.toml", "= 1"),
        ("config.toml", "x = " + "[" * 3000),
    ],
)
def test_a_damaged_record_of_a_run_is_named(tmp_path, comparison, file, content):
    directory = write_run(tmp_path / "run", comparison, "name = 'made'\n")
    (directory / file).write_text(content)
    with pytest.raises(UsageError, match=file):
        write_run_report(read_run(directory), directory)


def test_numbers_that_do_not_go_together_are_named(tmp_path, comparison):
    directory = write_run(tmp_path / "run", comparison, "name = 'made'\n")
    path = directory / "comparison.json"
    whole = json.loads(path.read_text())
    whole["engines"]["em"]["mixture"]["means"].pop()
    path.write_text(json.dumps(whole))
    with pytest.raises(UsageError, match=r"comparison\.json: .*em\.mixture\.means: 1 values"):
        read_run(directory)
