"""Hundreds of odd inputs in one process: each gets an answer, and nothing is left half done."""

import os
import shutil

import pytest

from experiments.api.comparing import compare
from experiments.api.saving import write_run
from experiments.config.load import load_config
from experiments.sweeps.run import run_sweep
from tests.experiments.fuzz.corpus import CONFIG, SWEEP, corpus
from tests.experiments.fuzz.forged import NUMBERS
from tests.experiments.fuzz.oracle import answer, complaints

FAST, SLOW = 405, 2025


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A good run, a good choice of a number of components, and a good sweep, to be forged."""
    folder = tmp_path_factory.mktemp("bases")
    config = folder / "sweep.toml"
    config.write_text(CONFIG + SWEEP)
    rows = NUMBERS.reshape(-1, 1)
    quick = {"em": {"n_init": 2, "n_bootstrap": 4, "max_iter": 50}, "engines": ["em"]}
    write_run(folder / "run", compare(rows, 2, **quick), CONFIG)
    write_run(folder / "choice", compare(rows, [1, 2], **quick), CONFIG)
    run_sweep(load_config(config), folder / "sweep", n_workers=0)
    return {"config": config, **{name: folder / name for name in ("run", "choice", "sweep")}}


def check(bases, size, tmp_path, monkeypatch, capsys):
    failures = []
    for name, prepare in corpus(bases, size):
        folder = tmp_path / "here"
        folder.mkdir()
        monkeypatch.chdir(folder)
        words = prepare(folder)
        found = answer(monkeypatch, capsys, words)
        failures += [f"{name}: {said}: {found[2][:200]!r}" for said in complaints(*found, folder)]
        os.chdir(tmp_path)
        shutil.rmtree(folder)
    assert failures == []


def test_odd_inputs_are_answered(bases, tmp_path, monkeypatch, capsys):
    check(bases, FAST, tmp_path, monkeypatch, capsys)


@pytest.mark.slow
def test_five_times_as_many_odd_inputs_are_answered(bases, tmp_path, monkeypatch, capsys):
    check(bases, SLOW, tmp_path, monkeypatch, capsys)
