import io
import json
from importlib import resources

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from experiments import components
from experiments.cli import cli
from experiments.comparison import Comparison, compare
from experiments.components import ComponentsComparison, compare_components
from experiments.criteria import Rule, Score
from experiments.datasets import Dataset
from experiments.errors import FitError, UsageError
from experiments.store import read_run
from gmm_em import Mixture, fit_em
from gmm_em.criteria import bic, n_parameters
from tests.experiments.made import made_bayes, made_em

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [4.0, 3.0]], [np.eye(2), np.eye(2)])


@pytest.fixture
def dataset(rng):
    X, _ = TRUTH.sample(150, rng)
    return Dataset("made", X, ("u", "v"), TRUTH.sample(80, rng)[0], TRUTH)


@pytest.fixture
def fitted(monkeypatch, rng):
    """Fits that take no time: EM's optimum, and draws around it; four components fail."""
    asked = []

    def fit(dataset, k, engines, options, seed, progress, covariance_type):
        asked.append((k, options))
        if k == 4:
            raise FitError(f"{dataset.name}: em cannot fit it: a component collapsed.")
        em = fit_em(dataset.X, k, random_state=1)
        found = {"em": made_em(em.mixture), "bayes": made_bayes(em.mixture, rng, n_draws=60)}
        n_free = n_parameters(k, 2)
        value = em.log_likelihood
        found["em"].diagnostics.update(
            aic=2 * n_free - 2 * value, bic=bic(value, n_free, len(dataset.X)), icl=-2 * value
        )
        found["bayes"].diagnostics.update(
            log_marginal_likelihood=-500.0 - (k - 2) ** 2, log_marginal_likelihood_se=0.3
        )
        return {name: found[name] for name in engines}

    monkeypatch.setattr(components, "fit_engines", fit)
    return asked


@pytest.fixture
def found(dataset, fitted) -> ComponentsComparison:
    return compare_components(dataset, [3, 1, 2, 4], ["em", "bayes"], {}, experiment="made")


def by_id(found):
    return {criterion.id: criterion for criterion in found.criteria}


def test_every_criterion_is_read_off_the_comparisons(found, dataset):
    assert found.n_components == [1, 2, 3, 4]
    assert list(found.comparisons) == [1, 2, 3]
    criteria = by_id(found)
    assert list(criteria) == [
        "aic", "bic", "icl", "em-held-out", "loo", "evidence", "bayes-held-out",
    ]  # fmt: skip
    for k in (1, 2, 3):
        one = found[k]
        at = {name: c.values[k - 1] for name, c in criteria.items()}
        assert at["bic"].value == one.engines["em"].diagnostics["bic"]
        assert at["bic"].se is None
        assert at["loo"].value == pytest.approx(one.log_likelihood.bayes.loo.elpd)
        assert at["loo"].se == pytest.approx(one.log_likelihood.bayes.loo.se)
        assert at["em-held-out"].value == pytest.approx(one.engines["em"].log_likelihood.test)
        predictive = one.log_likelihood.bayes.log_predictive_test
        assert at["bayes-held-out"].value == pytest.approx(predictive)
        assert at["evidence"].value == -500.0 - (k - 2) ** 2


def test_differences_are_to_the_best_on_the_scale_of_a_log_likelihood(found, dataset):
    criteria = by_id(found)
    for criterion in criteria.values():
        worse = [value.worse_by for value in criterion.values[:3]]
        assert min(worse) == 0 == worse[criterion.chosen - 1]
    bics = [value.value for value in criteria["bic"].values[:3]]
    assert criteria["bic"].values[0].worse_by == pytest.approx((bics[0] - min(bics)) / 2)
    # Paired by row: the error of the difference is that of the rows' differences.
    em = {k: found[k].fits["em"].mixture.log_prob(dataset.X_test) for k in (1, 2)}
    gap = em[2] - em[1]
    value = criteria["em-held-out"].values[0]
    if criteria["em-held-out"].chosen == 2:
        assert value.worse_by == pytest.approx(gap.sum())
        assert value.worse_by_se == pytest.approx(gap.std(ddof=1) * np.sqrt(len(gap)))
    assert criteria["evidence"].values[2].worse_by_se == pytest.approx(0.3 * np.sqrt(2))


def test_a_number_that_cannot_be_fitted_has_no_value_and_a_reason(found):
    assert found.failures == {"4": "em cannot fit it: a component collapsed"}
    for criterion in found.criteria:
        last = criterion.values[-1]
        assert last.value is None
        assert last.worse_by is None
        assert "collapsed" in last.reason
    assert "K = 4 could not be fitted: em" in " ".join(f.text for f in found.verdict)


def test_evidence_is_asked_for_unless_the_caller_has_said(dataset, fitted):
    compare_components(dataset, [1], ["em", "bayes"], {"bayes": {"draws": 9}})
    compare_components(dataset, [1], ["em", "bayes"], {"bayes": {"evidence": False}})
    asked = [options["bayes"]["evidence"] for _, options in fitted]
    assert asked == [True, False]


