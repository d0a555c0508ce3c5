import io
import json
from importlib import resources

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from scipy.stats import sem

from experiments.api.comparing import compare
from experiments.api.comparison import Comparison
from experiments.api.components import ComponentsComparison
from experiments.api.saved import read_run
from experiments.cli import cli
from experiments.core.errors import FitError, UsageError
from experiments.datasets.dataset import Dataset
from experiments.selection import choose as choosing
from experiments.selection.criteria import Rule, Score
from experiments.selection.verdict import findings
from gmm_em import Mixture, fit_em
from gmm_em.inference.criteria import bic, n_parameters
from tests.experiments.made import compare_components, made_bayes, made_em

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [4.0, 3.0]], [np.eye(2), np.eye(2)])


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(20261121)
    X, _ = TRUTH.sample(150, rng)
    return Dataset("made", X, ("u", "v"), TRUTH.sample(80, rng)[0], TRUTH)


def fit_at_once(dataset, k, engines, options, seed, progress, covariance_type):
    """Fits that take no time: EM's optimum, and draws around it; four components fail."""
    if k == 4:
        raise FitError(f"{dataset.name}: em cannot fit it: a component collapsed. Try fewer.")
    # Three components are fitted by a few steps from one start, so that draws lead higher.
    poor = {"init_params": "ward", "n_init": 1, "max_iter": 3} if k == 3 else {}
    em = fit_em(dataset.X, k, random_state=1, **poor)
    rng = np.random.default_rng(k)
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


@pytest.fixture
def fitted(monkeypatch):
    """Fit at once; the numbers of components asked for, with their options."""
    asked = []

    def fit(dataset, k, engines, options, *how):
        asked.append((k, options))
        return fit_at_once(dataset, k, engines, options, *how)

    monkeypatch.setattr(choosing, "fit_engines", fit)
    return asked


@pytest.fixture(scope="module")
def found(dataset) -> ComponentsComparison:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "fit_engines", fit_at_once)
        return compare_components(dataset, [3, 1, 2, 4], ["em", "bayes"], {}, experiment="made")


def printed(found):
    stream = io.StringIO()
    Console(width=80, file=stream).print(found)
    return stream.getvalue()


def by_id(found):
    return {criterion.id: criterion for criterion in found.criteria}


def test_every_criterion_is_read_off_the_comparisons(found, dataset):
    assert found.n_components == [1, 2, 3, 4]
    assert list(found.comparisons) == [1, 2, 3]
    criteria = by_id(found)
    assert list(criteria) == [
        "aic",
        "bic",
        "icl",
        "em-held-out",
        "loo",
        "evidence",
        "bayes-held-out",
    ]
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
        worse = {k + 1: value.worse_by for k, value in enumerate(criterion.values[:3])}
        # A number that is not to be trusted has none.
        assert min(by for by in worse.values() if by is not None) == 0 == worse[criterion.chosen]
    bics = [value.value for value in criteria["bic"].values[:3]]
    assert criteria["bic"].values[0].worse_by == pytest.approx((bics[0] - min(bics)) / 2)
    # Paired by row: the error of the difference is that of the rows' differences.
    em = {k: found[k].fits["em"].mixture.log_prob(dataset.X_test) for k in (1, 2)}
    gap = em[2] - em[1]
    value = criteria["em-held-out"].values[0]
    if criteria["em-held-out"].chosen == 2:
        assert value.worse_by == pytest.approx(gap.sum())
        assert value.worse_by_se == pytest.approx(gap.std(ddof=1) * np.sqrt(len(gap)))
    assert criteria["evidence"].values[0].worse_by_se == pytest.approx(0.3 * np.sqrt(2))


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


def chosen(values, se=None, unit=1.0, doubts=None):
    scores = {k: Score(value, se) for k, value in values.items()}
    rule = Rule("loo", "LOO", "bayes", lambda comparison: scores[comparison], unit)
    return rule.judge({k: k for k in values}, {}, doubts or {})


