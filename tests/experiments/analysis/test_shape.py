"""Shapes that are wrong are told from those that are right, whatever the units."""

import numpy as np
import pytest

from experiments.analysis.shape import CHECKS, check_shape
from experiments.analysis.thresholds import THRESHOLDS
from gmm_em import Mixture, fit_em

PAIR = Mixture([0.5, 0.5], [[0.0, 0.0], [9.0, 0.0]], [np.eye(2)] * 2)


def checked(X, n_components=2, seed=0):
    fitted = fit_em(X, n_components, random_state=0).mixture
    return check_shape([fitted], X, np.random.SeedSequence(seed))


def two_of(noise, n=200):
    return np.concatenate([noise((n, 2)), np.array([15.0, 0.0]) + noise((n, 2))])


@pytest.mark.parametrize(
    ("draw", "worst"),
    [
        (
            lambda rng: lambda size: rng.exponential(1.0, size),
            {"skewness", "heavy", "peak", "tail"},
        ),
        (lambda rng: lambda size: rng.standard_t(3, size), {"heavy", "peak", "tail"}),
        (lambda rng: lambda size: rng.uniform(-2, 2, size), {"light", "flat"}),
    ],
    ids=["exponential", "t", "uniform"],
)
def test_another_shape_fails(rng, draw, worst):
    found = checked(two_of(draw(rng)))
    assert THRESHOLDS["shape"].level(found.distance) == "fail"
    assert found.probability == pytest.approx(1 / 301)
    assert found.worst in worst <= set(CHECKS)
    assert found.component in (1, 2)


def test_a_component_over_two_clusters_is_flat(rng):
    truth = Mixture([1 / 3] * 3, [[0, 0], [6, 0], [40, 0]], [np.eye(2)] * 3)
    X = truth.sample(400, rng)[0]
    start = Mixture([0.6, 0.4], [[3, 0], [40, 0]], [[[10, 0], [0, 1]], np.eye(2)])
    fitted = fit_em(X, 2, init=start).mixture
    found = check_shape([fitted], X, np.random.SeedSequence(0))
    assert found.worst == "flat"
    assert THRESHOLDS["shape"].level(found.distance) == "fail"


def test_gaussian_rows_hardly_ever_give_an_alarm():
    """At most one of 12 is a warning: at a rate of 1 in 200, two or more have a chance of 0.002."""
    alarms = 0
    for seed in range(12):
        X = PAIR.sample(120, seed)[0]
        alarms += THRESHOLDS["shape"].level(checked(X, seed=seed).distance) != "ok"
    assert alarms <= 1


def test_units_and_directions_change_nothing(rng):
    X = two_of(lambda size: rng.exponential(1.0, size), 60)
    fitted = fit_em(X, 2, random_state=0).mixture
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * [3.0, 0.01]
    turned = Mixture(fitted.weights, fitted.means @ turn, turn.T @ fitted.covariances @ turn)
    seed = np.random.SeedSequence(1)
    first = check_shape([fitted], X, seed)
    second = check_shape([turned], X @ turn, np.random.SeedSequence(1))
    # Replicates are drawn anew along other axes, so that the distances agree up to their noise.
    assert second.worst == first.worst
    assert second.distance == pytest.approx(first.distance, rel=0.35)


def test_too_few_whole_rows_have_no_shape(rng):
    X = PAIR.sample(30, rng)[0]
    X[:15, 0] = np.nan
    assert check_shape([PAIR], X, np.random.SeedSequence(0)) is None
