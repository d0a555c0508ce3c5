import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy import stats

from gmm_em import Mixture

TWO = ([0.4, 0.6], [[0.0, 1.0], [3.0, -1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 1), (2, 2), (5, 7)])
def test_densities_agree_with_scipy(make_mixture, n_components, n_features):
    mixture = make_mixture(n_components, n_features)
    X = np.random.default_rng(1).normal(size=(50, n_features)) * 4
    expected = np.column_stack(
        [
            np.log(weight) + stats.multivariate_normal(mean, covariance).logpdf(X)
            for weight, mean, covariance in zip(
                mixture.weights, mixture.means, mixture.covariances, strict=True
            )
        ]
    )
    np.testing.assert_allclose(mixture.component_log_prob(X), expected, rtol=1e-10)
    total = np.log(np.exp(expected).sum(axis=1))
    np.testing.assert_allclose(mixture.log_prob(X), total, rtol=1e-9)
    assert mixture.log_likelihood(X) == pytest.approx(total.sum(), rel=1e-9)
    posterior = np.exp(expected - total[:, None])
    np.testing.assert_allclose(mixture.responsibilities(X), posterior, rtol=1e-8, atol=1e-14)
    np.testing.assert_array_equal(mixture.predict(X), posterior.argmax(axis=1))


def test_many_rows_equal_rows_one_by_one(make_mixture):
    mixture = make_mixture(2, 3)
    X, _ = mixture.sample(300_000, 0)
    chosen = [0, 1, 87_380, 87_381, 299_999]
    np.testing.assert_allclose(
        mixture.component_log_prob(X)[chosen], mixture.component_log_prob(X[chosen]), rtol=1e-12
    )


def test_sample_weight_counts_rows():
    mixture = Mixture(*TWO)
    X = np.array([[0.0, 0.0], [1.0, 2.0], [1e200, 0.0]])
    weighted = mixture.log_likelihood(X, sample_weight=[1, 2, 0])
    assert weighted == pytest.approx(mixture.log_likelihood(X[[0, 1, 1]]))


def test_far_rows_have_responsibilities():
    rows = Mixture(*TWO).responsibilities([[1e5, -1e5], [-1e5, 1e5]])
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)


def test_sampling_follows_the_density():
    # False alarm rate 1e-3 per test, fixed seed: Kolmogorov-Smirnov and chi-square.
    mixture = Mixture([0.25, 0.75], [[0.0], [4.0]], [[[1.0]], [[0.25]]])
    X, labels = mixture.sample(20_000, np.random.default_rng(3))

    def cdf(x):
        return 0.25 * stats.norm(0, 1).cdf(x) + 0.75 * stats.norm(4, 0.5).cdf(x)

    assert stats.kstest(X[:, 0], cdf).pvalue > 1e-3
    assert stats.chisquare(np.bincount(labels), [5_000, 15_000]).pvalue > 1e-3


def test_sampled_components_have_their_moments(make_mixture):
    mixture = make_mixture(3, 2)
    X, labels = mixture.sample(60_000, 5)
    for k in range(3):
        rows = X[labels == k]
        tolerance = 5 * np.sqrt(np.diag(mixture.covariances[k]) / len(rows))
        assert np.all(np.abs(rows.mean(axis=0) - mixture.means[k]) < tolerance)
        np.testing.assert_allclose(np.cov(rows.T), mixture.covariances[k], rtol=0.1, atol=0.05)


def test_sampling_is_reproducible_and_sized():
    mixture = Mixture(*TWO)
    for seed in (7, np.random.SeedSequence(7)):
        np.testing.assert_array_equal(mixture.sample(5, 7)[0], mixture.sample(5, seed)[0])
    X, labels = mixture.sample(0, 1)
    assert X.shape == (0, 2)
    assert labels.shape == (0,)
    with pytest.raises(ValueError, match="negative"):
        mixture.sample(-1)
    with pytest.raises(TypeError, match="integer"):
        mixture.sample(2.5)


