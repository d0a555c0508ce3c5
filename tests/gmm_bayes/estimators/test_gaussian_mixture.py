import html
import pickle
import subprocess
import sys
from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import logsumexp

from gmm_bayes import (
    NUTS,
    GaussianMixtureBayes,
    HierarchicalPrior,
    ImproperPosteriorWarning,
    LKJPrior,
)
from gmm_em import Mixture

FAST = {"draws": 50, "tune": 100, "chains": 2, "random_state": 1}


def test_posterior_is_arviz_schema_in_the_datas_units(fitted, two_clusters):
    posterior = fitted.posterior_["posterior"]
    assert posterior["weights"].dims == ("chain", "draw", "component")
    assert posterior["means"].dims == ("chain", "draw", "component", "feature")
    assert posterior["covariances"].dims == (
        "chain", "draw", "component", "feature", "feature_bis"
    )  # fmt: skip
    assert dict(posterior.sizes) == {
        "chain": 2, "draw": 300, "component": 2, "feature": 2, "feature_bis": 2
    }  # fmt: skip
    assert {"lp", "diverging", "energy", "tree_depth", "step_size", "n_steps"} <= set(
        fitted.posterior_["sample_stats"].data_vars
    )
    np.testing.assert_array_equal(fitted.posterior_["observed_data"]["x"], two_clusters)
    assert posterior.attrs["interrupted"] == 0
    assert posterior.attrs["inference_library"] == "nutpie"
    np.testing.assert_allclose(fitted.mixture_.means[0], [3.0, 4.0], atol=0.6)


def test_pointwise_log_likelihood_is_each_draws(fitted, two_clusters):
    pointwise = fitted.posterior_["log_likelihood"]["x"]
    assert pointwise.dims == ("chain", "draw", "obs")
    expected = fitted.draws_[1, 17].log_prob(two_clusters)
    np.testing.assert_allclose(pointwise[1, 17], expected, rtol=1e-10)
    np.testing.assert_allclose(fitted.log_likelihood_, pointwise.sum("obs"), rtol=1e-10)


def test_large_data_keep_no_pointwise_log_likelihood(two_clusters, monkeypatch):
    monkeypatch.setattr("gmm_bayes.estimators.summary.MAX_POINTWISE", 1000)
    model = GaussianMixtureBayes(2, **FAST).fit(two_clusters)
    assert "log_likelihood" not in model.posterior_.children
    expected = model.pointwise_log_likelihood(two_clusters).sum(axis=-1)
    np.testing.assert_allclose(model.log_likelihood_, expected, rtol=1e-10)


# One row of these data is so influential that ArviZ warns of its Pareto-k.
@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
def test_arviz_summarises_and_compares(fitted):
    summary = az.summary(fitted.posterior_, round_to="none")
    assert summary.loc["weights[0]", "mean"] == pytest.approx(fitted.mixture_.weights[0])
    loo = az.loo(fitted.posterior_)
    assert np.isfinite(loo.elpd)


def test_survives_netcdf(fitted, tmp_path):
    fitted.posterior_.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), fitted.posterior_)


def test_point_is_the_mean_over_aligned_draws_heaviest_first(fitted):
    posterior = fitted.posterior_["posterior"].mean(("chain", "draw"))
    np.testing.assert_allclose(fitted.weights_, posterior["weights"])
    np.testing.assert_allclose(fitted.means_, posterior["means"])
    np.testing.assert_allclose(fitted.covariances_, posterior["covariances"])
    assert (np.diff(fitted.weights_) <= 0.0).all()


def test_predictions_average_over_draws(fitted, two_clusters):
    X = two_clusters[:9]
    joint = np.stack([m.component_log_prob(X) for m in fitted.draws_])
    log_density = logsumexp(joint, axis=(0, 2)) - np.log(len(fitted.draws_))
    np.testing.assert_allclose(fitted.score_samples(X), log_density, rtol=1e-10)
    assert fitted.score(X) == pytest.approx(log_density.mean())
    probability = np.exp(joint).mean(axis=0)
    probability /= probability.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), probability, rtol=1e-8, atol=1e-300)
    np.testing.assert_array_equal(fitted.predict(X), probability.argmax(axis=1))


