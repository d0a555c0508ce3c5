"""Coordinates of the families, checked by numerical differentiation and brute force."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gmm_em import expect, maximize
from gmm_em.covariance.registry import STRUCTURES, get_structure

KINDS = list(STRUCTURES)
K, D = 3, 3


@pytest.fixture
def moments(make_mixture):
    """Moments of rows under a mixture that has none of the structures but the widest."""
    mixture = make_mixture(K, D)
    return expect(mixture, mixture.sample(60, 0)[0])


def expected_log_likelihood(moments, covariances):
    """Part of the expected log-likelihood that the covariances change."""
    scatter = moments.scatter
    value = 0.0
    for count, square, matrix in zip(moments.counts, scatter, covariances, strict=True):
        value -= 0.5 * count * np.linalg.slogdet(matrix)[1]
        value -= 0.5 * np.trace(np.linalg.solve(matrix, square))
    return value


def matrices(coordinates, x):
    factors = coordinates.factors(x)
    return np.broadcast_to(factors @ factors.transpose(0, 2, 1), (K, D, D))


def excess_at(moments, factors):
    """The argument of `gradient`, from its definition."""
    scatter, counts = moments.scatter, moments.counts
    if factors.shape[0] == 1:
        scatter, counts = scatter.sum(axis=0, keepdims=True), counts.sum(keepdims=True)
    inverse = np.linalg.inv(factors)
    return inverse @ scatter @ inverse.transpose(0, 2, 1) - counts[:, None, None] * np.eye(D)


def slope(function, x, step=1e-5):
    """Central differences of a function of x."""
    units = step * np.eye(x.shape[0])
    return np.stack([(function(x + u) - function(x - u)) / (2.0 * step) for u in units], axis=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_differences(moments, kind):
    structure = get_structure(kind)
    best = maximize(moments, kind)
    coordinates = structure.coordinates(best.covariances, np.sqrt(best.weights))
    assert coordinates.size == structure.n_parameters(K, D)
    np.testing.assert_allclose(
        matrices(coordinates, np.zeros(coordinates.size)), best.covariances, rtol=1e-12, atol=1e-12
    )
    x = 0.3 * np.random.default_rng(0).normal(size=coordinates.size)
    found = coordinates.gradient(x, excess_at(moments, coordinates.factors(x)))
    expected = slope(lambda x: expected_log_likelihood(moments, matrices(coordinates, x)), x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_step_is_a_unit_of_information(moments, kind):
    structure = get_structure(kind)
    best = maximize(moments, kind)
    weights = best.weights
    coordinates = structure.coordinates(best.covariances, np.sqrt(weights))
    tangent = slope(lambda x: matrices(coordinates, x), np.zeros(coordinates.size))
    whiteners = np.linalg.inv(best.scale_trils)
    white = np.einsum("kij,kjlq,kml->kimq", whiteners, tangent, whiteners)
    information = 0.5 * np.einsum("k,kijp,kijq->pq", weights, white, white)
    np.testing.assert_allclose(information, np.eye(coordinates.size), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_natural_coordinates_have_the_derivatives_they_say(moments, kind):
    best = maximize(moments, kind)
    coordinates = get_structure(kind).natural(best.covariances)
    if coordinates is None:
        # The free entries themselves: the basis is checked with the structures.
        return
    zero = np.zeros(coordinates.size)
    tangent = slope(lambda x: matrices(coordinates, x), zero)
    np.testing.assert_allclose(coordinates.tangent(), tangent, rtol=1e-6, atol=1e-8)
    slopes = np.random.default_rng(1).normal(size=(K, D, D))
    slopes += slopes.transpose(0, 2, 1)

    def first(x):
        return slope(lambda y: np.asarray((slopes * matrices(coordinates, y)).sum()), x, 1e-4)

    bend = slope(first, zero, 1e-3)
    np.testing.assert_allclose(coordinates.bend(slopes), bend, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_m_step_is_what_brute_force_finds(moments, kind):
    """A general optimiser over volumes, shapes and orientations finds nothing better."""
    structure = get_structure(kind)
    best = maximize(moments, kind)
    value = expected_log_likelihood(moments, best.covariances)
    rng = np.random.default_rng(2)
    found = -np.inf
    for attempt in range(6):
        start = best.covariances
        coordinates = structure.coordinates(start, np.sqrt(best.weights))
        x = rng.normal(size=coordinates.size) * (0.0 if attempt == 0 else 0.7)
        result = minimize(
            lambda x, chart=coordinates: -expected_log_likelihood(moments, matrices(chart, x)),
            x,
            jac=lambda x, chart=coordinates: (
                -chart.gradient(x, excess_at(moments, chart.factors(x)))
            ),
            method="BFGS",
            options={"gtol": 1e-7},
        )
        found = max(found, -result.fun)
    assert value == pytest.approx(found, abs=1e-7)
