import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import norm

from gmm_em import Mixture
from gmm_em.matching import component_distances, match
from tests.conftest import random_mixture

seeds = st.integers(0, 2**32 - 1)


def test_location_and_spread_equal_the_integral_of_the_definition():
    a = Mixture([1.0], [[0.3]], [[[0.5]]])
    b = Mixture([1.0], [[1.1]], [[[2.0]]])
    overlap, _ = integrate.quad(
        lambda x: np.sqrt(norm.pdf(x, 0.3, np.sqrt(0.5)) * norm.pdf(x, 1.1, np.sqrt(2.0))), -20, 20
    )
    assert component_distances(a, b)[0, 0] == pytest.approx(-np.log(overlap), rel=1e-9)


@given(seeds, st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_matching_beats_every_other_order(seed, n_components, n_features):
    rng = np.random.default_rng(seed)
    a, b = (random_mixture(rng, n_components, n_features) for _ in range(2))
    cost = component_distances(a, b)
    rows = np.arange(n_components)
    best = min(cost[rows, list(p)].sum() for p in itertools.permutations(range(n_components)))
    assert cost[rows, match(a, b)].sum() == pytest.approx(best, rel=1e-12)


@given(seeds, st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_a_shuffled_mixture_is_put_back(seed, n_components, n_features):
    rng = np.random.default_rng(seed)
    mixture = random_mixture(rng, n_components, n_features)
    shuffled = mixture.permute(rng.permutation(n_components))
    assert shuffled.permute(match(mixture, shuffled)) == mixture


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_distances_are_symmetric_and_ignore_units(seed):
    rng = np.random.default_rng(seed)
    a, b = (random_mixture(rng, 3, 2) for _ in range(2))
    distances = component_distances(a, b)
    scale, shift = rng.uniform(0.1, 50, size=2), 10 * rng.normal(size=2)
    moved = component_distances(a.affine(shift, scale), b.affine(shift, scale))
    assert np.allclose(distances, component_distances(b, a).T)
    assert np.allclose(distances, moved, rtol=1e-8)
    assert np.all(distances > 0)
    assert np.allclose(np.diagonal(component_distances(a, a)), 0, atol=1e-12)


def test_the_weight_decides_between_components_alike_in_mean_and_covariance():
    a = Mixture([0.2, 0.8], [[0.0], [0.0]], np.ones((2, 1, 1)))
    b = Mixture([0.7, 0.3], [[0.0], [0.0]], np.ones((2, 1, 1)))
    assert match(a, b).tolist() == [1, 0]


def test_components_far_away_are_still_told_apart():
    a = Mixture([0.5, 0.5], [[1e6], [2e6]], np.ones((2, 1, 1)))
    b = Mixture([0.5, 0.5], [[2.1e6], [1.1e6]], np.ones((2, 1, 1)))
    assert match(a, b).tolist() == [1, 0]


def test_mixtures_of_different_size_are_refused(rng):
    with pytest.raises(ValueError, match="2 and 3 components"):
        match(random_mixture(rng, 2, 2), random_mixture(rng, 3, 2))
    with pytest.raises(ValueError, match="2 and 3 features"):
        match(random_mixture(rng, 2, 2), random_mixture(rng, 2, 3))
