import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from experiments.analysis.clustering import adjusted_rand, score_labels
from gmm_em import Mixture
from tests.conftest import random_mixture

labels = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@given(labels, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_adjusted_rand_equals_the_reference_library(a, seed):
    b = np.random.default_rng(seed).integers(0, 4, size=len(a))
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert adjusted_rand(a, a) == 1.0
    assert adjusted_rand(a, b) == adjusted_rand(b, a)


def test_labels_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        adjusted_rand([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="n >= 1"):
        adjusted_rand([], [])


def test_the_truth_scores_perfectly_and_nothing_scores_better(rng):
    truth = random_mixture(rng, 3, 2)
    X, drawn = truth.sample(4000, rng)
    perfect = score_labels(truth, truth, X)
    assert (perfect.adjusted_rand, perfect.agreement, perfect.regret) == (1.0, 1.0, 0.0)
    other = truth.affine(0.4)
    worse = score_labels(truth, other, X)
    assert worse.regret > 0
    assert worse.agreement < 1
    # The regret predicts how many more of the drawn labels are missed: 4 standard errors.
    optimal, found = truth.predict(X), other.predict(X)
    lost = (optimal == drawn).astype(float) - (found == drawn)
    assert abs(lost.mean() - worse.regret) < 4 * lost.std() / np.sqrt(len(X))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_scores_ignore_names_and_units_and_equal_their_definition(seed):
    rng = np.random.default_rng(seed)
    truth, other = random_mixture(rng, 3, 2), random_mixture(rng, 3, 2)
    X = truth.sample(60, rng)[0]
    plain = score_labels(truth, other, X)
    order, place = rng.permutation(3), rng.permutation(3)
    # Of each of the moved estimate's components, where its counterpart has gone.
    partners = [int(np.flatnonzero(order == k)[0]) for k in place]
    moved = score_labels(truth.permute(order), other.permute(place), X, partners)
    assert moved.agreement == plain.agreement
    assert moved.adjusted_rand == pytest.approx(plain.adjusted_rand, abs=1e-12)
    assert moved.regret == pytest.approx(plain.regret, abs=1e-12)
    shift, scale = rng.normal(size=2), rng.uniform(0.1, 20, size=2)
    scaled = score_labels(truth.affine(shift, scale), other.affine(shift, scale), X * scale + shift)
    assert scaled.agreement == plain.agreement
    assert scaled.regret == pytest.approx(plain.regret, abs=1e-8)
    # Bayes' theorem written out, density by density.
    densities = np.array([
        weight * multivariate_normal(mean, covariance).pdf(X)
        for weight, mean, covariance in zip(
            truth.weights, truth.means, truth.covariances, strict=True
        )
    ]).T  # fmt: skip
    shares = densities / densities.sum(axis=1, keepdims=True)
    lost = shares.max(axis=1) - shares[np.arange(60), other.predict(X)]
    assert plain.regret == pytest.approx(lost.mean(), abs=1e-10)


def test_labels_of_other_numbers_of_components_go_by_their_partners(rng):
    truth = Mixture([0.3, 0.3, 0.4], [[0.0], [20.0], [40.0]], np.ones((3, 1, 1)))
    X, _ = truth.sample(200, rng)
    optimal = truth.predict(X)
    one = Mixture([1.0], [[20.0]], [[[300.0]]])
    scores = score_labels(truth, one, X, [1])
    assert scores.agreement == np.mean(optimal == 1)
    assert scores.regret == pytest.approx(np.mean(optimal != 1), abs=1e-9)
    assert scores.adjusted_rand == 0.0
    # A fourth component takes the rows above 41 from the third: they have no counterpart.
    four = Mixture([0.3, 0.3, 0.3, 0.1], [[20.0], [0.0], [39.0], [43.0]], np.ones((4, 1, 1)))
    scores = score_labels(truth, four, X, [1, 0, 2, None])
    assert scores.agreement == np.mean(four.predict(X) < 3) < 1
    with pytest.raises(ValueError, match="2 partners, allowed is 4"):
        score_labels(truth, four, X, [0, 1])