def test_overall_moments(make_mixture):
    mixture = make_mixture(3, 2)
    X, _ = mixture.sample(400_000, 0)
    np.testing.assert_allclose(mixture.mean, X.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(mixture.covariance, np.cov(X.T), rtol=0.02, atol=0.05)


def test_affine_is_the_change_of_variables(make_mixture):
    mixture = make_mixture(3, 2)
    shift, scale = np.array([1.0, -2.0]), np.array([3.0, -0.5])
    X, _ = mixture.sample(20, 0)
    moved = mixture.affine(shift, scale)
    expected = mixture.log_prob(X) - np.log(np.abs(scale)).sum()
    np.testing.assert_allclose(moved.log_prob(X * scale + shift), expected, rtol=1e-10)
    with pytest.raises(ValueError, match="zero"):
        mixture.affine(0.0, [1.0, 0.0])
    with pytest.raises(ValueError, match="shape"):
        mixture.affine([1.0, 2.0, 3.0])


def test_permute():
    mixture = Mixture(*TWO)
    swapped = mixture.permute([1, 0])
    np.testing.assert_array_equal(swapped.means, mixture.means[[1, 0]])
    assert swapped.permute([1, 0]) == mixture
    for order in ([0], [0, 0], [0, 2]):
        with pytest.raises(ValueError, match="permutation"):
            mixture.permute(order)


def test_plain_forms_round_trip_exactly(make_mixture):
    mixture = make_mixture(7, 3)
    for copy in (Mixture.from_dict(mixture.to_dict()), pickle.loads(pickle.dumps(mixture))):
        assert copy == mixture
        assert hash(copy) == hash(mixture)
        assert not copy.means.flags.writeable
    with pytest.raises(ValueError, match="covariances"):
        Mixture.from_dict({"weights": [1.0], "means": [[0.0]]})
    with pytest.raises(TypeError, match="mapping"):
        Mixture.from_dict([1.0])


def test_equality_and_repr():
    mixture = Mixture(*TWO)
    assert mixture != Mixture([0.5, 0.5], *TWO[1:])
    assert mixture != "a mixture"
    assert "n_components=2" in repr(mixture)


def test_the_value_cannot_be_changed():
    means = np.array(TWO[1])
    mixture = Mixture(TWO[0], means, TWO[2])
    means[:] = 99.0
    assert mixture.means[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        mixture.weights[0] = 1.0
    with pytest.raises(FrozenInstanceError):
        mixture.weights = np.array([1.0])


def test_weights_are_normalised_when_they_nearly_sum_to_one():
    mixture = Mixture(np.float32([0.1, 0.2, 0.7]), [[0.0], [1.0], [2.0]], np.ones((3, 1, 1)))
    assert mixture.weights.sum() == pytest.approx(1.0, abs=1e-15)


def test_a_weight_may_be_zero():
    mixture = Mixture([0.0, 1.0], *TWO[1:])
    assert np.all(mixture.responsibilities([[0.0, 1.0]]) == [[0.0, 1.0]])


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "message"),
    [
        ([0.5, 0.6], TWO[1], TWO[2], "sum to 1"),
        ([-0.5, 1.5], TWO[1], TWO[2], "negative"),
        ([0.5, np.nan], TWO[1], TWO[2], "finite"),
        ([], TWO[1], TWO[2], "weights must have shape"),
        ([[0.5, 0.5]], TWO[1], TWO[2], "weights must have shape"),
        (["a", "b"], TWO[1], TWO[2], "numeric"),
        (TWO[0], [[0.0, 1.0]], TWO[2], "means must have shape"),
        (TWO[0], [0.0, 1.0], TWO[2], "means must have shape"),
        (TWO[0], [[0.0, 1.0], [2.0]], TWO[2], "rectangular"),
        (TWO[0], [[0.0, np.inf], [2.0, 0.0]], TWO[2], "finite"),
        (TWO[0], TWO[1], np.eye(2), "covariances must have shape"),
        (TWO[0], TWO[1], [np.eye(2), [[1.0, 0.5], [0.4, 1.0]]], "1 is not symmetric"),
        (TWO[0], TWO[1], [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]], "1 is not positive definite"),
        (TWO[0], TWO[1], [np.zeros((2, 2)), np.eye(2)], "0 is not positive definite"),
    ],
)
def test_bad_parameters_are_refused(weights, means, covariances, message):
    with pytest.raises(ValueError, match=message):
        Mixture(weights, means, covariances)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0, np.nan]], "row 0, column 1"),
        ([[1.0, 2.0, 3.0]], "3 features, but 2"),
        ([1.0, 2.0], "reshape"),
        ([["a", "b"]], "numeric"),
    ],
)
def test_bad_rows_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        Mixture(*TWO).log_prob(X)


def test_bad_sample_weights_are_refused():
    mixture, X = Mixture(*TWO), np.zeros((2, 2))
    for weight, message in [([1.0], "shape"), ([1.0, -1.0], "negative"), ([0.0, 0.0], "zero")]:
        with pytest.raises(ValueError, match=message):
            mixture.log_likelihood(X, sample_weight=weight)


@pytest.mark.parametrize("wrong", [[1.0, 2.0, 3.0], [1.0], [[1.0, 2.0]], [[1.0], [2.0]]])
def test_a_shift_or_scale_of_another_shape_is_refused(make_mixture, wrong):
    mixture = make_mixture(2, 2)
    with pytest.raises(ValueError, match=r"shift must be a number or have shape \(2,\)"):
        mixture.affine(wrong, 1.0)
    with pytest.raises(ValueError, match=r"scale must be a number or have shape \(2,\)"):
        mixture.affine(0.0, wrong)
