"""Sentences about the posterior of the number of components."""

import numpy as np
import pytest
from scipy import stats

from experiments.selection.posterior_of_k import findings_of_posterior, in_words, under
from experiments.values.components import Criterion, PosteriorOfK


def posterior(**changes):
    values = {
        "engine": "bayes-auto",
        "prior": "poisson (rate 1)",
        "prior_probabilities": {"2": 0.37, "3": 0.18, "4": 0.06, "5": 0.02},
        "probabilities": {"2": 0.2, "3": 0.7, "4": 0.07, "5": 0.03},
        "filled": {"2": 0.3, "3": 0.7},
        "other_prior": "uniform (max 30)",
        "under_other_prior": {"2": 0.1, "3": 0.6, "4": 0.3},
        "effective_draws": 900.0,
        "problems": [],
    }
    return PosteriorOfK(**{**values, **changes})


def criterion(identity, title, chosen):
    return Criterion(
        id=identity,
        title=title,
        engine="em",
        higher_is_better=False,
        values=[],
        chosen=chosen,
        nearly_as_good=None,
    )


def test_another_prior_reweights_the_probabilities():
    table = {"kind": "poisson", "rate": 2.0}
    name, found = under(table, {1: 0.2, 2: 0.5, 3: 0.3})
    assert name == "uniform (max 30)"
    expected = np.array([0.2, 0.5, 0.3]) / stats.poisson(2.0).pmf([0, 1, 2])
    np.testing.assert_allclose(list(found.values()), expected / expected.sum())
    assert under({"kind": "uniform", "max": 9}, {1: 1.0})[0].startswith("beta-negative-binomial")
    assert in_words(table) == "poisson (rate 2)"


def test_the_probable_numbers_are_named():
    found = {f.id: f for f in findings_of_posterior(posterior(), [])}
    assert list(found) == ["posterior-k", "posterior-filled", "posterior-k-prior"]
    assert found["posterior-k"].text == (
        "The number of components is 3 with probability 0.70, 2 with probability 0.20, 4 with "
        "probability 0.07 or another one with 0.03 under the prior poisson (rate 1)."
    )
    assert found["posterior-k-prior"].level == "ok"
    assert list(findings_of_posterior(None, [])) == []


def test_a_prior_that_decides_is_a_warning():
    other = posterior(under_other_prior={"3": 0.4, "4": 0.6})
    found = {f.id: f for f in findings_of_posterior(other, [])}
    assert found["posterior-k-prior"].level == "warn"
    assert found["posterior-k-prior"].text.endswith("the prior decides between 3 and 4.")


def test_a_number_that_few_draws_have_is_rough_under_another_prior():
    other = posterior(under_other_prior={"3": 0.4, "5": 0.6}, effective_draws=300.0)
    found = {f.id: f for f in findings_of_posterior(other, [])}
    said = found["posterior-k-prior"].text
    assert said.endswith("between 3 and 5; few draws have 5, so that this is rough.")


def test_criteria_that_differ_get_their_reasons():
    criteria = [
        criterion("bic", "BIC", 2),
        criterion("icl", "ICL", 2),
        criterion("aic", "AIC", 3),
        criterion("posterior-k", "log posterior probability", 3),
    ]
    found = {f.id: f for f in findings_of_posterior(posterior(), criteria)}
    text = found["posterior-k-why"].text
    assert text.startswith("Other than the most probable number, 3, choose BIC (2) and ICL (2): ")
    assert "shape of one cluster" in text
    assert "prediction" not in text


def test_draws_that_disagree_are_a_warning():
    doubtful = posterior(problems=["the chains do not agree"])
    found = [f for f in findings_of_posterior(doubtful, []) if f.id == "posterior-k-doubt"]
    assert [f.level for f in found] == ["warn"]


@pytest.mark.parametrize("kind", ["zipf", None])
def test_an_unknown_prior_is_refused(kind):
    with pytest.raises(ValueError, match="kind is"):
        in_words({"kind": kind})
