import arviz as az
import numpy as np
import pytest
from scipy.special import logsumexp

from experiments import predictive
from experiments.predictive import leave_one_out, paired_differences, score
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
    found = leave_one_out(draws, X)
    tree = az.from_dict(
        {"posterior": {"w": draws.weights}, "log_likelihood": {"x": draws.log_prob(X)}}
    )
    expected = az.loo(tree, pointwise=True, reff=1.0)
    assert found.elpd.sum() == pytest.approx(expected.elpd)
    assert found.n_effective == pytest.approx(expected.p)
    assert np.allclose(found.pareto_k, expected.pareto_k.to_numpy())
    assert np.sqrt(60) * found.elpd.std() == pytest.approx(expected.se, rel=0.02)


def test_blocks_of_rows_change_nothing(draws, X, monkeypatch):
    whole, scores = leave_one_out(draws, X), score(draws, X)
    monkeypatch.setattr(predictive, "BLOCK_VALUES", 7 * len(draws))
    assert np.allclose(leave_one_out(draws, X).elpd, whole.elpd)
    assert np.allclose(score(draws, X).predictive, scores.predictive)
    assert np.allclose(score(draws, X).draws, scores.draws)


def test_large_work_uses_fewer_draws(draws, X, monkeypatch):
    monkeypatch.setattr(predictive, "MAX_VALUES", 60 * 200)
    monkeypatch.setattr(predictive, "MIN_DRAWS", 100)
    found = leave_one_out(draws, X)
    assert found.n_draws == 200
    assert found.elpd.sum() == pytest.approx(leave_one_out(draws, X).elpd.sum(), abs=1.0)


def test_differences_pair_the_rows():
    shared = np.array([-10.0, 0.0, 10.0, 20.0])
    scores = {"a": shared, "b": shared - 1.0, "c": shared + np.array([0.0, 2.0, 0.0, 2.0])}
    found = {(d.first, d.second): (d.mean, d.se) for d in paired_differences(scores)}
    assert found["a", "b"] == (1.0, 0.0), "what rows have in common cancels"
    assert found["a", "c"][0] == -1.0
    assert found["a", "c"][1] == pytest.approx(np.std([0, -2, 0, -2], ddof=1) / 2)
    assert len(found) == 3