def test_the_best_is_chosen_and_the_fewest_that_are_nearly_as_good():
    within_error = chosen({1: -20.0, 2: -13.0, 3: -10.0}, se=3.0)
    assert (within_error.chosen, within_error.nearly_as_good) == (3, 2)
    beyond_error = chosen({1: -20.0, 2: -13.0, 3: -10.0}, se=2.0)
    assert (beyond_error.chosen, beyond_error.nearly_as_good) == (3, 3)
    # Differences of a deviance are halved: 1.8 is 0.9 of a log-likelihood, no more than 1.
    deviance = chosen({1: 20.0, 2: 11.8, 3: 10.0}, unit=-2.0)
    assert (deviance.chosen, deviance.nearly_as_good) == (3, 2)
    assert [value.worse_by for value in deviance.values] == pytest.approx([5.0, 0.9, 0.0])
    assert chosen({1: 5.0, 2: 5.0}).chosen == 1, "the smaller of two equally good"


def test_what_is_not_to_be_trusted_keeps_its_value_and_is_not_chosen():
    found = chosen({1: -20.0, 2: -10.0, 3: 50.0}, se=1.0, doubts={3: "its chains disagree"})
    assert found.chosen == 2
    assert found.values[2].value == 50.0
    assert found.values[2].worse_by is None
    assert found.values[2].reason == "its chains disagree"
    nothing = chosen({1: -20.0}, doubts={1: "its chains disagree"})
    assert (nothing.chosen, nothing.nearly_as_good) == (None, None)


def test_a_posterior_that_failed_chooses_nothing_and_a_sentence_says_so(dataset, monkeypatch):
    def broken(dataset, k, *how):
        found = fit_at_once(dataset, k, *how)
        if k == 2:
            label_free = {"log_likelihood": {"r_hat": 2.5}}
            found["bayes"].diagnostics["label_free"] = label_free
        return found

    monkeypatch.setattr(choosing, "fit_engines", broken)
    found = compare_components(dataset, [1, 2, 3], ["em", "bayes"], {})
    doubt = "the chains are in different modes"
    for criterion in found.criteria:
        assert criterion.values[1].value is not None
        assert criterion.values[1].reason == (doubt if criterion.engine == "bayes" else "")
        assert (criterion.chosen != 2) or criterion.engine == "em"
    texts = [finding.text for finding in found.verdict]
    expected = f"At K = 2 the posterior is not to be trusted, because {doubt}; it is left out of"
    assert any(text.startswith(expected) for text in texts)
    assert "?" in printed(found)


def test_engines_without_criteria_choose_nothing(dataset):
    neither = compare(dataset.X, range(1, 3), engines=["kmeans"])
    assert neither.criteria == []
    assert neither.verdict[0].text.startswith("No criterion can choose")


def test_each_engine_alone_has_its_own_criteria(dataset, fitted):
    em = compare_components(dataset, [1, 2], ["em"], {})
    assert set(by_id(em)) == {"aic", "bic", "icl", "em-held-out"}
    bayes = compare_components(dataset, [1, 2], ["bayes"], {})
    assert set(by_id(bayes)) == {"loo", "evidence", "bayes-held-out"}


def test_local_optima_are_told_with_what_they_lack(found):
    # EM's three components here are a few steps from one start: the posterior's draws lead higher.
    gain = found[3].certificate.better_by
    assert gain > 0
    texts = {finding.id: finding.text for finding in found.verdict}
    assert f"higher likelihood than EM's at K = 3 (by {gain:.1f}): " in texts["em-local"]
    assert not any(f.id == "em-local" for f in findings(found.criteria, {}, None, {3: 0.0}))


def test_disagreement_says_what_each_criterion_asks(found):
    choices = {"aic": 4, "bic": 3, "icl": 2, "loo": 5, "evidence": 6}
    criteria = [
        c.model_copy(update={"chosen": choices[c.id]}) for c in found.criteria if c.id in choices
    ]
    texts = {finding.id: finding.text for finding in findings(criteria, {}, None)}
    assert "3 describe the density, 2 stand apart as clusters" in texts["why-overlap"]
    assert "forgive a component too many" in texts["why-question"]
    assert "depends on the prior" in texts["why-prior"]
    alike = [c.model_copy(update={"chosen": 3}) for c in criteria]
    assert not any(f.id.startswith("why") for f in findings(alike, {}, None))


