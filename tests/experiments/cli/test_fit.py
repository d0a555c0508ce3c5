"""`gmm-compare fit` on tables as people have them."""

import json

import numpy as np
import pytest

from experiments.cli.commands.fit import _numbers
from experiments.core.errors import UsageError
from tests.experiments.cli.running import run

SMALL = [
    part
    for setting in (
        "em.n_init=3",
        "em.n_bootstrap=8",
        "bayes.draws=60",
        "bayes.tune=200",
        "bayes.chains=2",
    )
    for part in ("--set", setting)
]


@pytest.fixture
def penguins(in_tmp):
    rng = np.random.default_rng(3)
    lines = ["name,bill length (mm),mass,sex"]
    for i in range(120):
        length, mass = rng.normal(38 + 8 * (i % 2), 1.5), rng.normal(3700 + 900 * (i % 2), 150)
        lines.append(f"p{i},{length:.1f},{'' if i in (5, 9) else f'{mass:.0f}'},f")
    (in_tmp / "penguins.csv").write_text("\n".join(lines) + "\n")
    return in_tmp


def test_the_answer_says_which_columns_and_rows_were_used(penguins, monkeypatch, capsys):
    arguments = ("fit", "penguins.csv", "-k", "2", "--missing", "drop", *SMALL)
    status, out, err = run(monkeypatch, capsys, *arguments)
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    assert "columns used: bill length (mm), mass; left out: name, sex" in said
    assert "2 of 120 rows with missing values left out" in said
    stored = json.loads((penguins / "runs/penguins-k2/comparison.json").read_text())
    assert stored["dataset"]["n_samples"] == 118


def test_missing_values_are_refused_unless_allowed(penguins, monkeypatch, capsys):
    status, out, err = run(monkeypatch, capsys, "fit", "penguins.csv", "-k", "2")
    assert (status, out) == (2, "")
    assert "row 6, column 'mass' is nan (2 such values)" in err


def test_em_and_the_posterior_fit_what_was_observed(penguins, monkeypatch, capsys):
    arguments = ("fit", "penguins.csv", "-k", "2", "--missing", "keep", "--json", *SMALL)
    status, out, _ = run(monkeypatch, capsys, *arguments)
    assert status == 0
    found = json.loads(out)
    assert found["dataset"]["n_samples"] == 120
    assert list(found["engines"]) == ["em", "bayes"]
    assert found["agreement"] is not None
    page = (penguins / "runs/penguins-k2/report.html").read_text()
    assert "could not be drawn (" not in page


def test_engines_can_be_named(penguins, monkeypatch, capsys):
    chosen = ("--columns", "bill length (mm)", "--engines", "kmeans,sklearn")
    arguments = ("fit", "penguins.csv", "-k", "2", *chosen, "--json")
    status, out, _ = run(monkeypatch, capsys, *arguments)
    assert status == 0
    assert list(json.loads(out)["engines"]) == ["kmeans", "sklearn"]


def test_many_parameters_leave_the_verdict_in_sight(in_tmp, monkeypatch, capsys):
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(150, 11)) + 4.0 * (np.arange(150) % 2)[:, None]
    np.save(in_tmp / "wide.npy", rows)
    arguments = ("fit", "wide.npy", "-k", "2", "--engines", "em", *SMALL[:4])
    status, out, _ = run(monkeypatch, capsys, *arguments)
    assert status == 0
    assert "132: see report" in out
    assert len(out.splitlines()) < 60


def test_a_range_of_a_hundred_numbers_is_the_longest():
    assert _numbers("1-100") == list(range(1, 101))
    assert _numbers("5-5") == [5]
    for text in ("1-101", "3-2"):
        with pytest.raises(UsageError, match="a range of at most 100"):
            _numbers(text)


def test_known_classes_are_compared_and_not_fitted(in_tmp, monkeypatch, capsys):
    rng = np.random.default_rng(1)
    lines = ["u,v,kind"]
    lines += [f"{rng.normal(6 * (i % 2)):.3f},{rng.normal():.3f},{'ab'[i % 2]}" for i in range(80)]
    (in_tmp / "rows.csv").write_text("\n".join(lines) + "\n")
    fit = ("fit", "rows.csv", "-k", "2", "--engines", "em", *SMALL[:4])
    status, out, _ = run(monkeypatch, capsys, *fit, "--label-column", "kind")
    assert status == 0
    said = " ".join(out.split())
    assert "columns used: u, v; compared and not fitted: kind" in said
    assert "Clusters: 0 of 80 rows are uncertain (EM: below 90%)." in said
    assert "kind, 2 classes: adjusted Rand index EM 1.000." in said
    table = (in_tmp / "runs/rows-k2/assignments.csv").read_text().splitlines()
    assert table[0] == "row,kind,em,em_probability,agree"
    assert len(table) == 81
    status, out, _ = run(monkeypatch, capsys, *fit)
    assert "compare the clusters with kind by --label-column kind" in " ".join(out.split())


def test_structures_and_numbers_are_chosen_in_one_call(in_tmp, monkeypatch, capsys):
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(90, 2)) + 6.0 * (np.arange(90) % 2)[:, None]
    np.save(in_tmp / "rows.npy", rows)
    fit = ("fit", "rows.npy", "-k", "1-3", "--engines", "em", *SMALL[:4])
    status, out, _ = run(monkeypatch, capsys, *fit, "--covariance", "full,spherical")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "BIC chooses spherical covariances, with 2 components" in " ".join(out.split())
    status, out, _ = run(
        monkeypatch, capsys, *fit[:3], "2", *fit[4:], "--covariance", "diag", "--json"
    )
    assert json.loads(out)["covariance_type"] == "diag"
    status, _, err = run(monkeypatch, capsys, *fit, "--covariance", "full,round")
    assert status == 2
    assert "'round': allowed is all, or one or several of" in " ".join(err.split())
