"""The marginal density of the Gibbs sampler's moves: value, gradient and coordinates."""

import numpy as np
import pytest
from scipy.stats import dirichlet, invgamma, invwishart, multivariate_normal

from gmm_bayes import NIWPrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.samplers.gibbs.coordinates import Coordinates
from gmm_bayes.samplers.gibbs.marginal_density import log_density, log_density_and_gradient, pack
from gmm_bayes.space.structures import get_structure
from gmm_em import Mixture, fit_em
from tests.gmm_bayes.samplers.gibbs.made import (
    STRUCTURES,
    made,
    made_hierarchical,
    made_of,
    scratch_for,
    state_of,
)

SIZES = [(1, 1), (3, 2), (2, 3)]


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("conjugate", [True, False])
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_gradient_is_that_of_the_value(rng, covariance_type, conjugate, k, d):
    _check_gradient(rng, made(rng, k, d, covariance_type, conjugate=conjugate))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_gradient_is_that_of_the_value_where_the_scale_is_shared(rng, covariance_type, k, d):
    _check_gradient(rng, made_hierarchical(rng, k, d, covariance_type))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_gradient_is_that_of_the_value_where_values_are_missing(rng, covariance_type):
    X = rng.normal(size=(50, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    prior = made(rng, 2, 3, covariance_type).prior
    _check_gradient(rng, made_of(X, 2, prior, covariance_type))


def _check_gradient(rng, problem):
    size = problem.coordinates.size
    scratch, gradient, unused = scratch_for(problem.coordinates), np.empty(size), np.empty(size)
    theta = 0.4 * rng.normal(size=size)
    value = log_density_and_gradient(theta, problem.model, scratch, gradient)
    assert log_density(theta, problem.model, scratch) == pytest.approx(value, rel=1e-12)
    steps = 1e-5 * np.eye(size)
    up, down = (
        np.array([
            log_density_and_gradient(theta + sign * step, problem.model, scratch, unused)
            for step in steps
        ])
        for sign in (1.0, -1.0)
    )  # fmt: skip
    np.testing.assert_allclose(gradient, (up - down) / 2e-5, rtol=1e-6, atol=1e-6)


def free_parameters(coordinates, theta):
    """Weights but the last, means, and the free entries of the free covariances."""
    weights, means, covariances = coordinates.to_mixtures(theta)
    structure, d = coordinates.structure, coordinates.n_features
    rows, columns = np.tril_indices(d)
    if not structure.correlated:
        rows = columns = np.arange(structure.n_sds(d))
    return np.concatenate(
        [
            weights[:-1],
            means.ravel(),
            covariances[: structure.n_covariances(len(weights)), rows, columns].ravel(),
        ]
    )


def expected_log_density(problem, theta):
    """Log-likelihood, priors by SciPy, and the Jacobian by differences; up to a constant."""
    coordinates, prior = problem.coordinates, problem.prior
    structure, d = coordinates.structure, coordinates.n_features
    weights, means, covariances = coordinates.to_mixtures(theta)
    k = len(weights)
    nu, psi = prior.nu, np.asarray(prior.psi)
    value = Mixture(weights, means, covariances).log_likelihood(problem.X)
    value += dirichlet.logpdf(weights, np.full(k, prior.concentration)) if k > 1 else 0.0
    for mean, covariance in zip(means, covariances, strict=True):
        spread = (
            covariance / prior.kappa
            if isinstance(prior, NIWPrior)
            else prior.mean_scale**2 * np.eye(d)
        )
        value += multivariate_normal.logpdf(mean, np.full(d, prior.mean_loc), spread)
    for covariance in covariances[: structure.n_covariances(k)]:
        if structure.correlated:
            value += invwishart.logpdf(covariance, nu, psi)
            continue
        scales = structure.pooled(np.diag(psi)) / 2.0
        variances = np.diag(covariance)[: scales.size]
        value += invgamma.logpdf(variances, (nu - d + 1.0) / 2.0, scale=scales).sum()
    steps = 1e-6 * np.eye(theta.size)
    jacobian = [
        free_parameters(coordinates, theta + step) - free_parameters(coordinates, theta - step)
        for step in steps
    ]
    return value + np.linalg.slogdet(np.array(jacobian) / 2e-6)[1]


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("conjugate", [True, False])
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_value_is_the_posterior_in_these_coordinates(rng, covariance_type, conjugate, k, d):
    problem = made(rng, k, d, covariance_type, conjugate=conjugate)
    scratch = scratch_for(problem.coordinates)
    thetas = 0.4 * rng.normal(size=(4, problem.coordinates.size))
    found = [log_density(theta, problem.model, scratch) for theta in thetas]
    expected = [expected_log_density(problem, theta) for theta in thetas]
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_value_with_a_shared_scale_is_that_of_the_other_density(rng, covariance_type, k, d):
    """Two densities of one posterior differ by the Jacobian between their coordinates."""
    problem = made_hierarchical(rng, k, d, covariance_type)
    target = LogPosterior(problem.X, k, problem.prior, get_structure(covariance_type))

    def other(theta):
        weights, means, covariances = problem.coordinates.to_mixtures(theta)
        parameters = target.scaling.standardise_parameters(means, covariances)
        return target.space.from_mixture(weights, *parameters)

    found, expected = [], []
    for theta in 0.4 * rng.normal(size=(4, problem.coordinates.size)):
        found.append(log_density(theta, problem.model, scratch_for(problem.coordinates)))
        steps = 1e-6 * np.eye(theta.size)
        jacobian = [(other(theta + step) - other(theta - step)) / 2e-6 for step in steps]
        expected.append(target(other(theta))[0] + np.linalg.slogdet(jacobian)[1])
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_coordinates_come_back(rng, covariance_type, k, d):
    problem = made(rng, k, d, covariance_type)
    theta = rng.normal(size=problem.coordinates.size)
    state, back = state_of(problem.coordinates, theta), np.empty(problem.coordinates.size)
    pack(problem.model, state.weights, state.means, state.whiteners, back)
    np.testing.assert_allclose(back, theta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_permuting_the_vector_permutes_the_mixture(rng, covariance_type):
    coordinates = Coordinates(3, 2, get_structure(covariance_type))
    theta, order = rng.normal(size=(4, coordinates.size)), np.array([2, 0, 1])
    for found, whole in zip(
        coordinates.to_mixtures(coordinates.permute(theta, order)),
        coordinates.to_mixtures(theta),
        strict=True,
    ):
        np.testing.assert_allclose(found, whole[:, order], rtol=1e-12)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_complete_information_is_that_of_data_whose_labels_are_certain(rng, covariance_type, k, d):
    """The Hessian at a maximum, the prior faint. Exact for K = 1, and nearly so far apart."""
    apart = 40.0 * np.arange(k)[:, None] * np.ones(d)
    factors = [np.tril(0.3 * rng.normal(size=(d, d))) + np.eye(d)] * k
    truth = Mixture(np.full(k, 1.0 / k), apart, [f @ f.T for f in factors])
    X = truth.sample(900, rng)[0]
    # Only the information is looked at, on the scale of the standardised data.
    X = (X - X.mean(axis=0)) / (X.std(axis=0).mean() if covariance_type == "spherical" else
                                X.std(axis=0))  # fmt: skip
    X = X / np.sqrt((X**2).mean()) if covariance_type == "spherical" else X
    prior = NIWPrior(1e-9, 0.0, 1e-9, d - 1.0 + 1e-9, 1e-9, "data")
    problem = made_of(X, k, prior, covariance_type)
    fitted = fit_em(X, k, covariance_type=covariance_type, random_state=0).mixture
    whiteners = np.linalg.inv(np.linalg.cholesky(fitted.covariances))
    theta = np.empty(problem.coordinates.size)
    pack(problem.model, fitted.weights, fitted.means, whiteners, theta)
    known = problem.coordinates.complete_information(fitted.weights, whiteners, len(X))
    scale = 1.0 / np.sqrt(np.diag(known))
    scratch, columns = scratch_for(problem.coordinates), []
    for step in 1e-4 * np.diag(scale):
        slopes = np.empty((2, theta.size))
        for slope, sign in zip(slopes, (1.0, -1.0), strict=True):
            log_density_and_gradient(theta + sign * step, problem.model, scratch, slope)
        columns.append((slopes[1] - slopes[0]) / 2e-4)
    observed = np.array(columns) * scale
    np.testing.assert_allclose(observed, known * np.outer(scale, scale), atol=5e-3)
