import arviz as az
import numpy as np
import pytest
from scipy.special import logsumexp

from experiments.analysis import draw_densities as densities
from experiments.analysis.prediction import paired_differences, score
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