def test_sample_follows_the_predictive_distribution(fitted):
    """z-scores of 20000 rows below 5: fails for less than one seed in 100 000."""
    rows, labels = fitted.sample(20_000)
    draws = fitted.draws_
    share = draws.weights.mean(axis=(0, 1))
    assert abs((labels == 0).mean() - share[0]) < 5.0 * np.sqrt(share[0] * share[1] / 20_000)
    mean = np.einsum("csk,cskd->d", draws.weights, draws.means) / len(draws)
    assert (np.abs(rows.mean(axis=0) - mean) < 5.0 * rows.std(axis=0) / np.sqrt(20_000)).all()
    np.testing.assert_array_equal(rows, fitted.sample(20_000)[0])


def test_same_seed_same_draws_whatever_the_cores(two_clusters):
    one = GaussianMixtureBayes(2, cores=1, **FAST).fit(two_clusters)
    two = GaussianMixtureBayes(2, cores=2, **FAST).fit(two_clusters)
    np.testing.assert_array_equal(one.draws_.means, two.draws_.means)
    other = GaussianMixtureBayes(2, **{**FAST, "random_state": 2}).fit(two_clusters)
    assert not np.array_equal(one.draws_.means, other.draws_.means)
    sequence = np.random.SeedSequence(5)
    fits = [
        GaussianMixtureBayes(2, **{**FAST, "random_state": sequence}).fit(two_clusters)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(fits[0].draws_.means, fits[1].draws_.means)


def test_chains_start_and_stay_different(fitted):
    means = fitted.draws_.means
    assert not np.array_equal(means[0], means[1])


def test_standardised_prior_is_equivariant_to_units(two_clusters):
    """The same chains in other units: the standardised data differ by rounding only.

    The chains are short, because longer ones amplify rounding until they are as far apart as any.
    """
    scale, shift = np.array([1000.0, 1.0 / 64.0]), np.array([-5.0, 128.0])
    short = {**FAST, "draws": 5, "tune": 10}
    plain = GaussianMixtureBayes(2, **short).fit(two_clusters)
    other = GaussianMixtureBayes(2, **short).fit(two_clusters * scale + shift)
    np.testing.assert_allclose(other.draws_.means, plain.draws_.means * scale + shift, rtol=1e-6)


@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 2), (2, 1), (3, 3)])
def test_any_number_of_components_and_features(rng, k, d):
    X = rng.normal(size=(60, d)) + 6.0 * rng.integers(k, size=(60, 1))
    model = GaussianMixtureBayes(k, **FAST).fit(X)
    assert model.mixture_.means.shape == (k, d)
    if k == 1:
        assert model.diagnostics_.parameters.loc["weights[0]", "verdict"] == "constant"


def test_one_gaussian_has_its_closed_form_posterior_mean(rng):
    """A flat-enough prior: the mean's posterior is Student's t around the sample mean.

    Five Monte Carlo errors: fails for less than one seed in 100 000.
    """
    X = rng.normal(size=(50, 1)) * 2.0 + 7.0
    prior = LKJPrior(mean_scale=100.0, sd_scale=100.0)
    model = GaussianMixtureBayes(1, prior=prior, draws=2000, chains=2, random_state=0).fit(X)
    row = model.diagnostics_.parameters.loc["means[0, 0]"]
    assert abs(row["mean"] - X.mean()) < 5.0 * row["mcse_mean"]
    # Flat in the standard deviation: t with N - 2 degrees of freedom.
    scale = X.std() * np.sqrt(50.0 / (48.0 * 50.0))
    assert row["sd"] == pytest.approx(scale * np.sqrt(48.0 / 46.0), rel=0.08)


