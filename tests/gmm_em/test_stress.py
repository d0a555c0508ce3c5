"""Exactness under stress, to the precision that float64 allows, or a clear error.

The precision stated in each test is what remains after the data themselves are rounded: values
near 1e8 have a spacing of 1.5e-8.
"""

import numpy as np
import pytest

from gmm_em import GaussianMixtureEM, expect, fit_em
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters, Samples

KINDS = ["full", "tied", "diag", "spherical"]


def compare(result, reference, shift, scale, rtol):
    """`result` is the affine image of `reference`."""
    moved = reference.mixture.affine(shift, scale)
    np.testing.assert_allclose(result.mixture.weights, moved.weights, rtol=rtol)
    width = np.sqrt(np.diagonal(moved.covariance))
    assert np.all(np.abs(result.mixture.means - moved.means) < rtol * width)
    error = np.abs(result.mixture.covariances - moved.covariances)
    assert np.all(error < rtol * width[:, None] * width)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shift", "scale", "rtol"),
    [(0.0, 1e-8, 1e-6), (0.0, 1e8, 1e-6), (1e8, 1.0, 1e-5), (-1e8, 1e-2, 1e-3), (1e4, 1e-4, 1e-5)],
)
def test_shifted_and_scaled_data(faithful, kind, shift, scale, rtol):
    start = fit_em(faithful, 2, covariance_type=kind, random_state=0).mixture
    plain = fit_em(faithful, 2, covariance_type=kind, init=start, tol=1e-12)
    moved = fit_em(
        faithful * scale + shift,
        2,
        covariance_type=kind,
        init=start.affine(shift, scale),
        tol=1e-12,
    )
    compare(moved, plain, shift, scale, rtol)
    expected = plain.log_likelihood - len(faithful) * 2 * np.log(scale)
    assert moved.log_likelihood == pytest.approx(expected, rel=1e-6)


def test_features_on_very_different_scales(iris):
    scale = np.array([1e-8, 1.0, 1e8, 1e3])
    plain = fit_em(iris, 3, random_state=0, tol=1e-11)
    # The same restarts: dividing by powers of two is all that the scale changes.
    moved = fit_em(iris * scale, 3, random_state=0, tol=1e-11)
    expected = plain.log_likelihood - len(iris) * np.log(scale).sum()
    assert moved.log_likelihood == pytest.approx(expected, abs=1e-4)


def narrow_data(width, n=500):
    rng = np.random.default_rng(0)
    narrow = np.array([0.3, -0.2]) + width * rng.normal(size=(n, 2)) @ [[1.0, 0.5], [0.0, 0.8]]
    return np.vstack([rng.normal(size=(n, 2)), narrow])


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_components_a_millionth_as_wide_as_the_data(kind):
    width = 1e-6
    X = narrow_data(width)
    result = fit_em(X, 2, covariance_type=kind, random_state=0)
    k = int(np.argmin(np.linalg.det(result.mixture.covariances)))
    rows = X[500:]
    # Rows of the wide component that fall among the narrow one's are too few to be seen.
    assert result.mixture.weights[k] == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(result.mixture.means[k], rows.mean(axis=0), atol=1e-6 * width)
    expected = np.cov(rows.T, bias=True)
    if kind == "diag":
        expected = np.diag(np.diag(expected))
    elif kind == "spherical":
        expected = np.eye(2) * np.trace(expected) / 2
    np.testing.assert_allclose(
        result.mixture.covariances[k], expected, rtol=1e-7, atol=1e-7 * width**2
    )
    assert result.log_likelihood == pytest.approx(result.mixture.log_likelihood(X), rel=1e-12)


@pytest.mark.parametrize("width", [1.0, 1e-2, 1e-4, 1e-6, 1e-8])
def test_moments_are_exact_at_every_width(width):
    X = narrow_data(width)
    mixture = fit_em(narrow_data(width), 2, random_state=1).mixture
    moments = expect(mixture, X)
    r = mixture.responsibilities(X)
    for k in range(2):
        centred = X - mixture.means[k]
        expected = (centred * r[:, k, None]).T @ centred
        np.testing.assert_allclose(
            moments.about(mixture.means).second[k], expected, rtol=1e-8, atol=1e-9 * expected.max()
        )
    assert moments.log_likelihood == pytest.approx(mixture.log_likelihood(X), rel=1e-10)


def test_two_hundred_features():
    rng = np.random.default_rng(0)
    d, n = 200, 2_000
    factor = np.tril(0.05 * rng.normal(size=(d, d))) + np.eye(d)
    X = rng.normal(size=(n, d)) @ factor.T
    X[: n // 2] += 1.0
    result = fit_em(X, 2, random_state=0, n_init=1, max_iter=50)
    assert result.converged
    assert result.log_likelihood == pytest.approx(result.mixture.log_likelihood(X), rel=1e-11)
    counts = np.bincount(result.mixture.predict(X)[: n // 2], minlength=2)
    assert counts.max() > 0.99 * n / 2


def test_a_hundred_components():
    rng = np.random.default_rng(0)
    centres = 10.0 * np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    X = np.repeat(centres, 60, axis=0) + rng.normal(size=(6_000, 2))
    result = GaussianMixtureEM(
        100,
        weights_init=np.full(100, 0.01),
        means_init=centres,
        precisions_init=np.repeat(np.eye(2)[None], 100, axis=0),
    ).fit(X)
    assert result.converged_
    np.testing.assert_allclose(result.means_, centres, atol=0.7)
    value = result.mixture_.log_likelihood(X)
    assert result.log_likelihood_ == pytest.approx(value, rel=1e-11)


def test_a_narrow_component_that_float64_cannot_hold():
    # At 1e8 the spacing of float64 is 1.5e-8, wider than this component.
    X = narrow_data(1e-9) + 1e8
    result = fit_em(X, 2, random_state=0)
    assert np.linalg.eigvalsh(result.mixture.covariances).min() > 1e-16
    assert "collapsed" in " ".join(run.degenerate for run in result.runs)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_covariances_are_symmetric_to_the_last_digit(kind):
    # Far from the origin, rounding errors are not small beside the difference of two moments.
    rng = np.random.default_rng(3)
    structure = get_structure(kind)
    rows = 0.1 * rng.normal(size=(50, 3)) + np.where(rng.random((50, 1)) < 0.5, 10.0, -10.0)
    samples = Samples(rows, units=(np.zeros(3), np.ones(3)))
    problem = Problem(samples, BlockedEStep(samples, 2, structure.second), structure)
    means = np.array([[10.0] * 3, [-10.0] * 3])
    start = Parameters(np.full(2, 0.5), means, np.stack([0.01 * np.eye(3)] * 2))
    covariances = problem.maximize(problem.expect(start)).covariances
    assert np.array_equal(covariances, covariances.transpose(0, 2, 1))
