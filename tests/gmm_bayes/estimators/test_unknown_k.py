"""GaussianMixtureUnknownK: what a fit leaves behind, what it refuses, and how it is stopped."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from gmm_bayes import (
    FixedComponents,
    GaussianMixtureUnknownK,
    LKJPrior,
    MixtureDraws,
    NIWPrior,
    UniformComponents,
)
from gmm_bayes.unknown_k.diagnostics import diagnose_unknown_k
from gmm_em.core.sklearn_checks import NotFittedError

FAST = {"draws": 200, "tune": 100, "chains": 2, "random_state": 3, "progressbar": False}


@pytest.fixture(scope="module")
def model(two_clusters):
    return GaussianMixtureUnknownK(**FAST).fit(two_clusters)


def test_probabilities_are_shares_of_the_draws(model):
    numbers = model.posterior_["posterior"]["n_components"].to_numpy()
    assert numbers.shape == (2, 200)
    assert sum(model.n_components_probabilities_.values()) == pytest.approx(1.0)
    for k, share in model.n_components_probabilities_.items():
        assert share == pytest.approx((numbers == k).mean())
    filled = model.posterior_["posterior"]["n_filled"].to_numpy()
    assert (filled <= numbers).all()
    assert set(model.n_filled_probabilities_) == set(np.unique(filled).tolist())
    assert model.n_components_ == 2


def test_allocations_number_the_filled_components(model):
    draws = model.draws_
    filled = [np.unique(labels).size for chain in draws.allocations for labels in chain]
    np.testing.assert_array_equal(filled, draws.n_filled.ravel())
    assert (draws.allocations.max(axis=-1) + 1 == draws.n_filled).all()


def test_draws_given_a_number_are_mixture_draws_with_aligned_labels(model, two_clusters):
    given = model.given(2)
    assert isinstance(given, MixtureDraws)
    assert len(given) == (model.draws_.n_components == 2).sum()
    # Aligned: each component stays near one of the two true means.
    assert given.means.std(axis=(0, 1)).max() < 0.5
    np.testing.assert_allclose(model.means_, given.means.mean(axis=(0, 1)))
    log_prob = model.pointwise_log_likelihood(two_clusters)
    chosen = model.draws_.n_components == 2
    np.testing.assert_allclose(given.log_prob(two_clusters)[0], log_prob[chosen])
    with pytest.raises(ValueError, match="no draw has 40 components; there are draws of"):
        model.given(40)


def test_the_density_is_averaged_over_all_draws(model, two_clusters):
    log_prob = model.pointwise_log_likelihood(two_clusters).reshape(-1, 120)
    expected = np.log(np.exp(log_prob).mean(axis=0))
    np.testing.assert_allclose(model.score_samples(two_clusters), expected, rtol=1e-10)
    assert model.score(two_clusters) == pytest.approx(expected.mean())
    np.testing.assert_allclose(model.log_likelihood_.ravel(), log_prob.sum(axis=1))
    first = model.draws_[0]
    np.testing.assert_allclose(first.log_prob(two_clusters), log_prob[0])


def test_the_clusters_of_the_rows_are_found(model, two_clusters):
    chances = model.predict_proba(two_clusters)
    assert chances.shape == (120, model.partition_.max() + 1)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert (model.predict(two_clusters) == model.partition_).mean() > 0.95
    together = model.posterior_["clusters"]["co_clustering"].to_numpy()
    assert together.shape == (120, 120)
    np.testing.assert_array_equal(together, together.T)
    rows, labels = model.sample(50)
    assert rows.shape == (50, 2)
    assert labels.max() <= model.partition_.max()


def test_rows_are_sampled_of_a_table_with_names(two_clusters):
    """A warning about names would be an error here."""
    table = pd.DataFrame(two_clusters, columns=["a", "b"])
    model = GaussianMixtureUnknownK(**{**FAST, "draws": 20, "tune": 20}).fit(table)
    rows, labels = model.sample(9)
    assert rows.shape == (9, 2)
    np.testing.assert_array_equal(labels, model.predict(pd.DataFrame(rows, columns=["a", "b"])))


@pytest.mark.parametrize("number", ["2", 2.5, None])
def test_the_error_of_a_probability_is_that_of_a_whole_number(model, number):
    assert model.probability_error(2) > 0.0
    with pytest.raises(TypeError, match="n_components must be an integer"):
        model.probability_error(number)


def test_moments_are_those_of_each_mixture(model):
    mean, covariance = model.draws_.moments()
    drawn = model.draws_[7]
    np.testing.assert_allclose(mean[0, 7], drawn.weights @ drawn.means)
    away = drawn.means - mean[0, 7]
    expected = np.einsum("k,kij->ij", drawn.weights, drawn.covariances)
    expected += np.einsum("k,ki,kj->ij", drawn.weights, away, away)
    np.testing.assert_allclose(covariance[0, 7], expected)


def test_the_same_seed_gives_the_same_draws_on_any_number_of_cores(two_clusters, model):
    again = GaussianMixtureUnknownK(**FAST, cores=1).fit(two_clusters)
    np.testing.assert_array_equal(again.draws_.weights, model.draws_.weights)


def test_it_is_pickled_and_cloned(model, two_clusters):
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict(two_clusters), model.predict(two_clusters))
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError, match="call fit first"):
        clone(model).predict(two_clusters)
    assert "K = 2 has the probability" in model._repr_html_()


def test_tables_are_priors_too(two_clusters):
    model = GaussianMixtureUnknownK(
        components_prior={"kind": "fixed", "k": 12},
        prior={"kind": "niw", "kappa": 0.05},
        concentration=0.01,
        **FAST,
    ).fit(two_clusters)
    assert model.n_components_probabilities_ == {12: 1.0}
    assert max(model.n_filled_probabilities_, key=model.n_filled_probabilities_.get) == 2


def test_one_feature_of_few_rows_and_more_components_than_rows():
    model = GaussianMixtureUnknownK(components_prior=FixedComponents(9), **FAST)
    assert model.fit([[0.0], [1.0], [1.5], [4.0]]).n_components_ == 9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": "fixed"}, "weights is 'fixed'; allowed are 'static' and 'dynamic'"),
        ({"prior": NIWPrior(), "concentration": 1.0}, "concentration is 1, but that of prior is 2"),
        ({"prior": LKJPrior()}, "needs an InverseWishartPrior"),
        ({"components_prior": {"kind": "zipf"}}, "kind is 'zipf'"),
        ({"components_prior": FixedComponents(5), "max_components": 3}, "allows no number"),
        ({"max_components": 0}, "max_components must be at least 1"),
        ({"max_components": 1001}, "max_components must be at most 1000, but is 1001"),
        ({"components_prior": UniformComponents(2000)}, "but is 2000, the most that components"),
        (
            {"components_prior": {"kind": "fixed", "k": 2, "z": 1}},
            "components_prior has an unknown",
        ),
        ({"draws": 3}, "draws must be at least 4"),
        ({"concentration": -1.0}, "^concentration must be finite and positive"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(two_clusters, settings, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureUnknownK(**{**FAST, **settings}).fit(two_clusters)


def test_weights_of_rows_are_refused(two_clusters):
    with pytest.raises(ValueError, match="sample_weight is given"):
        GaussianMixtureUnknownK(**FAST).fit(two_clusters, sample_weight=np.ones(120))


def test_an_interrupt_keeps_what_was_drawn(two_clusters):
    def stop(done, total):
        assert total == 2 * (100_000 + 1)
        if done > 500:
            raise KeyboardInterrupt

    settings = {**FAST, "draws": 100_000, "tune": 1}
    model = GaussianMixtureUnknownK(**settings).fit(two_clusters, callback=stop)
    assert model.posterior_["posterior"].attrs["interrupted"] == 1
    assert 0 < model.draws_.n_components.shape[1] < 100_000


def test_a_number_of_components_at_the_limit_is_a_problem(two_clusters):
    limited = GaussianMixtureUnknownK(max_components=2, **FAST).fit(two_clusters)
    assert any("use a larger max_components" in text for text in limited.diagnostics_.problems)
    bounded = GaussianMixtureUnknownK(components_prior=UniformComponents(2), **FAST)
    found = bounded.fit(two_clusters).diagnostics_
    assert not any("max_components" in text for text in found.problems)
    assert found.to_dict()["label_free"]["n_components"]["mean"] == pytest.approx(2.0, abs=0.1)


def test_chains_that_do_not_agree_get_advice_that_this_estimator_can_follow(model):
    draws = model.draws_
    apart = model.log_likelihood_ + np.array([[0.0], [500.0]])
    found = diagnose_unknown_k(draws, apart, 50, False)
    assert "chains are in different modes" in found.problems[0]
    assert "larger thin" in found.problems[0]
    assert not any("sampler=" in text for text in found.problems)
