"""What code written for scikit-learn's estimators expects of one."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gmm_bayes import GaussianMixtureBayes
from tests.paths import ROOT

FAST = {"draws": 50, "tune": 100, "chains": 2, "random_state": 1}


@pytest.mark.slow
def test_check_estimator_passes():
    """In a process of its own: scikit-learn's checks turn some warnings into errors."""
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from gmm_bayes import GaussianMixtureBayes\n"
        "model = GaussianMixtureBayes(draws=10, tune=20, chains=1, random_state=0)\n"
        "results = check_estimator(model, on_skip=None, on_fail=None)\n"
        "failed = [r['check_name'] for r in results if r['status'] not in ('passed', 'skipped')]\n"
        "print(len(results), failed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    count, failed = done.stdout.strip().splitlines()[-1].split(" ", 1)
    assert failed == "[]"
    assert int(count) >= 40


def test_it_works_where_scikit_learn_s_does(two_clusters):
    model = GaussianMixtureBayes(2, **FAST)
    assert clone(model).get_params() == model.get_params()
    pipeline = make_pipeline(StandardScaler(), model).fit(two_clusters)
    assert pipeline.predict(two_clusters).shape == (120,)
    search = GridSearchCV(model, {"n_components": [1, 2]}, cv=2).fit(two_clusters)
    assert search.best_params_ == {"n_components": 2}
    with pytest.raises(NotFittedError, match="not fitted yet; call fit first"):
        GaussianMixtureBayes(2).score_samples(two_clusters)


def test_columns_must_be_those_of_the_fit(two_clusters):
    frame = pd.DataFrame(two_clusters, columns=["eruptions", "waiting"])
    model = GaussianMixtureBayes(2, **FAST).fit(frame)
    np.testing.assert_array_equal(model.predict(frame), model.predict(frame.copy()))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.predict_proba(frame[["waiting", "eruptions"]])
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- height"):
        model.score_samples(frame.rename(columns={"waiting": "height"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(two_clusters)
    with pytest.raises(TypeError, match="mixed types of column names"):
        model.fit(frame.rename(columns={"waiting": 1}))
    assert not hasattr(model.fit(two_clusters), "feature_names_in_")


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.ma.masked_greater([[0.0, 1.0], [3.0, 2.0]], 2.0), ValueError, "masked values"),
        (np.array([[0.0, 1.0], [np.nan, 2.0]]), ValueError, "X holds NaN in row 1, column 0"),
        (pd.DataFrame({"a": [1.0, -np.inf]}), ValueError, "X holds -inf in row 1, column 0"),
        (np.array([[1e200], [2e200]]), ValueError, "column 0 of X is too large for float64"),
        (np.array([[0.0, 1e-200], [1.0, 2e-200]]), ValueError, "column 1 of X is too small"),
        (np.array([[-1.7e308], [1.7e308]]), ValueError, "column 0 of X is too large for float64"),
        (np.array([[1j], [2.0]]), ValueError, "Complex data not supported"),
        ([["a"], ["b"]], ValueError, "bytes/strings"),
        (None, ValueError, "Expected 2D array, got 0D"),
    ],
)
def test_values_that_cannot_be_used_are_refused(X, error, words):
    with pytest.raises(error, match=words):
        GaussianMixtureBayes().fit(X)


def test_a_far_row_is_scored_without_touching_the_others(fitted):
    """Whitened around the draws, not around the rows asked about."""
    near = np.array([[3.0, 4.0]])
    far = np.array([[1e12, -1e12]])
    both = np.vstack([near, far])
    np.testing.assert_allclose(
        fitted.score_samples(both)[0], fitted.score_samples(near)[0], rtol=1e-13
    )
    assert fitted.score_samples(far)[0] < -1e20
    np.testing.assert_allclose(fitted.predict_proba(both).sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="values too large for float64 arithmetic"):
        fitted.predict_proba([[1e200, 0.0]])
