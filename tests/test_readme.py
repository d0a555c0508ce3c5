"""What the README prints works as printed."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def mydata(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(90, 2)) + np.repeat([[0, 0], [8, 0], [0, 8]], 30, axis=0)
    text = "\n".join(["id,length,width", *(f"p{i},{a},{b}" for i, (a, b) in enumerate(rows))])
    (tmp_path / "mydata.csv").write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_examples_run_one_after_another(mydata, capsys):
    namespace: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, namespace)
    printed = capsys.readouterr().out
    assert "mean[3, 2]" in printed
    assert "ok EM and the posterior agree" in printed
    assert (mydata / "mydata.html").stat().st_size > 1_000_000


def test_the_first_example_is_at_most_ten_lines():
    assert len(blocks("python")[0].strip().splitlines()) <= 10


def test_commands_run_as_printed(mydata, monkeypatch, capsys):
    lines = [line for block in blocks("console") for line in block.splitlines()]
    commands = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    ours = [command for command in commands if command[0] == ".venv/bin/gmm-compare"]
    assert len(ours) >= 4
    for command in ours:
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 0, command
    assert (mydata / "runs" / "small" / "report.html").is_file()


def test_the_picture_is_there():
    for path in re.findall(r"\]\(([^):]+\.png)\)", README):
        assert (Path(__file__).parents[1] / path).is_file()
