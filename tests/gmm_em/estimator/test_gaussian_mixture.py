import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from gmm_em import (
    ConjugatePrior,
    ConvergenceWarning,
    GaussianMixtureEM,
    Mixture,
    NotFittedError,
    fit_em,
    standard_errors,
)

KINDS = ["full", "tied", "diag", "spherical"]


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_scikit_learn_s(iris, kind):
    model = GaussianMixtureEM(3, covariance_type=kind, random_state=0, n_init=4).fit(iris)
    shape = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,)}[kind]
    for name in ("covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(model, name).shape == shape
    covariances = model.mixture_.covariances
    inverse = np.linalg.inv(covariances)
    if kind == "full":
        np.testing.assert_allclose(model.precisions_, inverse, rtol=1e-8)
        products = model.precisions_cholesky_ @ model.precisions_cholesky_.transpose(0, 2, 1)
        np.testing.assert_allclose(products, inverse, rtol=1e-8)
        assert np.all(np.tril(model.precisions_cholesky_, -1) == 0)
    elif kind == "tied":
        np.testing.assert_allclose(model.precisions_, inverse[0], rtol=1e-8)
    else:
        np.testing.assert_allclose(model.precisions_, 1 / model.covariances_, rtol=1e-10)
        root = 1 / np.sqrt(model.covariances_)
        np.testing.assert_allclose(model.precisions_cholesky_, root, rtol=1e-10)
    assert model.weights_.shape == (3,)
    assert model.means_.shape == (3, 4)
    assert model.n_features_in_ == 4


def test_what_is_fitted_is_consistent(faithful):
    model = GaussianMixtureEM(2, random_state=0).fit(faithful)
    assert model.log_likelihood_ == pytest.approx(model.score(faithful) * 272, rel=1e-12)
    assert model.lower_bound_ == pytest.approx(model.score(faithful), rel=1e-12)
    assert model.lower_bounds_[-1] == model.lower_bound_
    assert model.trace_[-1] == model.log_likelihood_
    assert model.n_iter_ == len(model.lower_bounds_)
    np.testing.assert_allclose(model.predict_proba(faithful).sum(axis=1), 1.0)
    np.testing.assert_array_equal(
        model.predict(faithful), model.predict_proba(faithful).argmax(axis=1)
    )
    np.testing.assert_array_equal(
        model.fit_predict(faithful), GaussianMixtureEM(2, random_state=0).fit_predict(faithful)
    )
    np.testing.assert_allclose(
        model.score_samples(faithful), model.mixture_.log_prob(faithful), rtol=1e-10
    )
    assert isinstance(model.mixture_, Mixture)
    errors = model.standard_errors(faithful)
    expected = standard_errors(faithful, model.mixture_)
    np.testing.assert_array_equal(errors.means, expected.means)


def test_sample_weights(faithful):
    times = np.random.default_rng(0).integers(0, 3, size=272)
    options = {
        "weights_init": [0.5, 0.5],
        "means_init": [[2.0, 55.0], [4.3, 80.0]],
        "precisions_init": np.repeat(np.diag([5.0, 0.03])[None], 2, axis=0),
    }
    weighted = GaussianMixtureEM(2, **options).fit(faithful, sample_weight=times)
    repeated = GaussianMixtureEM(2, **options).fit(np.repeat(faithful, times, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-6)
    assert weighted.score(faithful, sample_weight=times) == pytest.approx(
        repeated.score(np.repeat(faithful, times, axis=0))
    )
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_)


def test_sampling(faithful):
    model = GaussianMixtureEM(2, random_state=0).fit(faithful)
    X, labels = model.sample(500)
    assert X.shape == (500, 2)
    assert np.all(np.diff(labels) >= 0)
    with pytest.raises(ValueError, match="Invalid value for 'n_samples'"):
        model.sample(0)


def test_float32_stays_float32(faithful):
    single = faithful.astype(np.float32)
    model = GaussianMixtureEM(2, random_state=0).fit(single)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(model, name).dtype == np.float32
    assert model.predict_proba(single).dtype == np.float32
    assert model.score_samples(single).dtype == np.float32
    double = GaussianMixtureEM(2, random_state=0).fit(single.astype(np.float64))
    assert model.log_likelihood_ == pytest.approx(double.log_likelihood_, rel=1e-12)


def test_data_frames(faithful):
    frame = pd.DataFrame(faithful, columns=["eruptions", "waiting"])
    model = GaussianMixtureEM(2, random_state=0).fit(frame)
    assert list(model.feature_names_in_) == ["eruptions", "waiting"]
    np.testing.assert_array_equal(model.predict(frame), model.predict(frame.copy()))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(faithful)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["waiting", "eruptions"]])
    with pytest.raises(ValueError, match="unseen at fit time"):
        model.predict(frame.rename(columns={"waiting": "gap"}))
    with pytest.raises(TypeError, match="string names"):
        model.fit(frame.rename(columns={"waiting": 1}))
    model.fit(faithful)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match="fitted without feature names"):
        model.predict(frame)


