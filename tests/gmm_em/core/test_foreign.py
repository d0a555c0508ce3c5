"""Arrays of other libraries: which they are, what is sent there, and what comes back."""

import os
import re
import subprocess
import sys

import array_api_strict as strict
import dask.array as da
import numpy as np
import pandas as pd
import pytest

from gmm_em import Mixture
from gmm_em.core import foreign_densities
from gmm_em.core.foreign import Place, is_foreign, to_host
from tests.gmm_em.libraries import LIBRARIES
from tests.paths import ROOT

MIXTURE = Mixture(
    [0.3, 0.7, 0.0],
    [[0.0, 0.0], [3.0, 1.0], [0.0, 9.0]],
    [np.eye(2), [[2.0, 0.5], [0.5, 1.0]], np.eye(2)],
)
METHODS = ("component_log_prob", "log_prob", "responsibilities", "predict")


@pytest.fixture(scope="module")
def rows():
    return MIXTURE.sample(500, 0)[0]


def test_arrays_of_other_libraries_are_told_from_those_that_numpy_reads(there):
    assert is_foreign(there(np.ones(3)))
    others = [np.ones(3), np.float64(1.0), [1.0], None, pd.DataFrame([[1.0]]), da.ones((3, 2))]
    assert not any(is_foreign(X) for X in others)
    assert all(to_host(X) is X for X in others)


def test_memory_that_is_not_the_host_s_is_copied_from():
    X = LIBRARIES["array_api_strict"](np.arange(3.0))
    with pytest.raises(RuntimeError, match="Can't convert array"):
        np.asarray(X)
    np.testing.assert_array_equal(to_host(X), np.arange(3.0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("name", METHODS)
def test_densities_are_those_of_numpy_where_the_rows_are(there, rows, name, dtype, monkeypatch):
    # Blocks of three rows: the last one is shorter.
    monkeypatch.setattr(Place, "block_elements", 3 * 27)
    X = rows.astype(dtype)
    found = getattr(MIXTURE, name)(there(X))
    assert found.device == there(X).device
    expected = getattr(MIXTURE, name)(X)
    if name == "predict":
        assert found.dtype == there(np.ones(1, np.int64)).dtype
        np.testing.assert_array_equal(to_host(found), expected)
        return
    floats = np.float32 if dtype == np.float32 else np.float64
    assert found.dtype == there(np.ones(1, floats)).dtype
    error = 1e-6 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(to_host(found), expected, rtol=error, atol=error)


def test_no_block_is_larger_than_allowed(there, rows, monkeypatch):
    sizes = []
    monkeypatch.setattr(Place, "block_elements", 27 * 40)
    kept = foreign_densities.ForeignDensities._log_sum

    def seen(self, joint):
        sizes.append(joint.shape)
        return kept(self, joint)

    monkeypatch.setattr(foreign_densities.ForeignDensities, "_log_sum", seen)
    MIXTURE.log_likelihood(there(rows))
    assert sizes == [(3, 40)] * 12 + [(3, 20)]


def test_the_log_likelihood_is_a_float_of_float64_sums(there, rows):
    X = rows.astype(np.float32)
    weight = np.arange(len(X)) % 3.0
    assert MIXTURE.log_likelihood(there(X)) == pytest.approx(MIXTURE.log_likelihood(X), rel=1e-13)
    expected = MIXTURE.log_likelihood(X, weight)
    for given in (weight, there(weight)):
        found = MIXTURE.log_likelihood(there(X), sample_weight=given)
        assert isinstance(found, float)
        assert found == pytest.approx(expected, rel=1e-13)


def test_rows_far_away_belong_to_the_nearest_component_and_no_rows_have_no_answers(there):
    far = np.array([[1e200, 0.0], [-1e180, 1e200], [0.0, 0.0]])
    for name in METHODS:
        found = to_host(getattr(MIXTURE, name)(there(far)))
        np.testing.assert_allclose(found, getattr(MIXTURE, name)(far), atol=1e-12)
        nothing = getattr(MIXTURE, name)(there(np.empty((0, 2))))
        assert to_host(nothing).shape == getattr(MIXTURE, name)(np.empty((0, 2))).shape


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(3), r"X must be two-dimensional \(n, d\), got shape \(3,\); use X.reshape"),
        (np.ones((3, 4)), "X has 4 features, but 2 are expected"),
        (np.array([[0.0, 1.0], [2.0, np.nan]]), "X must be finite, got nan in row 1, column 1"),
        (np.ones((3, 2), complex), r"X must hold real numbers, got an array of .*complex128"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(there, X, message):
    with pytest.raises(ValueError, match=message):
        MIXTURE.log_prob(there(X))


def test_a_device_without_float64_is_refused():
    X = strict.asarray([[1.0, 2.0]], dtype=strict.float32, device=strict.Device("no_float64"))
    with pytest.raises(ValueError, match=r"no_float64.*, which has no float64: move it to another"):
        MIXTURE.log_prob(X)


def test_who_lacks_the_library_that_is_needed_is_told_which():
    code = (
        "import sys; sys.modules['array_api_compat'] = None\n"
        "import array_api_strict as xp, gmm_em\n"
        "gmm_em.Mixture([1.0], [[0.0]], [[[1.0]]]).log_prob([[1.0]])\n"
        "gmm_em.Mixture([1.0], [[0.0]], [[[1.0]]]).log_prob(xp.asarray([[1.0]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: X is an array of array_api_strict, for which array-api-compat is needed: "
        "pip install array-api-compat"
    )


# Other libraries than array-api-strict -----------------------------------------------------------

FILES = [f"tests/gmm_em/{room}/test_foreign.py" for room in ("core", "e_step", "estimator")]
SETTINGS = os.environ | {"PYTHONPATH": str(ROOT / ".venv" / "engines")}


@pytest.mark.slow
def test_jax_gives_the_same():
    # JAX lies in a folder of its own, which this process does not look into.
    # It compiles for every shape of a block, so that not all tests are repeated.
    chosen = "jax and (sums or narrow or (search and not EEV) or (answers and full))"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-k", chosen, *FILES]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=SETTINGS
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 24


@pytest.mark.slow
def test_jax_without_float64_is_computed_with_in_float64_all_the_same():
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import jax, numpy as np\n"
        "from gmm_em import GaussianMixtureEM\n"
        "X = np.random.default_rng(0).normal(size=(5_200, 2)).astype(np.float32)\n"
        "X[:2_000] += 5.0\n"
        "how = {'random_state': 0, 'n_init': 2}\n"
        "ours = GaussianMixtureEM(2, **how).fit(X)\n"
        "theirs = GaussianMixtureEM(2, **how).fit(jax.numpy.asarray(X))\n"
        "print(theirs.means_.dtype, theirs.predict(jax.numpy.asarray(X)).dtype,\n"
        "    (theirs.score_samples(jax.numpy.asarray(X)) * 2).dtype, theirs.sample(3)[0].dtype)\n"
        "print(abs(theirs.log_likelihood_ - ours.log_likelihood_) < 1e-8)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=SETTINGS,
    )
    assert done.stdout.splitlines() == ["float32 int32 float32 float32", "True"], done.stderr