def test_the_same_sentence_is_said_once_for_all_criteria(found):
    nearly = {"chosen": 3, "nearly_as_good": 2}
    criteria = [c.model_copy(update=nearly) for c in found.criteria if c.id in ("aic", "bic")]
    said = [f.text for f in findings(criteria, {}, None) if f.id.endswith("nearly")]
    assert len(said) == 1
    assert said[0].startswith("AIC and BIC prefer 3 to 2 by ")
    assert said[0].endswith(" only: 2 would do.")


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
        resources.files("experiments.values").joinpath("components.schema.json").read_text()
    )
    assert shipped == ComponentsComparison.model_json_schema(mode="serialization")
    jsonschema.validate(found.to_dict(), shipped)


def test_table_and_terminal(found):
    table = found.table()
    assert table.index.tolist() == [1, 2, 3, 4]
    assert {"bic", "bic_worse", "loo", "loo_se", "loo_worse", "loo_worse_se"} <= set(table)
    assert table.loc[4].isna().all()
    text = printed(found)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("*") >= len(found.criteria)


def test_large_numbers_take_two_tables_of_80_columns(found):
    def enlarged(value):
        keys = ("value", "se", "worse_by", "worse_by_se")
        parts = {key: part for key, part in value if key in keys and part is not None}
        return value.model_copy(update={key: 1e6 * part + 0.123 for key, part in parts.items()})

    criteria = [
        c.model_copy(update={"values": [enlarged(v) for v in c.values]}) for c in found.criteria
    ]
    text = printed(found.model_copy(update={"criteria": criteria}))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert len([line for line in text.splitlines() if line.split()[:1] == ["K"]]) == 2


def test_notebook_shows_the_same_and_escapes_names(found):
    shown = found.model_copy(update={"experiment": "<script>"})._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    for criterion in found.criteria:
        assert criterion.title in shown


def test_the_figure_has_a_line_for_each_criterion_and_its_errors(found):
    figure = found.plot_criteria()
    assert [line.name for line in figure.data] == [c.title for c in found.criteria]
    for line, criterion in zip(figure.data, found.criteria, strict=True):
        known = [value for value in criterion.values if value.worse_by is not None]
        assert [round(x) for x in line.x] == [value.n_components for value in known]
        assert list(line.y) == [value.worse_by for value in known]
        has_errors = any(value.worse_by_se is not None for value in known)
        assert (line.error_y.array is not None) == has_errors


def test_run_directory_keeps_every_comparison_and_is_read_back(found, tmp_path):
    directory = found.save(tmp_path / "run")
    assert {path.name for path in directory.iterdir()} == {
        "components.json",
        "environment.json",
        "report.html",
        "K1",
        "K2",
        "K3",
    }
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
        [
            "fit",
            str(path),
            "-k",
            "1-2",
            "--engines",
            "em",
            "--set",
            "em.n_bootstrap=4",
            "--out",
            str(tmp_path / "out"),
        ],
    )
    assert done.exit_code == 0, done.output
    assert "All 3 criteria choose 2 components." in done.output
    assert (tmp_path / "out" / "K1" / "comparison.json").is_file()
    again = CliRunner().invoke(cli, ["report", str(tmp_path / "out")])
    assert again.exit_code == 0
    for text in ("1-", "two", "3-x"):
        wrong = CliRunner().invoke(cli, ["fit", str(path), "-k", text])
        assert isinstance(wrong.exception, UsageError)
        assert "--components" in str(wrong.exception)


def test_the_error_of_a_sum_is_that_of_its_rows(rng):
    rows = rng.normal(size=30)
    found = Score.over(rows)
    assert found.value == pytest.approx(rows.sum())
    assert found.se == pytest.approx(30 * sem(rows))
    assert Score.over(rows[:1]) == Score(rows[0], None, rows[:1])
