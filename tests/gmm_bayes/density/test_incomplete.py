"""Rows with missing values: their density is the marginal one of what was observed."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmm_bayes import HierarchicalPrior, InverseWishartPrior, LKJPrior, VolumeShapePrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.space.structures import STRUCTURES
from gmm_em import Mixture


def _with_holes(rng: np.random.Generator, n_features: int) -> np.ndarray:
    """Rows of every kind: complete, incomplete, and one of which nothing was observed."""
    X = rng.normal(size=(150, n_features)) * 3.0 + 5.0
    X[rng.random(X.shape) < 0.3] = np.nan
    X[0] = np.nan
    return X


def _own_mixture(target: LogPosterior, theta: np.ndarray) -> Mixture:
    weights, means, covariances = target.space.to_mixtures(theta)
    return Mixture(weights, *target.scaling.to_own_units(means, covariances))


def _by_brute_force(mixture: Mixture, X: np.ndarray) -> float:
    """The log-likelihood by SciPy, one row and one component after the other."""
    total = 0.0
    for row in X:
        seen = np.flatnonzero(~np.isnan(row))
        if seen.size:
            joint = [
                np.log(weight)
                + multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(row[seen])
                for weight, mean, covariance in zip(
                    mixture.weights, mixture.means, mixture.covariances, strict=True
                )
            ]
            total += logsumexp(joint)
    return total


OF_BLOCKS = [
    (name, prior)
    for name in ("full", "tied", "diag", "spherical")
    for prior in (InverseWishartPrior(), HierarchicalPrior(), LKJPrior())
]
DECOMPOSED = [
    (name, VolumeShapePrior()) for name, structure in STRUCTURES.items() if structure.decomposed
]


@pytest.mark.parametrize(("name", "prior"), [*OF_BLOCKS, *DECOMPOSED])
@pytest.mark.parametrize(("d", "k"), [(2, 3), (4, 2)])
def test_density_is_that_of_what_was_observed_and_has_its_slope(rng, d, k, name, prior):
    X = _with_holes(rng, d)
    target = LogPosterior(X, k, prior, STRUCTURES[name])
    theta = 0.6 * rng.normal(size=target.space.size)
    value, gradient = target(theta)
    expected = _by_brute_force(_own_mixture(target, theta), X)
    assert value - target.log_prior(theta) == pytest.approx(expected, rel=0.0, abs=1e-9)
    assert value - target.log_prior(theta) == pytest.approx(expected, rel=1e-10)
    steps = 1e-5 * np.eye(theta.size)
    numeric = [(target(theta + e)[0] - target(theta - e)[0]) / 2e-5 for e in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-5)


def test_rows_of_which_nothing_was_observed_say_nothing(rng):
    """The prior takes location and scale from what was observed, so that it does not change."""
    X = _with_holes(rng, 3)
    theta = rng.normal(size=LogPosterior(X, 2, LKJPrior()).space.size)
    value, gradient = LogPosterior(X, 2, LKJPrior())(theta)
    other_value, other_gradient = LogPosterior(X[1:], 2, LKJPrior())(theta)
    assert value == pytest.approx(other_value, rel=1e-12)
    np.testing.assert_allclose(gradient, other_gradient, rtol=1e-9, atol=1e-9)


def test_rows_with_weights_must_be_complete(rng):
    target = LogPosterior(_with_holes(rng, 2), 2, InverseWishartPrior())
    with pytest.raises(ValueError, match="rows with weights must be complete"):
        target.log_likelihood(np.zeros(target.space.size), np.ones(150))


def test_the_missing_value_is_integrated_out(rng):
    """Three rows, the second value of two missing: by quadrature over both."""
    X = np.array([[0.0, 1.0], [1.0, np.nan], [3.0, np.nan], [2.0, 4.0]])
    target = LogPosterior(X, 2, InverseWishartPrior())
    theta = 0.5 * rng.normal(size=target.space.size)
    mixture = _own_mixture(target, theta)
    grid = np.linspace(-200.0, 200.0, 40_001)
    expected = mixture.log_likelihood(X[[0, 3]])
    for row in (1, 2):
        line = np.column_stack([np.full(grid.size, X[row, 0]), grid])
        expected += logsumexp(mixture.log_prob(line)) + np.log(grid[1] - grid[0])
    found = target(theta)[0] - target.log_prior(theta)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_value_more_or_less_changes_the_scale_by_that_value_only(rng):
    """Location and scale are those of what was observed; correlations are the most likely ones."""
    X = rng.normal(size=(200, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    holes = X.copy()
    holes[:40, 1] = np.nan
    target = LogPosterior(holes, 2, InverseWishartPrior())
    np.testing.assert_allclose(target.scaling.loc, np.nanmean(holes, axis=0))
    np.testing.assert_allclose(target.scaling.scale, np.nanstd(holes, axis=0))
    psi = np.asarray(target.written_out_prior.psi)
    whole = np.asarray(LogPosterior(X, 2, InverseWishartPrior()).written_out_prior.psi)
    assert np.linalg.eigvalsh(psi)[0] > 0.0
    np.testing.assert_allclose(psi, whole, rtol=0.15)
