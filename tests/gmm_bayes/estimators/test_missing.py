"""Posteriors given rows of which some values are missing."""

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats

from gmm_bayes import (
    NUTS,
    GaussianMixtureBayes,
    GaussianMixtureUnknownK,
    InverseWishartPrior,
    relabel,
)
from gmm_em import GaussianMixtureEM, Mixture

FAST = {"draws": 20, "tune": 40, "chains": 2, "random_state": 1}


@pytest.fixture(scope="module")
def holes():
    truth = Mixture([0.6, 0.4], [[0.0, 0.0], [4.0, 2.0]], [np.eye(2), [[1.0, 0.5], [0.5, 1.0]]])
    X = truth.sample(150, 1)[0]
    X[np.random.default_rng(2).random(X.shape) < 0.2] = np.nan
    return X


@pytest.fixture(scope="module")
def by_gibbs(holes):
    settings = {"draws": 300, "tune": 300, "chains": 2, "random_state": 0}
    return GaussianMixtureBayes(2, sampler="gibbs", missing="mar", **settings).fit(holes)


def _means_and_errors(fit, labels):
    means = relabel(fit.draws_, labels)[0].means
    flat = np.moveaxis(means.reshape(*means.shape[:2], -1), -1, 0)
    return flat, array_stats.mcse(flat, chain_axis=1, draw_axis=2, method="mean")


def test_posterior_lies_around_the_most_likely_mixture(holes, by_gibbs):
    """Every mean of EM's within one and a half posterior standard deviations."""
    kept = holes[~np.isnan(holes).all(axis=1)]
    em = GaussianMixtureEM(2, missing="mar", random_state=0).fit(kept)
    draws = relabel(by_gibbs.draws_, em.mixture_)[0].means
    away = np.abs(draws.mean(axis=(0, 1)) - em.means_) / draws.std(axis=(0, 1))
    assert (away < 1.5).all()


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_two_samplers_agree(holes, covariance_type):
    """Four means within 4.5 errors: 16 z-scores, fails for less than one seed in 9 000.

    And the marginal likelihoods within 5 errors.
    """
    settings = {"covariance_type": covariance_type, "missing": "mar", "random_state": 2}
    gibbs = GaussianMixtureBayes(2, sampler="gibbs", **settings).fit(holes)
    nuts = GaussianMixtureBayes(2, **settings).fit(holes)
    (one, one_error), (two, two_error) = (
        _means_and_errors(fit, gibbs.mixture_) for fit in (gibbs, nuts)
    )
    gap = np.abs(one.mean(axis=(1, 2)) - two.mean(axis=(1, 2)))
    assert (gap <= 4.5 * np.hypot(one_error, two_error)).all()
    (a, a_error), (b, b_error) = (fit.log_marginal_likelihood() for fit in (gibbs, nuts))
    assert abs(a - b) < 5.0 * np.hypot(a_error, b_error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "covariance_type", "seed"),
    [("advi", "full", 4), ("smc", "full", 3), ("nuts", "VEV", 3)],
)
def test_every_sampler_takes_such_rows(holes, by_gibbs, sampler, covariance_type, seed):
    """Means within half a standard deviation of the exact posterior of free covariances.

    From some seeds a chain of ADVI ends in a poor approximation, which its Pareto-k tells.
    """
    settings = {"draws": 300, "tune": 300, "chains": 2, "random_state": seed}
    fit = GaussianMixtureBayes(
        2, sampler=sampler, covariance_type=covariance_type, missing="mar", **settings
    ).fit(holes)
    draws = relabel(fit.draws_, by_gibbs.mixture_)[0].means
    away = np.abs(draws.mean(axis=(0, 1)) - by_gibbs.means_)
    assert (away < 0.5 * by_gibbs.draws_.means.std(axis=(0, 1))).all()
    if covariance_type == "full":
        assert np.isfinite(fit.log_marginal_likelihood()[0])


@pytest.mark.parametrize("sampler", ["gibbs", "nuts"])
def test_where_nothing_is_missing_nothing_changes(two_clusters, sampler):
    one, other = (
        GaussianMixtureBayes(2, sampler=sampler, missing=missing, **FAST).fit(two_clusters)
        for missing in ("error", "mar")
    )
    np.testing.assert_array_equal(one.draws_.means, other.draws_.means)


def test_questions_are_answered_from_what_was_observed(holes, by_gibbs):
    """Against one draw at a time, by gmm_em."""
    few, _ = by_gibbs.draws_.thin(5)
    found = few.log_prob(holes, "mar")
    for number, mixture in enumerate(few):
        for row in (0, 3, 17):
            seen = np.flatnonzero(~np.isnan(holes[row]))
            expected = 0.0
            if seen.size:
                part = Mixture(
                    mixture.weights,
                    mixture.means[:, seen],
                    mixture.covariances[:, seen[:, None], seen],
                )
                expected = part.log_prob(holes[row : row + 1, seen])[0]
            assert found.reshape(-1, len(holes))[number, row] == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(few.log_likelihood(holes, "mar"), found.sum(axis=-1))
    np.testing.assert_allclose(few.responsibilities(holes, "mar").sum(axis=-1), 1.0)
    nothing = by_gibbs.predict_proba([[np.nan, np.nan]])
    np.testing.assert_allclose(nothing[0], by_gibbs.weights_, rtol=1e-9)
    assert by_gibbs.predict(holes).shape == (len(holes),)
    assert np.isfinite(by_gibbs.score(holes))
    loo = by_gibbs.loo()
    assert np.isfinite(loo.elpd)
    assert loo.n_data_points == (~np.isnan(holes).all(axis=1)).sum() < len(holes)


def test_missing_values_are_refused_unless_asked_for(holes, by_gibbs):
    with pytest.raises(ValueError, match="holds NaN in row"):
        GaussianMixtureBayes(2, **FAST).fit(holes)
    with pytest.raises(ValueError, match="missing must be 'error' or 'mar', but is 'drop'"):
        GaussianMixtureBayes(2, missing="drop", **FAST).fit(holes)
    empty = holes.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match="column 1 of X has no observed value"):
        GaussianMixtureBayes(2, missing="mar", **FAST).fit(empty)
    infinite = holes.copy()
    infinite[3, 0] = np.inf
    with pytest.raises(ValueError, match="holds inf in row 3"):
        GaussianMixtureBayes(2, missing="mar", **FAST).fit(infinite)
    with pytest.raises(ValueError, match=r"holds NaN in row .*; every value must be finite"):
        GaussianMixtureUnknownK(**FAST).fit(holes)
    with pytest.raises(ValueError, match="sample_weight is given"):
        GaussianMixtureBayes(2, missing="mar", **FAST).fit(holes, sample_weight=np.ones(150))
    with pytest.raises(ValueError, match="the PyMC model needs complete rows"):
        by_gibbs.model_  # noqa: B018 - the property raises
    with pytest.raises(ValueError, match="needs complete rows; use NUTS"):
        GaussianMixtureBayes(2, sampler=NUTS(backend="pymc"), missing="mar", **FAST).fit(holes)


def test_values_are_missing_in_pandas_ways(holes):
    frame = pd.DataFrame(holes, columns=["a", "b"]).astype("Float64")
    fit = GaussianMixtureBayes(2, sampler="gibbs", missing="mar", **FAST)
    prior = InverseWishartPrior()
    assert fit.set_params(prior=prior).fit(frame).diagnostics_ is not None
    plain = GaussianMixtureBayes(2, sampler="gibbs", missing="mar", prior=prior, **FAST).fit(holes)
    np.testing.assert_array_equal(fit.draws_.means, plain.draws_.means)
