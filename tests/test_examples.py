"""The scripts of ``examples/`` run as they stand, and print what they promise."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a script in an empty folder, in this process, and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def printed(name: str) -> str:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return printed


def test_two_fits_of_an_array_are_compared(run):
    lines = run("compare_two_fits.py").splitlines()
    assert any(line.startswith("ok: EM and the posterior agree") for line in lines)
    assert lines[-1] == "Report: two-fits.html"
    assert Path("two-fits.html").stat().st_size > 100_000


def test_every_criterion_chooses_a_number_of_components(run):
    text = run("choose_components.py")
    assert "bic chooses K = 2\n" in text
    assert "aic chooses K = " in text
    assert "icl chooses K = 2\n" in text


@pytest.mark.slow
def test_a_sweep_runs_once_and_is_kept(tmp_path):
    # In a process of its own, as a reader runs it: the sweep starts processes, too.
    script = [sys.executable, "-W", "error", str(EXAMPLES / "sweep_over_rows.py")]
    for ran in (6, 0):
        done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        first, *rest = done.stdout.splitlines()
        assert first == f"6 of 6 cells are done, {ran} of them were run now"
        assert [line.split()[0] for line in rest[-2:]] == ["100", "1000"]


def test_each_script_is_run_here_and_is_short():
    text = Path(__file__).read_text(encoding="utf-8")
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert len(scripts) >= 3
    for script in scripts:
        assert f'"{script.name}"' in text
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 40
