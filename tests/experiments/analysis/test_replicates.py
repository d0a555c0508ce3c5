"""Replicated data sets: drawn from the posterior, and set beside the data feature by feature."""

import numpy as np
import pytest

from experiments.analysis.replicates import (
    MAX_FEATURES,
    MAX_ROWS,
    PLACES,
    REPLICATES,
    SHOWN,
    check_features,
)
from gmm_bayes import MixtureDraws
from gmm_em import Mixture
from tests.conftest import random_mixture

SEED = np.random.SeedSequence(3)


def same_draws(mixture: Mixture, n: int = 50) -> MixtureDraws:
    """A posterior that knows the mixture for certain."""
    parts = (mixture.weights, mixture.means, mixture.covariances)
    return MixtureDraws(*(np.broadcast_to(part, (2, n, *part.shape)) for part in parts))


def test_data_of_the_model_leave_the_band_as_often_as_they_should():
    """Of 150 features drawn from the model itself 7 or 8 leave the band on average.

    The number is binomial up to the error of the band, which rests on 200 replicated data sets: it
    lies outside of 1 to 18 in less than 1 of 1000 choices of the seed.
    """
    mixture = Mixture([0.3, 0.7], [[-2.0], [1.0]], [[[0.5]], [[1.5]]])
    draws, rng, outside = same_draws(mixture), np.random.default_rng(1), 0
    for number in range(150):
        X = mixture.sample(40, rng)[0]
        [check] = check_features(draws, X, np.random.SeedSequence(number))
        outside += check.farthest > check.band
    assert 1 <= outside <= 18


def test_the_feature_that_differs_comes_first(rng):
    mixture = random_mixture(rng, 2, 3)
    X = mixture.sample(300, rng)[0]
    # A normal distribution of the same mean and spread, where the model has a mixture.
    X[:, 1] = rng.exponential(size=300) * np.ptp(X[:, 1])
    first, *others = check_features(same_draws(mixture), X, SEED)
    assert first.feature == 1
    assert first.n_farther == 0
    assert first.farthest > 2 * first.band
    assert [check.n_replicates for check in others] == [REPLICATES] * 2
    assert max(check.farthest for check in others) < 2 * others[0].band


def test_shares_and_densities_are_what_they_say(rng):
    mixture = random_mixture(rng, 2, 2)
    X = mixture.sample(200, rng)[0]
    draws = same_draws(mixture)
    for check in check_features(draws, X, SEED):
        values, grid = X[:, check.feature], np.array(check.grid)
        assert len(grid) == len(check.density) == len(check.excess) == PLACES
        assert len(check.replicated_excess) == len(check.replicated_densities) == SHOWN
        # The replicated data sets' mean share is the distribution that they are drawn from.
        marginal = mixture.marginal([check.feature])
        sample = marginal.sample(200_000, np.random.default_rng(5))[0][:, 0]
        own = np.array([np.mean(values <= place) - np.mean(sample <= place) for place in grid])
        assert np.allclose(check.excess, own, atol=0.012)
        assert check.farthest == pytest.approx(np.abs(check.excess).max(), abs=1e-3)
        for density in (check.density, *check.replicated_densities):
            assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=0.03)


def test_replicated_data_sets_lack_and_round_what_the_data_do(rng):
    mixture = Mixture([1.0], [[5.0, 5.0]], [np.eye(2)])
    X = mixture.sample(400, rng)[0].round(1)
    X[::2, 0] = np.nan
    checks = {check.feature: check for check in check_features(same_draws(mixture), X, SEED)}
    assert [checks[0].n_values, checks[1].n_values] == [200, 400]
    assert checks[0].n_rows == checks[1].n_rows == 400
    # Rounded to whole numbers the data repeat a few values, and so do replicated data sets.
    for check in check_features(same_draws(mixture), X.round(), SEED):
        assert check.n_farther > 2
    assert all(check.farthest < 1.5 * check.band for check in checks.values())


def test_many_rows_and_features_are_looked_at_in_part(rng):
    d = MAX_FEATURES + 1
    mixture = Mixture([1.0], [np.zeros(d)], [np.eye(d)])
    X = rng.normal(size=(2 * MAX_ROWS + 1, d))
    X[:, 0] = 3.0
    X[2:, 1] = np.nan
    found = check_features(same_draws(mixture), X, SEED)
    assert len(found) == d - 2
    assert {check.feature for check in found}.isdisjoint({0, 1})
    assert {check.n_rows for check in found} == {-(-len(X) // 3)}
    again = check_features(same_draws(mixture), X, SEED)
    assert found == again


def test_draws_far_from_all_values_come_first(rng):
    """No replicated value lies among those of the second feature, so that they do not differ."""
    mixture = Mixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    X = mixture.sample(50, rng)[0] + [0.0, 1e6]
    first = check_features(same_draws(mixture), X, SEED)[0]
    assert (first.feature, first.band, first.farthest) == (1, 0.0, 1.0)
