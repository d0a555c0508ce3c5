"""The compiled loops over rows give what NumPy and SciPy give, in the same bits in any process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import gmm_bayes
from gmm_bayes.density import moments
from gmm_bayes.density.by_address import LOG_LIKELIHOOD, address_of, set_address
from gmm_bayes.density.row_loops import load_row_loops
from gmm_em import Mixture

MIXTURE = Mixture(
    [0.2, 0.5, 0.3],
    [[0.0, 0.0], [1.5, -1.0], [-40.0, 3.0]],
    [[[1.0, 0.3], [0.3, 0.5]], [[0.2, 0.0], [0.0, 2.0]], [[3.0, -1.0], [-1.0, 1.0]]],
)


@pytest.fixture(params=[1, 63, 300])
def X(request, rng):
    """Fewer rows than a block, and more; one row is far from every component."""
    rows = MIXTURE.sample(request.param, rng)[0]
    rows[0] = 60.0
    return rows


@pytest.fixture
def components():
    load_row_loops()
    factors = np.linalg.cholesky(MIXTURE.covariances)
    log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    return moments.FactorisedMixture(
        np.log(MIXTURE.weights) - log_det, MIXTURE.means.copy(), np.linalg.inv(factors)
    )


def log_joint(X):
    """Log weight plus SciPy's log density of each row and component, less the constant (N, K)."""
    parts = zip(MIXTURE.weights, MIXTURE.means, MIXTURE.covariances, strict=True)
    logs = [np.log(w) + np.reshape(multivariate_normal(m, c).logpdf(X), -1) for w, m, c in parts]
    return np.stack(logs, axis=1) + np.log(2.0 * np.pi)


def expected_sums(X, components, weights):
    """Return the sums of rows that count `weights` times, by NumPy."""
    logs = log_joint(X)
    resp = weights[:, None] * np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    white = np.einsum("kij,nkj->nki", components.whiteners, X[:, None] - components.means)
    second = np.einsum("nk,nki,nkj->kij", resp, white, white)
    return resp.sum(axis=0), np.einsum("nk,nki->ki", resp, white), np.tril(second)


def assert_sums(sums, expected):
    for found, wanted in zip(sums, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


def test_whitened_moments(X, components):
    sums = moments.zero_sums(3, 2)
    value = moments.whitened_moments(np.ascontiguousarray(X.T), components, sums, True)
    assert value == pytest.approx(logsumexp(log_joint(X), axis=1).sum(), rel=1e-12)
    assert_sums(sums, expected_sums(X, components, np.ones(len(X))))


def test_weighted_moments(X, components, rng):
    weights, rows = rng.uniform(0.0, 3.0, len(X)), np.empty(len(X))
    sums = moments.zero_sums(3, 2)
    value = moments.weighted_moments(
        np.ascontiguousarray(X.T), components, weights, rows, sums, True
    )
    np.testing.assert_allclose(rows, logsumexp(log_joint(X), axis=1), rtol=1e-12, atol=1e-12)
    assert value == pytest.approx(weights @ rows, rel=1e-12)
    assert_sums(sums, expected_sums(X, components, weights))


def test_the_address_of_an_array_without_entries_decides_nothing(components, rng):
    """Where it lies among the weights, compiled code must not choose another loop for that."""
    X, weights = MIXTURE.sample(300, rng)[0], rng.uniform(0.5, 2.0, 300)
    found = []
    for none in (np.empty(0), weights[:0]):
        sums = moments.zero_sums(3, 2)
        value = moments.weighted_moments(
            np.ascontiguousarray(X.T), components, weights, none, sums, True
        )
        found.append([value, *np.concatenate([part.ravel() for part in sums])])
    assert found[0] == found[1]


def test_log_likelihood(X, components):
    value = moments.log_likelihood(np.ascontiguousarray(X.T), components)
    assert value == pytest.approx(logsumexp(log_joint(X), axis=1).sum(), rel=1e-12)


def test_allocate(X, components):
    block = moments.new_block(3, 2)
    n = min(len(X), moments.BLOCK_ROWS)
    moments.allocate(np.ascontiguousarray(X.T), 0, n, components, block)
    logs = log_joint(X[:n])
    np.testing.assert_allclose(block.top[:n], logs.max(axis=1), rtol=1e-12, atol=1e-12)
    relative = np.exp(logs - logs.max(axis=1, keepdims=True))
    np.testing.assert_allclose(block.resp[:, :n], relative.T, rtol=1e-11, atol=1e-130)
    # Products of these with deviations are far from denormal numbers, on which processors are slow.
    assert block.resp[:, :n].min() > 1e-131


def test_a_loop_that_is_not_loaded_is_refused(X, components):
    before = address_of(LOG_LIKELIHOOD)
    set_address(LOG_LIKELIHOOD, 0)
    try:
        with pytest.raises(RuntimeError, match="not loaded"):
            moments.log_likelihood(np.ascontiguousarray(X.T), components)
    finally:
        set_address(LOG_LIKELIHOOD, before)


def test_only_the_loops_called_by_address_may_be_reassociated():
    """A compiled function exists in several copies, which round differently if LLVM may reorder."""
    package = Path(gmm_bayes.__file__).parent
    texts = {path.name: path.read_text() for path in package.rglob("*.py")}
    assert [name for name, text in texts.items() if "fastmath=" in text] == ["entries.py"]
    assert [name for name, text in texts.items() if '"reassoc"' in text] == ["row_loops.py"]


@pytest.mark.slow
def test_draws_do_not_depend_on_what_was_fitted_before():
    """A fit of one component loads other compiled code first."""
    script = """
import sys
import numpy as np
from gmm_bayes import GaussianMixtureBayes

def fit(k):
    model = GaussianMixtureBayes(k, sampler="gibbs", draws=50, tune=100, random_state=0)
    return model.fit(np.random.default_rng(0).normal(size=(150, 2))).draws_

if "before" in sys.argv:
    fit(1)
print(fit(3).means.tobytes().hex())
"""
    printed = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for arguments in ([], ["before"])
    ]
    assert len(printed[0]) > 1000
    assert printed[0] == printed[1]
