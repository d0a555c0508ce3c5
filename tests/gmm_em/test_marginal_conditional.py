"""Marginal and conditional mixtures against SciPy, integrals and simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from gmm_em import Mixture
from gmm_em.core.conditioning import feature_indices


@pytest.mark.parametrize("features", [[0], [2, 0], [3, 1, 2], range(4)])
def test_a_marginal_has_the_density_of_these_features(make_mixture, features):
    mixture = make_mixture(3, 4)
    X = np.random.default_rng(0).normal(size=(20, 4)) * 3
    part = mixture.marginal(features)
    chosen = list(features)
    expected = sum(
        weight
        * stats.multivariate_normal(mean[chosen], cov[np.ix_(chosen, chosen)]).pdf(X[:, chosen])
        for weight, mean, cov in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    )
    np.testing.assert_allclose(part.log_prob(X[:, chosen]), np.log(expected), rtol=1e-9)


def test_a_marginal_is_the_integral_over_the_other_feature(make_mixture):
    mixture = make_mixture(3, 2)

    def density(y):
        return float(np.exp(mixture.log_prob([[0.7, y]])[0]))

    integral, _ = integrate.quad(density, -60, 60, points=mixture.means[:, 1].tolist(), limit=400)
    assert np.exp(mixture.marginal(0).log_prob([[0.7]])[0]) == pytest.approx(integral, rel=1e-8)


@pytest.mark.parametrize("given", [{0: 0.3}, {3: -1.0, 1: 2.0}, {2: 0.0, 0: 1.0, 1: -2.0}])
def test_a_conditional_is_the_joint_density_divided_by_the_marginal_one(make_mixture, given):
    mixture = make_mixture(3, 4)
    left = [i for i in range(4) if i not in given]
    rest = np.random.default_rng(1).normal(size=(30, len(left))) * 3
    X = np.empty((30, 4))
    X[:, left] = rest
    X[:, list(given)] = list(given.values())
    joint = mixture.log_prob(X)
    of_given = mixture.marginal(list(given)).log_prob([list(given.values())])[0]
    found = mixture.conditional(given).log_prob(rest)
    np.testing.assert_allclose(found, joint - of_given, rtol=1e-9, atol=1e-10)


def test_a_conditional_mean_is_the_regression_seen_in_draws(make_mixture):
    mixture = make_mixture(2, 2)
    X, _ = mixture.sample(400_000, 5)
    near = X[np.abs(X[:, 0] - 0.5) < 0.02, 1]
    found = mixture.conditional({0: 0.5})
    # Five standard errors: a false alarm in a million, and the seed is fixed.
    squares = (near - near.mean()) ** 2
    for draws, expected in ((near, found.mean[0]), (squares, found.covariance[0, 0])):
        assert abs(draws.mean() - expected) < 5 * draws.std() / np.sqrt(len(draws))


def test_of_one_component_it_is_the_normal_formula():
    covariance = np.array([[4.0, 1.2], [1.2, 1.0]])
    found = Mixture([1.0], [[1.0, 2.0]], [covariance]).conditional({1: 3.0})
    assert found.means[0, 0] == pytest.approx(1.0 + 1.2 * (3.0 - 2.0))
    assert found.covariances[0, 0, 0] == pytest.approx(4.0 - 1.2**2)
    assert found.weights.tolist() == [1.0]


def test_features_that_hardly_vary_given_the_others_stay_positive_definite():
    # The difference of the textbook formula would round to a matrix that is not.
    near = 1.0 - 1e-15
    mixture = Mixture([1.0], [[0.0, 0.0]], [[[1.0, near], [near, 1.0]]])
    assert mixture.conditional({0: 1.0}).covariances[0, 0, 0] > 0.0


def test_a_value_far_from_all_components_leaves_a_distribution(make_mixture):
    found = make_mixture(3, 2).conditional({0: 1e8})
    assert found.weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "features is empty"),
        ([0, 0], "twice"),
        (4, "feature 4 is none, allowed is a position from 0 to 3"),
        ([-1], "feature -1 is none"),
        ([True], "feature True is none"),
        (["width"], "no feature is called 'width', allowed: positions from 0 to 3"),
        (1.5, "must be positions or names"),
    ],
)
def test_features_that_there_are_not_are_refused(make_mixture, features, message):
    with pytest.raises(ValueError, match=message):
        make_mixture(2, 4).marginal(features)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([0.5], TypeError, "must map features to values"),
        ({}, ValueError, "features is empty"),
        ({0: 1.0, 1: 1.0}, ValueError, "fixes all 2 features, allowed are at most 1"),
        ({0: np.nan}, ValueError, "the value of feature 0 is nan"),
        ({0: "high"}, ValueError, "the value of feature 0 is 'high'"),
    ],
)
def test_conditions_that_cannot_be_used_are_refused(make_mixture, given, error, message):
    with pytest.raises(error, match=message):
        make_mixture(2, 2).conditional(given)


def test_names_stand_for_positions():
    names = ["length", "width", "depth"]
    assert feature_indices(["depth", 0], 3, names).tolist() == [2, 0]
    with pytest.raises(ValueError, match="allowed: length, width, depth"):
        feature_indices("height", 3, names)
