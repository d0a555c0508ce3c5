"""An estimate and a posterior are found by what they offer, whatever the engines are called."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.api.comparing import compare, compare_fits
from experiments.datasets.dataset import Dataset
from experiments.engines import Fit
from experiments.values.roles import estimate_of, posterior_of
from gmm_em import fit_em
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em, perturbed

GIBBS = {"sampler": "gibbs", "prior": {"kind": "niw"}, "draws": 400, "tune": 100, "chains": 2}


@pytest.fixture
def truth(rng):
    return random_mixture(rng, 2, 2)


@pytest.fixture
def dataset(truth, rng):
    X, X_test = truth.sample(120, rng)[0], truth.sample(30, rng)[0]
    return Dataset("made", X, ("u", "v"), X_test, truth)


@pytest.fixture
def fits(truth, dataset, rng):
    best = fit_em(dataset.X, 2, init=truth).mixture
    return {"em": made_em(best, sd=0.2), "bayes": made_bayes(best, rng)}


def renamed(value, names):
    """The same values with engines called by other names."""
    if isinstance(value, dict):
        return {rename(key, names): renamed(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [renamed(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def rename(key, names):
    first, dot, rest = key.partition(".")
    if first == "engines":
        return f"{first}{dot}{rename(rest, names)}"
    return f"{names.get(first, first)}{dot}{rest}"


def test_no_number_and_no_sentence_depends_on_the_engines_names(dataset, fits):
    usual = compare_fits(dataset, fits).to_dict()
    names = {"em": "alpha", "bayes": "omega"}
    other = compare_fits(dataset, {names[name]: fit for name, fit in fits.items()}).to_dict()
    # These are fields of the file, not names of engines.
    for values in (usual, other):
        values["fields"] = [values["log_likelihood"].pop(name) for name in ("em", "bayes")]
        values["fields"].append(values["certificate"].pop("em"))
        values["reasons"] = {
            key: reason
            for key, reason in values["reasons"].items()
            if not key.startswith("log_likelihood.")
        }
    assert other == renamed(usual, names)
    assert usual["agreement"] is not None
    assert usual["certificate"] is not None


def test_a_maximum_of_likelihood_without_errors_is_compared_too(dataset, fits):
    point = Fit(mixture=fits["em"].mixture, seconds=0.1, title="sklearn", maximum_likelihood=True)
    comparison = compare_fits(dataset, {"sklearn": point, "bayes": fits["bayes"]})
    usual = compare_fits(dataset, fits)
    assert comparison.agreement.max_abs_z == usual.agreement.max_abs_z
    assert comparison.agreement.sd_ratios is None
    assert comparison.agreement.method == ""
    assert comparison.certificate == usual.certificate
    texts = {finding.id: finding.text for finding in comparison.verdict}
    assert texts["agreement"].startswith("sklearn and the posterior ")
    assert texts["certificate"].startswith("sklearn")
    assert "sklearn's log-likelihood" in texts["held-out"]
    assert "agreement.sd_ratios" in comparison.reasons
    assert not any(name.startswith("agreement.sd_ratio") for name in comparison.summary)


def test_an_estimate_that_is_no_maximum_has_no_certificate(dataset, fits):
    means = Fit(mixture=fits["em"].mixture, seconds=0.1, title="k-means")
    comparison = compare_fits(dataset, {"kmeans": means, "bayes": fits["bayes"]})
    assert comparison.agreement is not None
    assert comparison.certificate is None
    assert comparison.illustration.deviances == []


def test_a_posterior_of_another_package_needs_no_diagnostics(dataset, fits):
    drawn = replace(fits["bayes"], diagnostics={}, title="variational")
    comparison = compare_fits(dataset, {"em": fits["em"], "vi": drawn})
    usual = compare_fits(dataset, fits)
    assert comparison.posterior == "vi"
    assert comparison.agreement == usual.agreement
    assert comparison.certificate == usual.certificate
    assert comparison.log_likelihood.bayes == usual.log_likelihood.bayes
    assert comparison.illustration.health == usual.illustration.health
    said = {finding.id for finding in comparison.verdict}
    of_a_sampler = {"posterior-r-hat", "posterior-ess", "posterior-divergences"}
    assert said == {f.id for f in usual.verdict} - of_a_sampler | {"posterior-unchecked"}


def test_every_posterior_is_scored_by_its_predictive_density(dataset, fits, rng):
    second = made_bayes(perturbed(dataset.truth, rng, 0.1), rng)
    both = compare_fits(dataset, {**fits, "second": second})
    alone = compare_fits(dataset, {"em": fits["em"], "second": second})
    assert both.posterior == "bayes"
    assert both.log_likelihood.bayes == compare_fits(dataset, fits).log_likelihood.bayes

    def gap(comparison):
        found = comparison.log_likelihood.differences
        return next(d.mean for d in found if (d.first, d.second) == ("em", "second"))

    assert gap(both) == gap(alone)


def test_the_pair_is_chosen_by_what_engines_offer(fits):
    kmeans = Fit(mixture=fits["em"].mixture, seconds=0.1)
    sklearn = replace(kmeans, maximum_likelihood=True)
    moments = replace(kmeans, uncertainty=fits["em"].uncertainty)
    assert estimate_of({"b": fits["bayes"], "k": kmeans, "s": sklearn, **fits}) == "em"
    assert estimate_of({"k": kmeans, "s": sklearn, "m": moments}) == "s"
    assert estimate_of({"k": kmeans, "m": moments}) == "m"
    assert estimate_of({"b": fits["bayes"]}) is None
    assert posterior_of({"k": kmeans, **fits}) == "bayes"
    assert posterior_of({"k": kmeans}) is None
    assert estimate_of({}) is posterior_of({}) is None


def test_scikit_learn_and_the_posterior_make_a_whole_comparison(rng):
    X = np.concatenate([rng.normal(0, 1, (60, 1)), rng.normal(6, 1, (40, 1))])
    comparison = compare(X, 2, engines=("sklearn", "bayes"), seed=1, bayes=GIBBS)
    assert (comparison.estimate, comparison.posterior) == ("sklearn", "bayes")
    texts = {finding.id: finding.text for finding in comparison.verdict}
    assert "sklearn and the posterior agree on all 5 parameters" in texts["agreement"]
    assert texts["certificate"].startswith("sklearn's optimum stands")


def test_criteria_judge_whatever_engines_were_fitted(rng):
    X = np.concatenate([rng.normal(0, 1, (60, 1)), rng.normal(6, 1, (40, 1))])
    found = compare(X, [1, 2], X_test=X[::7], engines=("sklearn", "bayes"), seed=1, bayes=GIBBS)
    titles = {criterion.id: (criterion.engine, criterion.title) for criterion in found.criteria}
    assert titles == {
        "em-held-out": ("sklearn", "held-out log-likelihood of sklearn"),
        "loo": ("bayes", "LOO"),
        "evidence": ("bayes", "marginal likelihood"),
        "bayes-held-out": ("bayes", "held-out log-likelihood of the posterior"),
    }
    assert found.chosen["loo"] == 2
