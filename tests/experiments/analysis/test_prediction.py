import arviz as az
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import sem

from experiments.analysis import draw_densities as densities
from experiments.analysis.likelihoods import _leave_one_out
from experiments.analysis.prediction import (
    LeaveOneOut,
    RowSample,
    paired_differences,
    score,
    score_sample,
)
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes


@pytest.fixture
def draws(rng):
    return made_bayes(random_mixture(rng, 2, 2), rng, n_chains=4, n_draws=150).draws


@pytest.fixture
def X(draws, rng):
    return draws[0].sample(60, rng)[0]


def test_scores_are_those_of_each_draw(draws, X):
    every = np.array([draws[i].log_prob(X) for i in range(len(draws))])
    scores = score(draws, X)
    assert np.allclose(scores.predictive, logsumexp(every, axis=0) - np.log(len(draws)))
    assert np.allclose(scores.draws.ravel(), every.sum(axis=1))


def test_leave_one_out_equals_arviz(draws, X):
    found = score(draws, X, leave_one_out=True).loo
    tree = az.from_dict(
        {"posterior": {"w": draws.weights}, "log_likelihood": {"x": draws.log_prob(X)}}
    )
    expected = az.loo(tree, pointwise=True, reff=1.0)
    assert found.elpd.sum() == pytest.approx(expected.elpd)
    assert found.n_effective == pytest.approx(expected.p)
    assert np.allclose(found.pareto_k, expected.pareto_k.to_numpy())
    assert np.sqrt(60) * found.elpd.std() == pytest.approx(expected.se, rel=0.02)


def test_a_row_of_which_nothing_was_observed_says_nothing(draws, X):
    rows = X.copy()
    rows[5], rows[9, 0] = np.nan, np.nan
    found = score(draws, rows, leave_one_out=True)
    without = score(draws, np.delete(rows, 5, axis=0), leave_one_out=True)
    assert np.allclose(found.draws, without.draws)
    assert (found.predictive[5], found.loo.elpd[5], found.loo.pareto_k[5]) == (0.0, 0.0, 0.0)
    assert np.allclose(np.delete(found.loo.elpd, 5), without.loo.elpd)
    assert found.loo.n_effective == pytest.approx(without.loo.n_effective)


def test_blocks_of_rows_change_nothing(draws, X, monkeypatch):
    whole = score(draws, X, leave_one_out=True)
    monkeypatch.setattr(densities, "BLOCK_VALUES", 7 * len(draws))
    found = score(draws, X, leave_one_out=True)
    assert np.allclose(found.loo.elpd, whole.loo.elpd)
    assert np.allclose(found.predictive, whole.predictive)
    assert np.allclose(found.draws, whole.draws)


def test_leave_one_out_is_left_where_it_is_not_asked_for_or_draws_are_few(rng, draws, X):
    assert score(draws, X).loo is None
    few = made_bayes(random_mixture(rng, 2, 2), rng, n_chains=1, n_draws=99).draws
    assert score(few, X, leave_one_out=True).loo is None


def test_differences_pair_the_rows():
    shared = np.array([-10.0, 0.0, 10.0, 20.0])
    scores = {"a": shared, "b": shared - 1.0, "c": shared + np.array([0.0, 2.0, 0.0, 2.0])}
    found = {(d.first, d.second): (d.mean, d.se) for d in paired_differences(scores)}
    assert found["a", "b"] == (1.0, 0.0), "what rows have in common cancels"
    assert found["a", "c"][0] == -1.0
    assert found["a", "c"][1] == pytest.approx(np.std([0, -2, 0, -2], ddof=1) / 2)
    assert len(found) == 3


def test_the_error_of_leave_one_out_is_that_of_a_sum_over_rows(draws, X):
    loo = score(draws, X, leave_one_out=True).loo
    scores = score(draws, X)
    found = _leave_one_out(loo, scores)
    assert (found.n_draws, found.n_scored, found.sampling_se) == (len(draws), None, None)
    assert found.elpd == pytest.approx(loo.elpd.sum())
    assert found.se == pytest.approx(60 * sem(loo.elpd))
    one = LeaveOneOut(loo.elpd[:1], 1.0, loo.pareto_k[:1])
    assert _leave_one_out(one, score(draws, X[:1])).se == 0.0


def test_a_sum_over_all_rows_is_estimated_from_a_sample(rng):
    known = rng.normal(size=5000)
    values = known + 0.01 * rng.normal(size=5000) + 0.5
    truth, misses = values.sum(), []
    for seed in range(200):
        sample = RowSample.draw(400, known, np.random.SeedSequence(seed))
        assert len(set(sample.rows.tolist())) == 400
        total, error = sample.total(values[sample.rows])
        misses.append((total - truth) / error)
    # Errors of the estimate and of its error: z-scores of mean 0 and standard deviation 1. The
    # limits are 4 standard errors of either, and false once in ten thousand.
    assert abs(np.mean(misses)) < 4 / np.sqrt(200)
    assert abs(np.std(misses) - 1) < 4 / np.sqrt(400)
    assert RowSample.draw(5000, known, np.random.SeedSequence(0)).total(values) == (
        pytest.approx(truth),
        0.0,
    )


@pytest.mark.parametrize("known_at_draws", [True, False])
def test_a_sample_of_the_rows_stands_for_all(rng, draws, known_at_draws):
    X = draws[0].sample(2000, rng)[0]
    whole = score(draws, X, leave_one_out=True)
    sample = RowSample.draw(500, draws.mean().log_prob(X), np.random.SeedSequence(1))
    given = whole.draws if known_at_draws else None
    found = score_sample(draws, X, sample, given, leave_one_out=True)
    assert np.allclose(found.draws, whole.draws)
    assert np.allclose(found.predictive, whole.predictive[sample.rows])
    all_rows, some = _leave_one_out(whole.loo, whole), _leave_one_out(found.loo, found)
    assert (all_rows.n_scored, some.n_scored) == (None, 500)
    assert 0 < some.sampling_se < 0.1 * some.se
    assert abs(some.elpd - all_rows.elpd) < 4 * some.sampling_se
    assert some.n_effective == pytest.approx(all_rows.n_effective, rel=0.2)
    assert some.se == pytest.approx(all_rows.se, rel=0.2)


def test_differences_of_a_sample_pair_its_rows(rng):
    every, rows = rng.normal(size=50), np.arange(3, 50, 5)
    scores = {"a": every, "b": every - 2.0, "c": every[rows] - 1.0}
    found = {(d.first, d.second): (d.mean, d.se) for d in paired_differences(scores, rows)}
    assert found["a", "b"] == (pytest.approx(2.0), pytest.approx(0.0, abs=1e-15))
    assert found["a", "c"] == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-15))
    assert found["b", "c"] == (pytest.approx(-1.0), pytest.approx(0.0, abs=1e-15))


def test_draws_at_the_least_number_are_smoothed(rng, draws, X):
    enough = made_bayes(random_mixture(rng, 2, 2), rng, n_chains=1, n_draws=100).draws
    assert score(enough, X, leave_one_out=True).loo is not None