def test_feature_names_are_kept(two_clusters):
    frame = pd.DataFrame(two_clusters, columns=["eruptions", "waiting"])
    model = GaussianMixtureBayes(2, **FAST).fit(frame)
    assert list(model.feature_names_in_) == ["eruptions", "waiting"]
    posterior = model.posterior_["posterior"]
    assert list(posterior["feature"].values) == ["eruptions", "waiting"]
    assert list(posterior["feature_bis"].values) == ["eruptions", "waiting"]
    assert model.marginal("waiting") == model.mixture_.marginal(1)
    assert model.conditional({"waiting": 0.5}) == model.mixture_.conditional({1: 0.5})


def test_scikit_learn_conventions(fitted):
    model = GaussianMixtureBayes(3, sampler=NUTS(target_accept=0.8), chains=2)
    params = model.get_params()
    assert GaussianMixtureBayes(**params).get_params() == params
    assert model.set_params(draws=7).draws == 7
    with pytest.raises(ValueError, match="no parameter 'n_init'"):
        model.set_params(n_init=3)
    shown = repr(GaussianMixtureBayes(2, draws=10))
    assert shown == "GaussianMixtureBayes(n_components=2, draws=10)"
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.draws_.means, fitted.draws_.means)
    with pytest.raises(AttributeError, match="not fitted yet"):
        GaussianMixtureBayes(2).predict(np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("X", "change", "error", "words"),
    [
        ([[0.0, 1.0], [np.nan, 2.0]], {}, ValueError, "finite"),
        ([[0.0, 1.0], [np.inf, 2.0]], {}, ValueError, "finite"),
        ([0.0, 1.0], {}, ValueError, r"reshape\(-1, 1\)"),
        ([["a"], ["b"]], {}, (TypeError, ValueError), "number|numeric"),
        (np.zeros((0, 2)), {}, ValueError, "0 sample"),
        ([[1.0, 2.0]], {}, ValueError, "1 sample"),
        ([[1.0, 2.0], [1.0, 3.0]], {}, ValueError, "column 0 of X is constant"),
        ([[1.0], [2.0]], {"n_components": 3}, ValueError, "only 2 samples"),
        ([[1.0], [2.0]], {"n_components": 0}, ValueError, "at least 1"),
        ([[1.0], [2.0]], {"n_components": -2}, ValueError, "at least 1"),
        ([[1.0], [2.0]], {"n_components": 1.5}, TypeError, "must be an integer"),
        ([[1.0], [2.0]], {"draws": 3}, ValueError, "draws must be at least 4"),
        ([[1.0], [2.0]], {"tune": 0}, ValueError, "tune must be at least 1"),
        ([[1.0], [2.0]], {"chains": 0}, ValueError, "chains must be at least 1"),
        ([[1.0], [2.0]], {"cores": 0}, ValueError, "cores must be at least 1"),
        ([[1.0], [2.0]], {"sampler": "nots"}, ValueError, "'nots'; allowed are 'nuts', 'gibbs'"),
        ([[1.0], [2.0]], {"sampler": 3}, TypeError, "sample"),
        ([[1.0], [2.0]], {"prior": "flat"}, TypeError, "prior must be one of Inv"),
        ([[1.0], [2.0]], {"prior": LKJPrior(sd_scale=[1, 2])}, ValueError, "2 features"),
        (
            [[1.0], [2.0]],
            {"sampler": "gibbs", "prior": LKJPrior()},
            ValueError,
            "needs an InverseWishartPrior, a HierarchicalPrior or an NIWPrior",
        ),
        ([[1.0], [2.0]], {"random_state": -1}, ValueError, "random_state"),
        ([[1.0], [2.0]], {"random_state": "x"}, TypeError, "random_state"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(X, change, error, words):
    with pytest.raises(error, match=words) as caught:
        GaussianMixtureBayes(**change).fit(X)
    assert "\n" not in str(caught.value)


def test_questions_need_the_right_width(fitted):
    with pytest.raises(ValueError, match="3 features"):
        fitted.predict(np.zeros((1, 3)))


def test_importing_the_package_does_not_import_pymc():
    heavy = ("pymc", "arviz", "nutpie", "pytensor", "xarray", "numba", "pandas")
    code = f"import sys, gmm_bayes; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_draws_can_be_any_random_state(two_clusters):
    for state in (np.random.default_rng(3), np.random.RandomState(3), None):
        model = GaussianMixtureBayes(2, **{**FAST, "draws": 5, "random_state": state})
        assert isinstance(model.fit(two_clusters).mixture_, Mixture)


def test_fitting_and_labelling_at_once_is_one_after_the_other(two_clusters):
    at_once = GaussianMixtureBayes(2, **FAST).fit_predict(two_clusters)
    model = GaussianMixtureBayes(2, **FAST).fit(two_clusters)
    np.testing.assert_array_equal(at_once, model.predict(two_clusters))
    assert set(at_once) == {0, 1}


def test_an_estimator_shows_its_parameters_then_its_posterior(two_clusters):
    model = GaussianMixtureBayes(2, **FAST)
    before = model._repr_html_()
    assert "not fitted" in before
    for name, value in model.get_params().items():
        assert f'<th scope="row">{name}</th><td>{html.escape(repr(value))}</td>' in before
    model.fit(pd.DataFrame(two_clusters, columns=["<script>alert(1)</script>", "b&c"]))
    shown = model._repr_html_()
    assert "<script>" not in shown
    assert "mean &lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "sd b&amp;c" in shown
    assert ": 100 draws, " in shown
    assert f"<td>{model.mixture_.weights[1]:.4g}</td>" in shown
    model.diagnostics_ = replace(model.diagnostics_, problems=("one is wrong", "two"))
    assert ": 100 draws, one is wrong; two. Posterior means" in model._repr_html_()
    model.diagnostics_ = replace(model.diagnostics_, problems=())
    assert ": 100 draws, nothing wrong. Posterior means" in model._repr_html_()


def test_columns_without_names_are_numbered(fitted):
    assert "mean x1" in fitted._repr_html_()


def test_weights_of_rows_are_refused_and_the_sentence_says_why(two_clusters):
    model = GaussianMixtureBayes(2, **FAST)
    with pytest.raises(ValueError, match="a posterior counts every row as one observation"):
        model.fit(two_clusters, sample_weight=np.ones(len(two_clusters)))
    with pytest.raises(TypeError, match="no argument 'weights'; allowed are X, y and callback"):
        model.fit(two_clusters, weights=None)


def test_the_pymc_model_of_a_fit_is_one_object_with_its_data_and_names(two_clusters):
    frame = pd.DataFrame(two_clusters, columns=["a", "b"])
    fit = GaussianMixtureBayes(2, prior=LKJPrior(), **FAST).fit(frame)
    model = fit.model_
    assert fit.model_ is model
    assert model.coords["feature"] == ("a", "b")
    np.testing.assert_array_equal(model["X"].get_value(), two_clusters)
    pickle.loads(pickle.dumps(fit))
    fit.fit(two_clusters[:50])
    assert fit.model_ is not model
    assert fit.model_["X"].get_value().shape == (50, 2)


def test_too_many_ties_for_the_hierarchical_prior_are_told_and_have_no_evidence(two_clusters):
    X = two_clusters.round(1)
    X[:40, 1] = 2.0
    model = GaussianMixtureBayes(2, prior=HierarchicalPrior(), sampler="gibbs", **FAST)
    with pytest.warns(ImproperPosteriorWarning, match=r"rows have the value 2 in column 1.*above"):
        model.fit(X)
    assert model.diagnostics_.problems[0].startswith("the posterior is improper")
    with pytest.raises(ValueError, match="no log marginal likelihood: the posterior is improper"):
        model.log_marginal_likelihood()
