"""Engine mclust, with a program of R's name that answers what mclust 6.0.0 printed.

`tests/data/mclust_old-faithful_2.txt` and `mclust_galaxies_3.txt` are its output for the model VVV,
with one feature V.
"""

import numpy as np
import pytest

from experiments.api.comparing import compare
from experiments.core.errors import FitError, UsageError
from experiments.datasets.dataset import from_arrays
from experiments.engines.fit import fit_engines
from experiments.engines.registry import load_engine
from tests.paths import DATA, SHIPPED_DATA

FAITHFUL = np.loadtxt(SHIPPED_DATA / "faithful.csv", delimiter=",", skiprows=1)
GALAXIES = np.loadtxt(SHIPPED_DATA / "galaxies.csv", delimiter=",", skiprows=1)[:, None]
ANSWER = '#!/bin/sh\necho "$@" > "{told}"\ncp "$3" "{rows}"\n{end}\n'


@pytest.fixture
def rscript(tmp_path, monkeypatch):
    """Put an `Rscript` first on the PATH that notes its arguments and its rows, and answers."""

    def answer(end):
        program = tmp_path / "Rscript"
        told, rows = tmp_path / "told", tmp_path / "rows"
        program.write_text(ANSWER.format(told=told, rows=rows, end=end))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return told, rows

    return answer


def fit(X, k, **options):
    dataset = from_arrays(X)
    structure = options.pop("covariance_type", "full")
    return fit_engines(dataset, k, ["mclust"], {"mclust": options}, 1, covariance_type=structure)[
        "mclust"
    ]


def test_what_mclust_prints_is_its_maximum(rscript):
    told, rows = rscript(f"cat {DATA / 'mclust_old-faithful_2.txt'}")
    found = fit(FAITHFUL, 2)
    assert found.diagnostics["log_likelihood"] == pytest.approx(-1130.26406828685, rel=1e-14)
    assert found.mixture.log_likelihood(FAITHFUL) == pytest.approx(-1130.26406828685, rel=1e-12)
    assert found.maximum_likelihood
    vanilla, script, _, k, model, seed = told.read_text().split()
    assert (vanilla, k, model) == ("--vanilla", "2", "VVV")
    assert script.endswith("mclust_fit.R")
    assert 0 <= int(seed) < 2**31
    assert np.array_equal(np.loadtxt(rows, delimiter=","), FAITHFUL), "no digit of a row is lost"


def test_one_feature_has_the_models_of_one_letter(rscript):
    told, _ = rscript(f"cat {DATA / 'mclust_galaxies_3.txt'}")
    found = fit(GALAXIES, 3)
    # mclust stops where a step gains less than one part in 100 000.
    assert found.mixture.log_likelihood(GALAXIES) == pytest.approx(
        found.diagnostics["log_likelihood"], rel=1e-5
    )
    assert told.read_text().split()[4] == "V"
    fit(GALAXIES, 3, covariance_type="EEE")
    assert told.read_text().split()[4] == "E"


def test_it_is_compared_with_em(rscript):
    rscript(f"cat {DATA / 'mclust_old-faithful_2.txt'}")
    found = compare(FAITHFUL, 2, engines=("em", "mclust"), em={"n_bootstrap": 0, "n_init": 5})
    ours, theirs = (found.engines[name].log_likelihood.train for name in ("em", "mclust"))
    assert -1e-9 < ours - theirs < 0.01
    assert found.engines["mclust"].role == "maximum-likelihood"


def test_where_r_is_not_installed_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as told:
        load_engine("mclust")
    assert str(told.value) == (
        "engine 'mclust' needs the program Rscript, which is not installed: install R, and type "
        "install.packages('mclust') in it"
    )


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("exit 3", "R has no package mclust: type install.packages"),
        ("exit 4", "mclust finds no fit of that structure"),
        ("echo 'Error in x' >&2; echo 'Execution halted' >&2; exit 1", "R ended with: Execution"),
        ("sleep 5", "mclust took more than mclust.seconds = 0.2"),
    ],
)
def test_what_goes_wrong_in_r_is_one_sentence(rscript, end, said):
    rscript(end)
    with pytest.raises(FitError, match=said):
        fit(np.arange(12.0).reshape(6, 2) ** 2, 1, seconds=0.2)
