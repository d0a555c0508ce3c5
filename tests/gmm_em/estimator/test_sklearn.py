"""The behaviours that scikit-learn's own tests check, run from its installed package.

Its mixture tests are read where they are installed, with GaussianMixture replaced by ours, and
run in a process of their own. Those below cannot apply, each for the reason given.
"""

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gmm_em import GaussianMixtureEM
from tests.paths import ROOT

CANNOT_APPLY = {
    "test_gaussian_mixture_precisions_init": "calls the private method _initialize",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
        "counts calls of a private function of scikit-learn's module"
    ),
    "test_gaussian_mixture_raises_where_array_api_not_implemented": (
        "asks that starts by k-means be refused for arrays of other libraries; they are made here"
    ),
    "test_gaussian_mixture_setting_best_params": (
        "asks that a fit whose components collapsed to a point be returned; it is refused"
    ),
    "test_multiple_init": (
        "asks that five restarts be no worse than the default, which is one there and 60 here"
    ),
    "test_monotonic_likelihood": (
        "asks that 600 fits of one iteration reach a last gain below tol; here tol bounds the "
        "gain still to come, and plain steps need more"
    ),
}
# Those of arrays of other libraries run where this variable is set, and take longer.
ELSEWHERE = "test_gaussian_mixture_array_api_compliance"
SWITCHED_ON = {"SCIPY_ARRAY_API": "1"}


def estimator_checks(environment):
    """How many of scikit-learn's checks of an estimator ended how, by their names."""
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from gmm_em import GaussianMixtureEM\n"
        "for r in check_estimator(GaussianMixtureEM(), on_skip=None): "
        "print(r['status'], r['check_name'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Counter(done.stdout.strip().splitlines())


def test_check_estimator_passes():
    found = estimator_checks({})
    assert {line.split()[0] for line in found} <= {"passed", "skipped"}
    assert found.total() > 40


@pytest.mark.slow
def test_check_estimator_passes_with_arrays_of_other_libraries():
    found = estimator_checks(SWITCHED_ON)
    assert {line.split()[0] for line in found} <= {"passed", "skipped"}
    # With NumPy's arrays, and with array-api-strict's on two devices.
    assert found["passed check_array_api_input"] == 3
    assert found["passed check_array_api_same_namespace"] == 1


def run_mixture_tests(folder, expression, environment):
    """How many of scikit-learn's own tests of mixtures pass, none of which fails."""
    package = Path(importlib.util.find_spec("sklearn").origin).parent
    ours = "from gmm_em import GaussianMixtureEM\nclass GaussianMixture(GaussianMixtureEM): pass\n"
    for name in ("test_gaussian_mixture", "test_mixture"):
        source = (package / "mixture" / "tests" / f"{name}.py").read_text()
        replaced, found = re.subn(
            r"^from sklearn\.mixture import (BayesianGaussianMixture, )?GaussianMixture$",
            lambda m: (
                ("from sklearn.mixture import BayesianGaussianMixture\n" if m[1] else "") + ours
            ),
            source,
            flags=re.MULTILINE,
        )
        assert found == 1
        (folder / f"{name}.py").write_text(replaced)
    (folder / "conftest.py").write_text((package / "conftest.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\naddopts =\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", expression]
    environment = environment | {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)}
    done = subprocess.run(
        [*command, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "failed" not in done.stdout.splitlines()[-1]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_scikit_learn_s_mixture_tests_pass(tmp_path):
    expression = " and ".join(f"not {name}" for name in (*CANNOT_APPLY, ELSEWHERE))
    assert run_mixture_tests(tmp_path, expression, {}) >= 45


@pytest.mark.slow
def test_scikit_learn_s_mixture_tests_of_other_libraries_pass(tmp_path):
    # Four structures, two kinds of start, with and without initial values, on two devices.
    expression = f"{ELSEWHERE} and array_api_strict"
    assert run_mixture_tests(tmp_path, expression, SWITCHED_ON) == 32


def test_it_works_where_scikit_learn_s_does(faithful):
    model = GaussianMixtureEM(2, random_state=0, n_init=3)
    assert clone(model).get_params() == model.get_params()
    pipeline = make_pipeline(StandardScaler(), model).fit(faithful)
    assert pipeline.predict(faithful).shape == (272,)
    search = GridSearchCV(model, {"n_components": [1, 2, 3], "covariance_type": ["full", "tied"]})
    search.fit(faithful)
    assert search.best_params_["n_components"] > 1


def test_the_same_iterations_give_the_same_fit(faithful):
    """Ten iterations from one start, against scikit-learn's: the same to 1e-9."""
    start = {
        "weights_init": [0.5, 0.5],
        "means_init": [[2.5, 60.0], [4.0, 75.0]],
    }
    precisions = {
        "full": np.repeat(np.diag([2.0, 0.02])[None], 2, axis=0),
        "tied": np.diag([2.0, 0.02]),
        "diag": np.repeat([[2.0, 0.02]], 2, axis=0),
        "spherical": np.array([0.02, 0.02]),
    }
    for kind, precision in precisions.items():
        options = start | {"covariance_type": kind, "precisions_init": precision}
        options |= {"tol": 0.0, "max_iter": 10, "reg_covar": 0.0}
        with pytest.warns(UserWarning, match="did not converge"):
            theirs = GaussianMixture(2, **options).fit(faithful)
        # Ours may notice that the maximum has been reached.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = GaussianMixtureEM(2, **options).fit(faithful)
        assert ours.score(faithful) == pytest.approx(theirs.score(faithful), rel=1e-11)
        np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-8)
        np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-7)
        np.testing.assert_array_equal(ours.predict(faithful), theirs.predict(faithful))
        np.testing.assert_allclose(
            ours.predict_proba(faithful), theirs.predict_proba(faithful), atol=1e-8
        )
        assert ours.bic(faithful) == pytest.approx(theirs.bic(faithful), rel=1e-10)
        assert ours.aic(faithful) == pytest.approx(theirs.aic(faithful), rel=1e-10)
