"""GaussianMixtureEM on rows of another library: fitted and asked where they are."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from gmm_em import DegenerateError, GaussianMixtureEM, Mixture
from gmm_em.core.foreign import to_host

TRUTH = Mixture([0.3, 0.7], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


@pytest.fixture(scope="module")
def rows():
    return TRUTH.sample(5_100, 0)[0]


def close(there, found, expected, error):
    assert type(found) is type(there(np.ones(1)))
    assert found.device == there(np.ones(1)).device
    np.testing.assert_allclose(to_host(found), expected, rtol=error, atol=error)


@pytest.mark.parametrize(
    ("kind", "dtype", "error"),
    [
        *((kind, np.float64, 1e-6) for kind in ("full", "tied", "diag", "spherical")),
        ("full", np.float32, 1e-4),
    ],
)
def test_it_answers_as_in_numpy_in_arrays_of_the_rows_library(there, rows, kind, dtype, error):
    X, weight = rows.astype(dtype), 1.0 + np.arange(len(rows)) % 2
    how = {"covariance_type": kind, "random_state": 0, "n_init": 2}
    ours = GaussianMixtureEM(2, **how).fit(X, sample_weight=weight)
    theirs = GaussianMixtureEM(2, **how).fit(there(X), sample_weight=there(weight))
    for name in FITTED:
        found = getattr(theirs, name)
        assert found.dtype == there(np.ones(1, dtype)).dtype
        close(there, found, getattr(ours, name), error)
    assert type(theirs.mixture_.means) is np.ndarray
    for name in ("predict", "predict_proba", "score_samples"):
        close(there, getattr(theirs, name)(there(X)), getattr(ours, name)(X), 10 * error)
    for name in ("score", "aic", "bic", "icl"):
        found, expected = getattr(theirs, name)(there(X)), getattr(ours, name)(X)
        assert isinstance(found, float)
        assert found == pytest.approx(expected, rel=1e-7)
        found = getattr(theirs, name)(there(X), sample_weight=there(weight))
        expected = getattr(ours, name)(X, sample_weight=weight)
        assert found == pytest.approx(expected, rel=1e-7)
    drawn, labels = theirs.sample(20)
    close(there, drawn, ours.sample(20)[0], error)
    close(there, labels, ours.sample(20)[1], 0.0)


def test_a_fit_may_be_asked_about_rows_of_either_kind(there, rows):
    few = rows[:300]
    ours = GaussianMixtureEM(2, random_state=0, n_init=2).fit(few)
    theirs = GaussianMixtureEM(2, random_state=0, n_init=2).fit(there(few))
    close(there, ours.score_samples(there(few)), ours.score_samples(few), 1e-12)
    np.testing.assert_allclose(theirs.score_samples(few), ours.score_samples(few), rtol=1e-12)
    again = pickle.loads(pickle.dumps(ours))
    close(there, again.score_samples(there(few)), ours.score_samples(few), 1e-12)


def test_starts_may_be_arrays_of_the_rows_library(there, rows):
    start = {
        "weights_init": np.array([0.5, 0.5]),
        "means_init": np.array([[0.0, 0.0], [2.0, 2.0]]),
        "precisions_init": np.array([np.eye(2), np.eye(2)]),
    }
    ours = GaussianMixtureEM(2, **start).fit(rows[:200])
    elsewhere = GaussianMixtureEM(2, **{name: there(value) for name, value in start.items()})
    theirs = clone(elsewhere).fit(there(rows[:200]))
    close(there, theirs.means_, ours.means_, 1e-12)
    assert theirs.n_iter_ == ours.n_iter_


def test_data_without_a_maximum_are_treated_as_in_numpy(there):
    X = np.repeat(np.arange(4.0)[:, None], 1_500, axis=0)
    with pytest.raises(DegenerateError):
        GaussianMixtureEM(4, reg_covar=0.0, random_state=0, n_init=2).fit(there(X))
    models = [GaussianMixtureEM(4, random_state=0, n_init=2) for _ in range(2)]
    for model, given in zip(models, (X, there(X)), strict=True):
        with pytest.warns(UserWarning, match="The likelihood has no maximum"):
            model.fit(given)
    assert models[1].log_likelihood_ == pytest.approx(models[0].log_likelihood_, rel=1e-10)


def test_what_cannot_be_used_is_refused_in_one_sentence(there, rows):
    X = there(rows[:50])
    with pytest.raises(ValueError, match="missing='mar' is for rows of NumPy"):
        GaussianMixtureEM(2, missing="mar").fit(X)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array instead"):
        GaussianMixtureEM(2).fit(X[:, 0])
    model = GaussianMixtureEM(2, random_state=0, n_init=1).fit(X)
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixtureEM is expecting 2"):
        model.predict(X[:, :1])
