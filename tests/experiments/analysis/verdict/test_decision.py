"""The answer follows the decision table, and the table in the documentation is the code's."""

import re
from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis.thresholds import THRESHOLDS
from experiments.analysis.verdict.conditions import (
    CONDITIONS,
    OF_THE_OPTIMUM,
    OF_THE_POSTERIOR,
    may_be_said,
)
from experiments.analysis.verdict.decision import DECISIONS, REMEDIES
from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.report.explanations import topics
from experiments.values.comparison import ComparisonValues, Finding
from gmm_em import Mixture, fit_em
from tests.experiments.made import made_bayes, made_em
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "how-to" / "verdict.md").read_text(encoding="utf-8")
TRUTH = Mixture([0.5, 0.5], [[0.0, 0.0], [6.0, 0.0]], [np.eye(2)] * 2)


@pytest.fixture
def dataset(rng):
    return Dataset("made", TRUTH.sample(200, rng)[0], ("u", "v"), None, TRUTH)


@pytest.fixture
def fits(dataset, rng):
    best = fit_em(dataset.X, 2, init=TRUTH).mixture
    return {"em": made_em(best, sd=0.2), "bayes": made_bayes(best, rng)}


def with_diagnostics(fit, **changes):
    return replace(fit, diagnostics={**fit.diagnostics, **changes})


def finding(name, level="fail"):
    return Finding(id=name, level=level, text=name, value=1.0, threshold=0.0)


def test_the_table_in_the_documentation_is_that_of_the_code():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| `(\w+)` \|$", PAGE, re.M)
    assert rows == [(row.name, row.when, row.believe) for row in DECISIONS]


def test_the_causes_in_the_documentation_are_those_of_the_code():
    told = re.search(
        r"The \*optimum fails\* where (.+?) is ✗\. The \*posterior fails\*(.+?) is ✗", PAGE, re.S
    )
    named = [tuple(re.findall(r"`([a-z-]+)`", part)) for part in told.groups()]
    assert [set(part) for part in named] == [set(OF_THE_OPTIMUM), set(OF_THE_POSTERIOR)]


def test_tables_speak_of_findings_that_are_explained():
    headings = {*topics()}
    for condition in CONDITIONS.values():
        named = (
            *condition.unless_failed,
            *condition.good_unless_failed,
            *condition.good_unless_doubtful,
            *condition.mild_unless_failed,
        )
        assert set(named) <= headings
    assert set(CONDITIONS) | set(REMEDIES) | set(THRESHOLDS) <= headings
    assert {name for row in DECISIONS for name in row.causes} <= headings


def test_sound_fits_that_agree_are_both_believed(dataset, fits):
    headline = compare_fits(dataset, fits).headline
    assert (headline.believe, headline.reason) == ("both", "both")
    assert headline.text.startswith("Believe both: EM and the posterior agree on all 11 ")
    assert headline.command == ""


@pytest.mark.parametrize(
    ("em", "bayes", "believe", "reason"),
    [
        ({}, {"max_r_hat": 1.4}, "em", "posterior-fails"),
        ({}, {"problems": ["Pareto-k is 1.38: use sampler 'nuts'"]}, "em", "posterior-fails"),
        ({"converged": False}, {}, "posterior", "optimum-fails"),
        ({"spurious": "a component rests on 3 rows"}, {}, "posterior", "optimum-fails"),
        ({"converged": False}, {"max_r_hat": 1.4}, "neither", "neither-sound"),
    ],
)
def test_what_fails_is_not_believed(dataset, fits, em, bayes, believe, reason):
    poor = {
        "em": with_diagnostics(fits["em"], **em),
        "bayes": with_diagnostics(fits["bayes"], **bayes),
    }
    comparison = compare_fits(dataset, poor)
    assert (comparison.headline.believe, comparison.headline.reason) == (believe, reason)
    assert comparison.headline.command.startswith("gmm-compare ")
    # No good word about the two together.
    said = {found.id for found in comparison.verdict}
    assert not said & {"agreement", "posterior-normal", "labels", "recovery"}


def test_one_engine_alone_is_believed_or_not(dataset, fits):
    assert compare_fits(dataset, {"em": fits["em"]}).headline.reason == "no-posterior"
    assert compare_fits(dataset, {"bayes": fits["bayes"]}).headline.reason == "no-estimate"
    poor = with_diagnostics(fits["bayes"], max_r_hat=1.4)
    assert compare_fits(dataset, {"bayes": poor}).headline.believe == "neither"
    poor = with_diagnostics(fits["em"], converged=False)
    assert compare_fits(dataset, {"em": poor}).headline.believe == "neither"


