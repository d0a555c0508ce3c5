"""An experiment on many rows: what it chooses, says and stores, and that it repeats."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from experiments import config
from experiments.analysis import by_size
from experiments.analysis.analyse import Terms, analyse
from experiments.api.comparing import compare, compare_fits
from experiments.api.comparison import Comparison
from experiments.api.foreseeing import foresee
from experiments.api.run import run_experiment
from experiments.core.errors import UsageError
from experiments.datasets.dataset import from_arrays
from experiments.report.by_size import size_blocks
from experiments.terminal.foreseen import LONG, announce
from experiments.terminal.streams import as_text
from experiments.values.by_size import SizeChoice
from gmm_em import Mixture
from tests.experiments.cli.running import run
from tests.experiments.made import made_bayes, made_em

TRUTH = Mixture([0.6, 0.4], [[0.0], [3.0]], [[[1.0]], [[0.5]]])


@pytest.fixture
def small_limits(monkeypatch):
    """Limits that are so low that a few hundred rows are many."""
    lower = {"posterior": 0.0, "bootstrap": 0.0, "row scores": 1e4, "rows scored": 100}
    for name, value in lower.items():
        monkeypatch.setitem(by_size.LIMITS, name, replace(by_size.LIMITS[name], value=value))


def values(path, **more):
    data = {"source": "file", "path": str(path)}
    return config.parse_config({"name": "many", "n_components": 2, "data": data, **more}, "many")


@pytest.fixture
def rows(tmp_path, rng):
    path = tmp_path / "rows.csv"
    X = TRUTH.sample(400, rng)[0]
    np.savetxt(path, X, delimiter=",", header="a", comments="")
    return path


@pytest.mark.usefixtures("small_limits")
def test_the_answer_and_the_page_say_what_was_chosen(tmp_path, rng):
    dataset = from_arrays(TRUTH.sample(400, rng)[0])
    fits = {"em": made_em(TRUTH), "bayes": made_bayes(TRUTH, rng, n_draws=100)}
    made = SizeChoice(subject="draws", text="They're few.", usual={"bayes.draws": 1000})
    analysis = analyse(dataset, fits, Terms(choices=(made,)))
    found = Comparison.of(analysis)
    assert [choice.subject for choice in found.choices] == ["draws", "row scores"]
    text = " ".join(as_text(found).split())
    page = found.report(tmp_path / "page.html").read_text()
    for choice in found.choices:
        assert choice.text in text
        assert choice.text.replace("'", "&#39;") in page
    assert "To undo this alone, set bayes.draws = 1000." in page
    assert Comparison.from_dict(json.loads(found.to_json())) == found
    loo = found.log_likelihood.bayes.loo
    assert loo.n_scored == 100
    assert 0 < loo.sampling_se < loo.se
    assert f"{loo.se:.3g}, that adds an error of {loo.sampling_se:.2g}." in text


@pytest.mark.slow
@pytest.mark.usefixtures("small_limits")
def test_a_stored_run_says_what_was_chosen_and_its_config_repeats_it(tmp_path, rows):
    said = []
    found = run_experiment(values(rows), tmp_path / "first", told=said.append)
    subjects = ["standard errors", "draws", "row scores"]
    assert [choice.subject for choice in found.choices] == subjects
    assert [choice.subject for choice in said[0].choices] == subjects
    assert found.engines["bayes"].diagnostics["n_draws"] == 4 * 250
    assert found.engines["em"].diagnostics["n_bootstrap"] == 0
    assert found.engines["em"].intervals is None
    stored = json.loads((tmp_path / "first" / "comparison.json").read_text())
    assert [choice["subject"] for choice in stored["choices"]] == subjects
    written = config.load_config(tmp_path / "first" / "config.toml")
    assert not {"draws", "tune"} & written.bayes.model_fields_set
    again = run_experiment(written, tmp_path / "second")
    assert again.summary == found.summary
    assert again.choices == found.choices


@pytest.mark.usefixtures("small_limits")
def test_in_full_nothing_is_chosen(rows, rng):
    assert foresee(values(rows, full=True)).choices == ()
    subjects = ["standard errors", "draws", "row scores"]
    assert [c.subject for c in foresee(values(rows)).choices] == subjects
    X = np.loadtxt(rows, skiprows=1)[:, None]
    fits = {"em": made_em(TRUTH), "bayes": made_bayes(TRUTH, rng, n_draws=100)}
    assert [c.subject for c in compare_fits(from_arrays(X), fits).choices] == ["row scores"]
    assert compare_fits(from_arrays(X), fits, full=True).choices == []
    only_em = {"engines": ("em",), "em": {"n_init": 2}}
    assert compare(X, 2, **only_em).engines["em"].diagnostics["n_bootstrap"] == 0
    full = compare(X, 2, full=True, **only_em)
    assert full.engines["em"].diagnostics["n_bootstrap"] == 200
    assert full.choices == []


@pytest.mark.parametrize("compared", [compare, compare_fits])
def test_full_is_true_or_false(compared):
    X = np.arange(8.0)[:, None]
    with pytest.raises(UsageError) as told:
        compared(from_arrays(X) if compared is compare_fits else X, 1, full="ja")
    assert str(told.value) == "full is 'ja', allowed is True or False"


@pytest.mark.slow
@pytest.mark.usefixtures("small_limits")
def test_criteria_say_it_too_and_pair_the_rows_that_were_scored(rows):
    X = np.loadtxt(rows, skiprows=1)[:, None]
    options = {"em": {"n_init": 2}, "bayes": {"sampler": "gibbs", "draws": 100, "tune": 50}}
    found, full = (compare(X, [1, 2], full=full, **options) for full in (False, True))
    assert [choice.subject for choice in found.choices] == ["standard errors", "row scores"]
    assert full.choices == []
    some, whole = (next(c for c in f.criteria if c.id == "loo").values for f in (found, full))
    assert some[0].value == pytest.approx(whole[0].value, abs=4.0)
    assert some[0].worse_by == pytest.approx(whole[0].worse_by, rel=0.3)
    assert some[0].worse_by_se == pytest.approx(whole[0].worse_by_se, rel=0.5)
    assert "Chosen for 400 rows" in as_text(found)
    errors = [one.log_likelihood.bayes.loo.sampling_se for one in found.comparisons.values()]
    assert f"that adds errors of at most {max(errors):.2g}." in found.choices[1].text


def test_without_choices_a_report_says_nothing():
    assert list(size_blocks(10, [])) == []


def test_a_dry_run_says_it_before(tmp_path, rng, monkeypatch, capsys):
    np.save(tmp_path / "many.npy", TRUTH.sample(300_000, rng)[0])
    arguments = ("fit", tmp_path / "many.npy", "-k", "2", "--dry-run")
    status, out, err = run(monkeypatch, capsys, *arguments)
    assert (status, err) == (0, "")
    said = " ".join(out.split())
    assert "Chosen for 300000 rows: EM's standard errors are those of the information" in said
    assert "Each chain has 250 draws after 250 of tuning" in said
    assert "predictive density rest on 10000 rows drawn at random." in said
    status, out, err = run(monkeypatch, capsys, *arguments, "--full")
    assert "Chosen" not in out


def test_a_long_run_says_it_on_the_way(tmp_path, rng):
    np.save(tmp_path / "many.npy", TRUTH.sample(300_000, rng)[0])
    found = foresee(values(tmp_path / "many.npy"))
    out = io.StringIO()
    announce(Console(file=out, width=80), replace(found, seconds={"bayes": LONG + 1.0}))
    said = " ".join(out.getvalue().split())
    assert said.startswith("It takes about 30 s on")
    assert "Ctrl-C stops it. Chosen for 300000 rows: EM's standard errors" in said


@pytest.mark.parametrize("command", ["sweep", "sbc"])
def test_a_command_that_treats_all_rows_alike_refuses_the_key(command, monkeypatch, capsys):
    names = {"sweep": "sample-size", "sbc": "sbc-gibbs"}
    arguments = (command, names[command], "--set", "full=true")
    status, _, err = run(monkeypatch, capsys, *arguments)
    assert status == 2
    assert "--set full" in err


@pytest.mark.slow
def test_many_rows_are_compared_with_usual_settings(tmp_path, rng):
    # 35 s of a processor.
    means = [[0.0, 0.0, 0.0], [2.5, 1.0, 0.0], [0.0, 3.0, 2.0]]
    truth = Mixture([0.5, 0.3, 0.2], means, [np.eye(3)] * 3)
    np.save(tmp_path / "many.npy", truth.sample(45_000, rng)[0])
    found = run_experiment(values(tmp_path / "many.npy", n_components=3), tmp_path / "run")
    subjects = [choice.subject for choice in found.choices]
    assert subjects == ["standard errors", "sampler", "row scores"]
    assert {finding.level for finding in found.verdict} == {"ok"}
    assert found.headline.believe == "both"
    assert found.agreement.max_abs_z < 0.3
    assert found.agreement.median_sd_ratio == pytest.approx(1.0, abs=0.1)
    loo = found.log_likelihood.bayes.loo
    assert loo.sampling_se < 0.01 * loo.se
    assert loo.n_effective == pytest.approx(29.0, abs=4.0)
