import dask.array as da
import numpy as np
import pytest

from gmm_em import GaussianMixtureEM, Mixture, expect, fit_blocks, fit_em, maximize
from gmm_em.e_step.streaming import first_pass


@pytest.fixture(scope="module")
def rows():
    truth = Mixture([0.3, 0.7], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
    return truth.sample(12_000, 0)[0]


def test_blocks_are_the_whole(rows):
    whole = fit_em(rows, 2, random_state=0)
    passes = []

    def blocks():
        passes.append(1)
        return (rows[i : i + 1_000] for i in range(0, len(rows), 1_000))

    result = fit_blocks(blocks, 2, random_state=0)
    assert result.converged
    assert result.total_weight == len(rows)
    assert result.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-3)
    assert result.log_likelihood == pytest.approx(result.mixture.log_likelihood(rows), rel=1e-11)
    np.testing.assert_allclose(result.mixture.means, whole.mixture.means, atol=1e-3)
    steps = sum(run.n_iter + 1 for run in result.runs if run.n_rows == len(rows))
    # One pass to count, one for each E-step, and one per run to examine its maximum.
    assert len(passes) == 1 + steps + sum(run.n_rows == len(rows) for run in result.runs)


def test_a_list_of_blocks_from_a_start(rows):
    start = Mixture([0.5, 0.5], [[0.0, 0.0], [2.0, 2.0]], [np.eye(2), np.eye(2)])
    blocks = [rows[:5_000], rows[5_000:5_001], rows[5_001:]]
    streamed = fit_blocks(blocks, 2, init=start, max_iter=7, tol=0.0)
    whole = fit_em(rows, 2, init=start, max_iter=7, tol=0.0)
    np.testing.assert_allclose(streamed.trace, whole.trace, rtol=1e-11)


def test_few_rows_need_no_second_search(faithful):
    result = fit_blocks([faithful[:100], faithful[100:]], 2, random_state=0)
    plain = fit_em(faithful, 2, random_state=0)
    assert result.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-5)


def test_em_by_hand_through_moments(faithful):
    """The loop that users write: moments of blocks, added, and one M-step."""
    mixture = fit_em(faithful, 2, random_state=0, max_iter=0).mixture
    for _ in range(5):
        mixture = maximize(expect(mixture, faithful[:200]) + expect(mixture, faithful[200:]))
    start = fit_em(faithful, 2, random_state=0, max_iter=0).mixture
    whole = fit_em(faithful, 2, init=start, max_iter=5, tol=0.0).mixture
    np.testing.assert_allclose(mixture.means, whole.means, rtol=1e-9)


def test_the_estimator_takes_blocks(rows):
    model = GaussianMixtureEM(2, random_state=0).fit_blocks([rows[:6_000], rows[6_000:]])
    assert model.converged_
    assert model.score(rows) * len(rows) == pytest.approx(model.log_likelihood_, rel=1e-10)


def test_the_sample_is_uniform():
    # Each of 1000 rows is kept with probability 0.1; 5 standard deviations, fixed seed.
    kept = np.zeros(1_000)
    for seed in range(200):
        sample, total = first_pass([np.arange(1_000.0)[:, None]] * 1, 100, seed)
        assert total == 1_000
        kept[sample[:, 0].astype(int)] += 1
    assert np.all(np.abs(kept - 20) < 5 * np.sqrt(200 * 0.1 * 0.9))


def test_bad_blocks_are_refused(rows):
    with pytest.raises(TypeError, match="read once only"):
        fit_blocks(iter([rows]), 2)
    with pytest.raises(ValueError, match="no block"):
        fit_blocks([], 2)
    with pytest.raises(ValueError, match="2 and 1 features"):
        fit_blocks([rows, rows[:, :1]], 2)
    with pytest.raises(ValueError, match="two-dimensional"):
        fit_blocks([rows[:, 0]], 2)
    with pytest.raises(ValueError, match="NaN"):
        fit_blocks([np.array([[1.0, np.nan], [0.0, 1.0]])], 1)


def test_a_dask_array_is_fitted_like_the_same_rows_in_memory(rows):
    chunked = da.from_array(rows, chunks=(700, 2))
    start = fit_em(rows, 2, random_state=0, max_iter=3).mixture
    plain, lazy = (fit_em(X, 2, init=start) for X in (rows, chunked))
    assert lazy.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
    whole, read = (GaussianMixtureEM(2, random_state=0).fit(X) for X in (rows, chunked))
    assert read.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-9)
