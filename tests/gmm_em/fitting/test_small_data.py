"""Small data sets with far rows, ties, duplicates and tiny clusters: a fit, or DegenerateError."""

import numpy as np
import pytest

from gmm_em import DegenerateError, fit_em

KINDS = ["full", "tied", "diag", "spherical"]


def small_data(seed):
    """One data set of 6 to 60 rows, with up to four kinds of trouble; K and a structure."""
    rng = np.random.default_rng(seed)
    n, d, k = int(rng.integers(6, 61)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    X = rng.normal(size=(n, d)) + 4.0 * rng.integers(0, 2, size=(n, 1))
    if rng.random() < 0.4:
        X = X.round(int(rng.integers(0, 2)))
    if rng.random() < 0.4:
        X[rng.integers(0, n, n // 4)] = X[0]
    if rng.random() < 0.4:
        X[-1] = rng.choice([30.0, 999.0, 1e6])
    if rng.random() < 0.4:
        X[: min(3, n)] = X[0] + 1e-3 * rng.normal(size=(min(3, n), d))
    if rng.random() < 0.1:
        X[:, 0] = 7.0
    if d > 1 and rng.random() < 0.1:
        X[:, 1] = X[:, 0]
    return X, k, KINDS[seed % 4]


def check(seed, **options):
    X, k, kind = small_data(seed)
    try:
        result = fit_em(X, k, covariance_type=kind, random_state=0, **options)
    except DegenerateError:
        return
    # A DegenerateError would have been right only if every run had degenerated.
    assert any(not run.degenerate for run in result.runs)
    value = result.mixture.log_likelihood(X)
    assert result.log_likelihood == pytest.approx(value, rel=1e-7, abs=1e-6)
    assert np.all(np.diff(result.trace) >= 0)


@pytest.mark.parametrize("seed", [1, 6, 9, 14, 22, 27, 35, 48, 51, 64, 73, 88, 97, 104, 119, 130])
def test_no_exception_but_degenerate_error(seed):
    check(seed, n_init=8)


@pytest.mark.slow
def test_no_exception_on_a_thousand_data_sets():
    for seed in range(1_000):
        check(seed)


@pytest.mark.parametrize("seed", [32, 45, 49])
def test_a_far_row_among_nine_ends_no_search(seed):
    X = np.r_[np.random.default_rng(seed).normal(size=(8, 2)).round(1), [[999.0, 999.0]]]
    # Two components of full covariance on eight rows near each other and one far away: every run
    # collapses onto the far row or is singular, and the search says so.
    with pytest.raises(DegenerateError, match="Every one of 6 runs"):
        fit_em(X, 2, n_init=6, random_state=0)


@pytest.mark.parametrize(("seed", "far"), [(1, 999.0), (4, 999.0), (4, 30.0)])
def test_a_far_row_among_fifty_leaves_a_fit(seed, far):
    X = np.r_[np.random.default_rng(seed).normal(size=(50, 2)), [[far, far]]]
    result = fit_em(X, 2, random_state=0)
    assert result.converged
    assert min(np.linalg.eigvalsh(c)[0] for c in result.mixture.covariances) > 1e-4


def test_a_refusal_names_reasons_only():
    # The sample of 5000 rows leaves the far row out, so that some of its runs are sound.
    rng = np.random.default_rng(1)
    X = (4 * rng.normal(size=(3, 3)))[rng.integers(3, size=5001)] + rng.normal(size=(5001, 3))
    X[5] = 1e8
    with pytest.raises(DegenerateError) as refused:
        fit_em(X, 3, random_state=0)
    assert "refused: ;" not in str(refused.value)