def chosen(values, se=None, unit=1.0):
    scores = {k: Score(value, se) for k, value in values.items()}
    rule = Rule("loo", "LOO", "bayes", lambda comparison: scores[comparison], unit)
    return rule.judge({k: k for k in values}, {})


def test_the_best_is_chosen_and_the_fewest_within_one_error():
    better_high = chosen({1: -20.0, 2: -10.5, 3: -10.0}, se=0.5)
    assert (better_high.chosen, better_high.within_error) == (3, 2)
    better_low = chosen({1: 20.0, 2: 10.5, 3: 10.0}, unit=-2.0)
    assert (better_low.chosen, better_low.within_error) == (3, None)
    assert [value.worse_by for value in better_low.values] == [5.0, 0.25, 0.0]
    assert chosen({1: 5.0, 2: 5.0}).chosen == 1, "the smaller of two equally good"


def test_sentences_say_who_disagrees_and_when_to_try_more(found):
    texts = {finding.id: finding.text for finding in found.verdict}
    choices = set(found.chosen.values())
    assert len(choices) > 1
    assert texts["choice"].startswith("The criteria disagree: ")
    for k in choices:
        assert f"choose {k}" in texts["choice"] or f"chooses {k}" in texts["choice"]
    assert "The truth has 2 components" in texts["truth"]
    # Icl here is the deviance alone, so that it always wants the most that could be fitted.
    assert found.chosen["icl"] == 3
    assert "range" not in texts, "a fourth was tried"


def test_the_most_that_was_tried_is_no_choice(dataset, fitted):
    found = compare_components(dataset, [1, 2, 3], ["em"], {})
    texts = {finding.id: finding.text for finding in found.verdict}
    assert "the most that was tried, 3: try more" in texts["range"]
    assert {c.engine for c in found.criteria} == {"em"}


def test_agreement_of_all_is_one_sentence(dataset, fitted):
    found = compare_components(dataset, [2], ["em"], {})
    choice = found.verdict[-1] if found.verdict[-1].id == "choice" else found.verdict[0]
    assert choice.text == "All 4 criteria choose 2 components."
    assert choice.level == "ok"


def test_json_round_trip_is_exact_and_follows_the_schema(found):
    text = found.to_json()
    assert "NaN" not in text
    assert ComponentsComparison.from_dict(json.loads(text)) == found
    shipped = json.loads(
        resources.files("experiments").joinpath("components.schema.json").read_text()
    )
    assert shipped == ComponentsComparison.model_json_schema(mode="serialization")
    jsonschema.validate(found.to_dict(), shipped)


def test_table_and_terminal(found):
    table = found.table()
    assert table.index.tolist() == [1, 2, 3, 4]
    assert {"bic", "bic_worse", "loo", "loo_se", "loo_worse", "loo_worse_se"} <= set(table)
    assert table.loc[4].isna().all()
    stream = io.StringIO()
    Console(width=80, file=stream).print(found)
    assert max(map(len, stream.getvalue().splitlines())) <= 80
    assert stream.getvalue().count("*") >= len(found.criteria)


def test_run_directory_keeps_every_comparison_and_is_read_back(found, tmp_path):
    directory = found.save(tmp_path / "run")
    assert {path.name for path in directory.iterdir()} == {
        "components.json", "environment.json", "report.html", "K1", "K2", "K3",
    }  # fmt: skip
    again = read_run(directory)
    assert again == found
    assert isinstance(again, ComponentsComparison)
    assert again[2] == found[2]
    assert (directory / "K2" / "report.html").is_file()
    page = (directory / "report.html").read_text()
    assert "K2/report.html" in page
    assert "How many components" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    # The same numbers in the same place are kept aside, not overwritten, without a config.
    found.save(directory)
    assert (tmp_path / "run-1" / "components.json").is_file()


def test_compare_takes_one_number_or_several(dataset):
    one = compare(dataset.X, 2, engines=["kmeans"], seed=4)
    several = compare(dataset.X, range(1, 3), engines=["kmeans"], seed=4)
    assert isinstance(one, Comparison)
    assert isinstance(several, ComponentsComparison)
    assert several[2].fits["kmeans"].mixture == one.fits["kmeans"].mixture
    assert several.criteria == []
    for wrong in ([], [2, 2], [1, 2.5], [0, 1]):
        with pytest.raises(UsageError, match="n_components"):
            compare(dataset.X, wrong, engines=["kmeans"])


def test_command_line_takes_a_range(dataset, tmp_path):
    path = tmp_path / "points.csv"
    np.savetxt(path, dataset.X, delimiter=",", header="u,v", comments="")
    done = CliRunner().invoke(
        cli,
        ["fit", str(path), "-k", "1-2", "--engines", "em", "--set", "em.n_bootstrap=4",
         "--out", str(tmp_path / "out")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "All 3 criteria choose 2 components." in done.output
    assert (tmp_path / "out" / "K1" / "comparison.json").is_file()
    again = CliRunner().invoke(cli, ["report", str(tmp_path / "out")])
    assert again.exit_code == 0
    for text in ("1-", "two", "3-x"):
        wrong = CliRunner().invoke(cli, ["fit", str(path), "-k", text])
        assert isinstance(wrong.exception, UsageError)
        assert "--components" in str(wrong.exception)
