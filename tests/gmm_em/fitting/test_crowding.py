"""Rows of a mixture are not called crowded, and a narrow group that a mixture lacks is."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gmm_em import Mixture, fit_em
from gmm_em.covariance.registry import get_structure
from gmm_em.fitting.crowding import _some_crowded, crowded
from gmm_em.fitting.starts.base import Rows
from gmm_em.rows.samples import Parameters, Samples


def check(X, mixture, seed=0):
    samples = Samples(X)
    rows = Rows.of(samples, get_structure("full"))
    return crowded(rows, Parameters(*samples.inner(mixture)), np.random.default_rng(seed))


@pytest.mark.parametrize("n_features", [1, 2, 10])
def test_rows_of_the_mixture_are_not_crowded(make_mixture, n_features):
    mixture = make_mixture(3, n_features)
    alarms = sum(check(mixture.sample(600, seed)[0], mixture, seed) for seed in range(60))
    # A false alarm has probability 200 * 17 / 2**17 = 0.026 at most; more than 9 of 60: 1e-5.
    assert alarms <= 9


@pytest.mark.parametrize("n_features", [2, 3, 5])
def test_a_narrow_group_inside_is_seen(n_features):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        wide = rng.normal(size=(950, n_features)) * 3.0
        X = np.r_[wide, rng.normal(size=(50, n_features)) * 0.05 + 1.0]
        mean, covariance = X.mean(axis=0), np.cov(X.T).reshape(n_features, n_features)
        assert check(X, Mixture([1.0], mean[None], covariance[None]), seed)


@pytest.mark.parametrize("n_features", [1, 2, 10])
def test_products_say_what_distances_say(n_features):
    rng = np.random.default_rng(n_features)
    answers = set()
    for width in np.geomspace(0.005, 2.0, 40):
        X, drawn = rng.normal(size=(2, 400, n_features))
        X[:30] *= width
        middles = X[::7]
        # The 16 rows closest to a middle, beside itself, against the rows that were drawn.
        radii = np.sort(cdist(middles, X), axis=1)[:, 16]
        held = (cdist(middles, drawn) <= radii[:, None]).sum(axis=1)
        expected = bool((held <= 1).any())
        assert _some_crowded(X, middles, drawn) == expected
        answers.add(expected)
    assert answers == {True, False}


def test_rows_that_occur_often_are_seen():
    X = np.random.default_rng(0).normal(size=(1_000, 2))
    X[:20] = X[0]
    assert check(X, Mixture([1.0], np.zeros((1, 2)), np.eye(2)[None]))


def test_a_component_that_is_no_covariance_here_is_left_to_the_search():
    X = np.random.default_rng(0).normal(size=(1_000, 2))
    samples = Samples(X)
    rows = Rows.of(samples, get_structure("full"))
    singular = Parameters(np.ones(1), np.zeros((1, 2)), np.ones((1, 2, 2)))
    assert crowded(rows, singular, np.random.default_rng(0))


@pytest.mark.parametrize("n_rows", [1_800, 6_000])
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_the_search_finds_a_narrow_component_among_many_rows(n_rows, offset):
    rng = np.random.default_rng(n_rows)
    n = n_rows // 20
    X = np.r_[rng.normal(size=(n_rows - n, 2)) * 3.0, rng.normal(size=(n, 2)) * 0.15 + offset]
    covariances = np.stack([9.0 * np.eye(2), 0.0225 * np.eye(2)])
    truth = Mixture([0.95, 0.05], [[0.0, 0.0], [offset, offset]], covariances)
    best = fit_em(X, 2, init=truth).log_likelihood
    for seed in range(3):
        assert fit_em(X, 2, random_state=seed).log_likelihood > best - 1e-4
