import numpy as np
import pytest
from scipy.special import logsumexp

from gmm_bayes import MixtureDraws
from gmm_bayes import draws as draws_module
from gmm_em import Mixture
from tests.gmm_bayes.conftest import random_draws


def test_indexing_gives_mixtures(draws):
    assert len(draws) == 10
    assert isinstance(draws[1, 2], Mixture)
    assert draws[7] == draws[1, 2]
    assert draws[-1] == draws[1, 4]
    assert len(list(draws)) == 10
    with pytest.raises(IndexError, match="draw 10 of 10"):
        draws[10]


@pytest.mark.parametrize("block", [1, 50, 1 << 19])
def test_densities_agree_with_each_mixture(rng, draws, monkeypatch, block):
    """Whatever the block size, and with data far from the origin."""
    monkeypatch.setattr(draws_module, "_BLOCK_ELEMENTS", block)
    far = MixtureDraws(draws.weights, draws.means + 1e6, draws.covariances)
    X = rng.normal(size=(17, 2)) * 3.0 + 1e6
    expected = np.stack([m.log_prob(X) for m in far])
    np.testing.assert_allclose(far.log_prob(X).reshape(10, 17), expected, rtol=1e-8)
    np.testing.assert_allclose(far.log_likelihood(X).ravel(), expected.sum(axis=1), rtol=1e-8)
    expected = np.stack([m.responsibilities(X) for m in far])
    np.testing.assert_allclose(far.responsibilities(X).reshape(10, 17, 3), expected, atol=1e-9)
    joint = logsumexp([m.component_log_prob(X) for m in far], axis=0) - np.log(10)
    np.testing.assert_allclose(far.predictive_component_log_prob(X), joint, rtol=1e-8)


def test_marginal_draws_are_those_of_each_mixture(draws):
    marginal = draws.marginal([1])
    assert (marginal.n_features, len(marginal)) == (1, len(draws))
    for part, whole in zip(marginal, draws, strict=True):
        assert part == whole.marginal([1])
    with pytest.raises(ValueError, match="feature"):
        draws.marginal([2])


def test_permuting_draws_is_permuting_each(rng, draws):
    orders = rng.permuted(np.tile(np.arange(3), (2, 5, 1)), axis=-1)
    permuted = draws.permute(orders)
    for c in range(2):
        for s in range(5):
            assert permuted[c, s] == draws[c, s].permute(orders[c, s])
    np.testing.assert_array_equal(draws.permute([2, 0, 1]).weights, draws.weights[..., [2, 0, 1]])


def test_permutations_are_checked(draws):
    with pytest.raises(ValueError, match="must have shape"):
        draws.permute(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="permutation of 0 to 2"):
        draws.permute([0, 0, 1])


def test_mean_is_the_average(draws):
    mean = draws.mean()
    np.testing.assert_allclose(mean.weights, draws.weights.mean(axis=(0, 1)))
    np.testing.assert_allclose(mean.means, draws.means.mean(axis=(0, 1)))
    np.testing.assert_allclose(mean.covariances, draws.covariances.mean(axis=(0, 1)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": np.ones((2, 5))}, "weights must have shape"),
        ({"weights": np.ones((2, 4, 3))}, "do not fit together"),
        ({"means": np.full((2, 5, 3, 2), np.nan)}, "means must be finite"),
        ({"covariances": np.zeros((2, 5, 3, 2, 2))}, "not positive definite"),
    ],
)
def test_impossible_draws_are_refused(draws, change, words):
    arrays = {
        "weights": draws.weights, "means": draws.means, "covariances": draws.covariances, **change
    }  # fmt: skip
    with pytest.raises(ValueError, match=words):
        MixtureDraws(**arrays)


def test_draws_show_their_mean(draws):
    shown = draws._repr_html_()
    assert "2 chains of 5 draws, their mean</caption>" in shown
    assert shown.count("<tr>") == 1 + 3
    for weight in draws.mean().weights:
        assert f"<td>{weight:.4g}</td>" in shown


def test_of_many_components_and_features_the_beginning_is_shown(rng):
    shown = random_draws(rng, 1, 2, 22, 8)._repr_html_()
    assert "1 chains of 2 draws, their mean, 2 more components, 2 more features</caption>" in shown
    assert shown.count("<tr>") == 1 + 20