def test_parameters(faithful):
    model = GaussianMixtureEM(2, tol=1e-4)
    assert model.get_params()["tol"] == 1e-4
    assert model.set_params(n_components=3) is model
    assert repr(model) == "GaussianMixtureEM(n_components=3, tol=0.0001)"
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        model.set_params(colour="red")
    copy = pickle.loads(pickle.dumps(model.fit(faithful)))
    np.testing.assert_array_equal(copy.predict(faithful), model.predict(faithful))
    assert copy.mixture_ == model.mixture_


def test_random_states(faithful):
    states = [lambda: np.random.RandomState(0), lambda: np.random.default_rng(0), lambda: 0]
    for state in states:
        a, b = (GaussianMixtureEM(3, random_state=state()).fit(faithful) for _ in range(2))
        assert a.mixture_ == b.mixture_


def test_warm_start_goes_on(faithful):
    start = fit_em(faithful, 3, n_init=1, max_iter=0, random_state=0).mixture
    options = {
        "weights_init": start.weights,
        "means_init": start.means,
        "precisions_init": np.linalg.inv(start.covariances),
        "tol": 1e-6,
    }
    once = GaussianMixtureEM(3, max_iter=6, **options)
    parts = GaussianMixtureEM(3, max_iter=2, warm_start=True, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        once.fit(faithful)
        for _ in range(3):
            parts.fit(faithful)
    np.testing.assert_allclose(parts.means_, once.means_, rtol=1e-9)


def test_not_converging_is_said(faithful):
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        model = GaussianMixtureEM(3, max_iter=2, random_state=0).fit(faithful)
    assert not model.converged_
    assert model.n_iter_ == 2


def test_no_maximum_is_said_and_regularised():
    X = np.random.default_rng(0).normal(size=(12, 20)) * 1e3
    with pytest.warns(ConvergenceWarning, match="no maximum"):
        model = GaussianMixtureEM(2, random_state=0).fit(X)
    assert np.linalg.eigvalsh(model.covariances_).min() > 0
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        GaussianMixtureEM(2, reg_covar=0, random_state=0).fit(X)


def test_unfitted_use_is_refused(faithful):
    for method in ("predict", "predict_proba", "score_samples", "score", "bic", "aic", "icl"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(GaussianMixtureEM(), method)(faithful)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros(5), ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((1, 2)), ValueError, "minimum of 2 is required"),
        (np.zeros((5, 0)), ValueError, "0 feature"),
        ([["a", "b"], ["c", "d"]], ValueError, "numeric"),
        (np.array([[1j], [2j]]), ValueError, "Complex data not supported"),
        ([[1.0], [np.nan]], ValueError, "Input X contains NaN"),
        ([[1.0], [np.inf]], ValueError, "Input X contains infinity"),
    ],
)
def test_bad_data_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        GaussianMixtureEM().fit(X)


def test_the_wrong_width_is_refused(faithful):
    model = GaussianMixtureEM(2, random_state=0).fit(faithful)
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixtureEM is expecting 2"):
        model.predict(faithful[:, :1])


def test_the_prior_is_the_function_s(faithful):
    prior = ConjugatePrior(concentration=2.0)
    model = GaussianMixtureEM(3, prior=prior, random_state=0).fit(faithful)
    result = fit_em(faithful, 3, prior=prior, random_state=0)
    assert model.mixture_ == result.mixture
    assert model.lower_bound_ * 272 == pytest.approx(result.trace[-1])
    assert model.log_likelihood_ == pytest.approx(model.score(faithful) * 272)


def test_progress_is_printed(faithful, capsys):
    GaussianMixtureEM(3, n_init=2, verbose=2, verbose_interval=5, random_state=0).fit(faithful)
    printed = capsys.readouterr().out
    assert "Initialization 0" in printed
    assert "Iteration 5" in printed
    assert "ll change" in printed
    assert "is the best; it converged." in printed


@pytest.mark.parametrize("kind", KINDS)
def test_fitting_and_labelling_at_once_is_one_after_the_other(faithful, kind):
    settings = {"covariance_type": kind, "n_init": 3, "random_state": 4}
    weight = np.linspace(0.5, 1.5, len(faithful))
    at_once = GaussianMixtureEM(3, **settings).fit_predict(faithful, sample_weight=weight)
    model = GaussianMixtureEM(3, **settings).fit(faithful, sample_weight=weight)
    np.testing.assert_array_equal(at_once, model.predict(faithful))
    assert set(at_once) == {0, 1, 2}


def test_parts_of_a_fit_are_asked_by_name_or_position():
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(60, 3)), columns=["length", "width", "depth"]
    )
    model = GaussianMixtureEM(n_components=1, random_state=0).fit(frame)
    assert model.marginal(["depth", "length"]) == model.mixture_.marginal([2, 0])
    assert model.conditional({"width": 0.2}) == model.mixture_.conditional({1: 0.2})
    assert model.marginal(1) == model.mixture_.marginal(1)
    with pytest.raises(ValueError, match="allowed: length, width, depth"):
        model.marginal("height")
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().marginal(0)
