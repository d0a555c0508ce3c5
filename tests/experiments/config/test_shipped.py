"""Every shipped experiment at its quick size: it runs, leaves a figure and says a true sentence."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.analysis.headline import conclusion_of_comparison
from experiments.api.saved import read_run
from experiments.config.load import load_config, shipped_configs
from experiments.sweeps.conclusion import conclusion_of_sweep
from experiments.sweeps.results import read_results

NAMES = {
    "quickstart",
    "old-faithful",
    "galaxies",
    "iris",
    "soft-versus-hard",
    "initialisation",
    "local-optima",
    "choose-k",
    "overlap",
    "sample-size",
    "misspecified",
    "high-dimension",
    "covariance-structure",
}


def run(name, folder):
    command = [sys.executable, "-m", "experiments", "run", name, "--quick", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return " ".join(done.stdout.split())


def test_every_experiment_ships_with_a_question_and_a_quick_size():
    texts = shipped_configs()
    assert set(texts) >= NAMES
    for name in NAMES:
        assert texts[name].startswith("# "), "a comment says what is asked"
        config, quick = load_config(name), load_config(name, quick=True)
        assert config.description.endswith("?")
        assert config != quick
        assert (config.sweep is None) == (config.conclusion is None)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_quick_run_leaves_a_figure_and_a_sentence_from_its_own_numbers(name, tmp_path):
    folder = tmp_path / name
    printed = run(name, folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "plotly" in page.lower()
    config = load_config(name, quick=True)
    if config.sweep is None:
        sentence = conclusion_of_comparison(read_run(folder))
    else:
        results = read_results(folder)
        assert results.counts == {"done": len(results.frame), "failed": 0, "missing": 0}
        sentence = conclusion_of_sweep(config, results.frame)
    said, _, settled_by = sentence.partition("\nTo settle it: ")
    assert said.endswith(".")
    assert not settled_by or settled_by.startswith("gmm-compare fit DATA -k ")
    assert not sentence.startswith("Nothing can be concluded")
    assert re.search(r"\d", sentence), "a sentence has its numbers"
    assert " ".join(sentence.split()) in printed


@pytest.mark.slow
def test_the_numbers_of_a_sentence_are_those_of_the_table(tmp_path):
    run("soft-versus-hard", tmp_path / "out")
    results = read_results(tmp_path / "out")
    axis = results.frame["data.truth.condition"]
    for engine in ("em", "kmeans"):
        values = results.frame[f"{engine}.clustering.agreement"]
        for end in (axis.min(), axis.max()):
            assert f"{values[axis == end].mean():.2g}"[:3] in results.sentence


@pytest.mark.slow
def test_a_stored_config_runs_again_to_the_same_numbers(tmp_path):
    name = "choose-k"
    run(name, tmp_path / "first")
    stored = tmp_path / "first" / "config.toml"
    command = [sys.executable, "-m", "experiments", "run", str(stored), "--out"]
    subprocess.run([*command, str(tmp_path / "second")], capture_output=True, check=True)
    first, second = (read_results(Path(tmp_path / part)).frame for part in ("first", "second"))
    columns = [c for c in first if "seconds" not in c and c not in ("cell", "host")]
    assert first[columns].equals(second[columns])
