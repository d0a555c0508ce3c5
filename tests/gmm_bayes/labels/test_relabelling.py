import itertools

import numpy as np
import pytest
from scipy.special import rel_entr

from gmm_bayes import MixtureDraws, relabel
from gmm_bayes.labels import relabelling
from gmm_em import Mixture
from tests.gmm_bayes.conftest import random_draws


def _spread(rng: np.random.Generator, k: int, d: int) -> Mixture:
    """Components well apart, with weights all different."""
    means = 10.0 * np.arange(k)[:, None] + rng.normal(size=(k, d))
    weights = np.arange(k, 0.0, -1.0) + k
    return Mixture(weights / weights.sum(), rng.permutation(means), np.tile(np.eye(d), (k, 1, 1)))


def _noisy_copies(rng: np.random.Generator, mixture: Mixture, n: int) -> MixtureDraws:
    k, d = mixture.n_components, mixture.n_features
    weights = np.exp(np.log(mixture.weights) + 0.02 * rng.normal(size=(2, n, k)))
    return MixtureDraws(
        weights / weights.sum(axis=-1, keepdims=True),
        mixture.means + 0.2 * rng.normal(size=(2, n, k, d)),
        mixture.covariances * rng.uniform(0.8, 1.2, (2, n, 1, 1, 1)),
    )


@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 1), (3, 2), (20, 2)])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("method", ["pivot", "stephens", "ecr"])
def test_undoes_random_permutations(rng, k, d, given, method):
    truth = _spread(rng, k, d)
    X = truth.sample(200, 1)[0]
    draws = _noisy_copies(rng, truth, 30)
    orders = rng.permuted(np.tile(np.arange(k), (2, 30, 1)), axis=-1)
    reference = truth if given else None
    aligned, permutations = relabel(draws.permute(orders), reference, method, X)
    np.testing.assert_array_equal(aligned.means, draws.means)
    np.testing.assert_array_equal(aligned.weights, draws.weights)
    np.testing.assert_array_equal(draws.permute(orders).permute(permutations).means, draws.means)


def test_assignment_is_the_best_of_all_permutations(rng):
    """Brute force over the 24 labellings of overlapping components."""
    draws = random_draws(rng, 2, 25, 4, 2)
    pivot = random_draws(rng, 1, 1, 4, 2)[0]
    _, permutations = relabel(draws, pivot)
    for c, s in itertools.product(range(2), range(25)):
        costs = {
            order: _complete_data_divergence(pivot, draws[c, s].permute(order))
            for order in itertools.permutations(range(4))
        }
        best = min(costs.values())
        assert costs[tuple(permutations[c, s])] == pytest.approx(best, rel=1e-9)


def _complete_data_divergence(p: Mixture, q: Mixture) -> float:
    """KL divergence between the joint distributions of label and row, term by textbook term."""
    total = 0.0
    for k in range(p.n_components):
        inverse = np.linalg.inv(q.covariances[k])
        shift = q.means[k] - p.means[k]
        gaussian = 0.5 * (
            np.trace(inverse @ p.covariances[k])
            + shift @ inverse @ shift
            - p.n_features
            + np.linalg.slogdet(q.covariances[k])[1]
            - np.linalg.slogdet(p.covariances[k])[1]
        )
        total += p.weights[k] * (np.log(p.weights[k] / q.weights[k]) + gaussian)
    return total


def test_stephens_and_ecr_costs_by_brute_force(rng):
    """One pass to a reference, against every labelling and the definitions of both methods."""
    draws = random_draws(rng, 1, 20, 3, 2)
    reference = random_draws(rng, 1, 1, 3, 2)[0]
    X = reference.sample(50, 2)[0]
    target = reference.responsibilities(X)
    stephens_orders = relabel(draws, reference, "stephens", X)[1][0]
    ecr_orders = relabel(draws, reference, "ecr", X)[1][0]
    for s in range(20):
        divergence, agreement = {}, {}
        for order in itertools.permutations(range(3)):
            resp = draws[0, s].permute(order).responsibilities(X)
            divergence[order] = rel_entr(resp, target).sum()
            agreement[order] = resp[np.arange(50), target.argmax(axis=1)].sum()
        assert divergence[tuple(stephens_orders[s])] == pytest.approx(min(divergence.values()))
        assert agreement[tuple(ecr_orders[s])] == pytest.approx(max(agreement.values()))


def test_long_data_are_thinned(rng, monkeypatch):
    truth = _spread(rng, 3, 2)
    draws = _noisy_copies(rng, truth, 10)
    # The package's function of the same name hides the module.
    monkeypatch.setattr(relabelling, "_MAX_RESPONSIBILITIES", 20 * 3 * 40)
    _, permutations = relabel(draws, truth, "stephens", truth.sample(5000, 1)[0])
    assert (permutations == [0, 1, 2]).all()


def test_order_is_that_of_the_reference_else_by_weight(rng):
    truth = _spread(rng, 3, 2)
    draws = _noisy_copies(rng, truth, 10)
    reference = truth.permute([2, 0, 1])
    aligned, _ = relabel(draws, reference)
    np.testing.assert_allclose(aligned.mean().means, reference.means, atol=0.3)
    aligned, _ = relabel(draws.permute([1, 2, 0]))
    assert (np.diff(aligned.mean().weights) < 0.0).all()


def test_does_not_depend_on_the_units(rng):
    draws = random_draws(rng, 2, 20, 3, 2)
    scale = np.array([1e-3, 1e4])
    other = MixtureDraws(
        draws.weights,
        draws.means * scale + [5.0, -7.0],
        draws.covariances * scale[:, None] * scale,
    )
    np.testing.assert_array_equal(relabel(draws)[1], relabel(other)[1])


def test_a_vanished_component_is_no_obstacle(rng):
    draws = random_draws(rng, 1, 10, 2, 1)
    weights = draws.weights.copy()
    weights[0, 3] = [0.0, 1.0]
    aligned, _ = relabel(MixtureDraws(weights, draws.means, draws.covariances))
    assert np.isfinite(aligned.mean().weights).all()


def test_bad_arguments_are_refused(rng, draws):
    with pytest.raises(ValueError, match="'magic'; allowed are 'pivot', 'stephens', 'ecr'"):
        relabel(draws, method="magic")
    with pytest.raises(ValueError, match="give X"):
        relabel(draws, method="stephens")
    with pytest.raises(ValueError, match="reference has 2 components"):
        relabel(draws, _spread(rng, 2, 2))