def test_a_search_of_one_start_is_no_search(dataset, fits):
    once = {"n_best": 1, "n_converged": 1, "optima": [{"log_likelihood": 0.0, "n_runs": 1}]}
    poor = {**fits, "em": with_diagnostics(fits["em"], **once)}
    levels = {found.id: found.level for found in compare_fits(dataset, poor).verdict}
    assert levels["em-optimum"] == "warn"
    assert "certificate" not in levels, "nothing stands on one start"


def test_a_cause_silences_what_follows_from_it():
    found = [finding(name) for name in OF_THE_POSTERIOR]
    assert [one.id for one in may_be_said(found)] == ["posterior-collapsed"]
    found = [finding("posterior-modes"), finding("posterior-r-hat"), finding("posterior-ess")]
    assert [one.id for one in may_be_said(found)] == ["posterior-modes"]


def test_a_poor_search_is_no_news_beside_a_local_optimum():
    found = [finding("certificate"), finding("em-optimum", "warn")]
    assert [one.id for one in may_be_said(found)] == ["certificate"]
    # Where EM did not converge, that is the cause.
    found = [finding("certificate"), finding("em-optimum")]
    assert [one.id for one in may_be_said(found)] == ["em-optimum"]


@pytest.mark.parametrize("cause", [*OF_THE_POSTERIOR, *OF_THE_OPTIMUM])
@pytest.mark.parametrize("good", ["agreement", "posterior-normal", "labels"])
def test_no_good_word_stands_beside_what_undermines_it(cause, good):
    found = [finding(cause), finding(good, "ok")]
    assert [one.id for one in may_be_said(found)] == [cause]


@pytest.mark.parametrize("cause", OF_THE_POSTERIOR)
def test_an_optimum_does_not_stand_on_a_posterior_that_fails(cause):
    found = [finding(cause), finding("certificate", "ok")]
    assert [one.id for one in may_be_said(found)] == [cause]
    local = [finding(cause), finding("certificate")]
    assert "certificate" in [one.id for one in may_be_said(local)]


def test_several_modes_are_told_with_their_masses(dataset, fits):
    modes = [{"mass": 0.7}, {"mass": 0.26}, {"mass": 0.03}]
    both = {**fits, "bayes": with_diagnostics(fits["bayes"], modes=modes)}
    comparison = compare_fits(dataset, both)
    text = {found.id: found.text for found in comparison.verdict}["several-modes"]
    assert "the shares 0.7 and 0.26 of its draws" in text
    assert comparison.headline.reason == "several-modes"
    one = {**fits, "bayes": with_diagnostics(fits["bayes"], modes=modes[:1])}
    assert compare_fits(dataset, one).headline.believe == "both"


def test_draws_of_unknown_origin_are_a_warning(dataset, fits):
    bare = {**fits, "bayes": replace(fits["bayes"], diagnostics={})}
    levels = {found.id: found.level for found in compare_fits(dataset, bare).verdict}
    assert levels["posterior-unchecked"] == "warn"


def test_a_comparison_without_a_headline_is_read(dataset, fits):
    values = compare_fits(dataset, fits).to_dict()
    for key in ("headline", "support", "outliers"):
        del values[key]
    for engine in values["engines"].values():
        del engine["shape"], engine["recovery"]
    assert ComparisonValues.from_dict(values).headline is None


def test_a_prior_that_narrows_names_where_it_does_so_most(dataset, fits):
    sd = fits["bayes"].uncertainty
    means = 2.0 * sd.means
    means[1, 0] *= 3.0
    errors = sd._replace(weights=2.0 * sd.weights, means=means, covariances=2.0 * sd.covariances)
    em = replace(fits["em"], more_uncertainty={"information": errors})
    comparison = compare_fits(dataset, {**fits, "em": em})
    text = {found.id: found.text for found in comparison.verdict}["prior"]
    assert "the prior has 75% of its precision" in text
    assert "What it narrows most is mean 2, u (6 times), and what it moves most is weight" in text
    assert comparison.agreement.narrowed_by == pytest.approx(6.0)
