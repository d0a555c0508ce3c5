import numpy as np
import pytest
from scipy.stats import kstest

from experiments.analysis.agreement import joint_distance, quantiles, z_score_errors, z_scores
from experiments.values.parameters import Layout, Parameters, combine
from gmm_bayes import MixtureDraws
from gmm_em import Mixture
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes


@pytest.fixture
def fit(rng):
    return made_bayes(random_mixture(rng, 3, 2), rng, n_chains=4, n_draws=250)


def test_quantiles_count_draws_below(fit):
    found = quantiles(fit.mixture, fit.draws)
    below = np.mean(fit.draws.means[:, :, 1, 0] < fit.mixture.means[1, 0])
    assert found.means[1, 0] == pytest.approx(below)
    first = fit.draws[0]
    assert np.all(quantiles(first, fit.draws).weights > 0), "half of the draw itself counts"


def test_z_scores_are_in_posterior_standard_deviations(fit):
    moved = fit.mixture.affine([3.0, 0.0])
    z = z_scores(moved, fit.mixture, fit.uncertainty)
    assert np.allclose(z.means[:, 0], 3.0 / fit.uncertainty.means[:, 0])
    assert np.allclose(z.covariances, 0)


def test_monte_carlo_error_of_independent_draws_is_one_over_root_n(fit):
    errors = z_score_errors(fit.draws, fit.uncertainty)
    every = np.concatenate([np.ravel(values) for values in errors])
    # Draws made independently: effective size near 1000, within its own noise.
    assert np.all(np.abs(every * np.sqrt(1000) - 1) < 0.35)


def test_one_certain_weight_has_no_error(rng):
    fit = made_bayes(random_mixture(rng, 1, 1), rng)
    assert z_score_errors(fit.draws, fit.uncertainty).weights.tolist() == [0.0]


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e7])
def test_joint_distance_is_mahalanobis_whatever_the_units(fit, scale):
    estimate = fit.draws[3]
    found = joint_distance(estimate, fit.draws, Layout(3, 2))
    moved_draws = MixtureDraws(
        fit.draws.weights, fit.draws.means * scale, fit.draws.covariances * scale**2
    )
    moved = joint_distance(estimate.affine(0.0, scale), moved_draws, Layout(3, 2))
    assert found.n_parameters == 17
    assert moved.squared == pytest.approx(found.squared, rel=1e-6)


def test_joint_distance_of_draws_from_a_normal_posterior_is_chi_square():
    rng = np.random.default_rng(3)
    # Only means vary a little around far-apart components: jointly normal by construction.
    base = Mixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]])
    size = (2, 1000)
    draws = MixtureDraws(
        0.5 + 0.001 * np.array([1, -1]) * rng.normal(size=(*size, 1)),
        base.means + 0.1 * rng.normal(size=(*size, 2, 1)),
        base.covariances + 0.01 * rng.normal(size=(*size, 2, 1, 1)),
    )
    layout = Layout(2, 1)
    tails = [joint_distance(draws[i], draws, layout).tail_probability for i in range(0, 2000, 20)]
    # A false alarm in 1000.
    assert kstest(tails, "uniform").pvalue > 1e-3


def test_too_few_draws_have_no_joint_distribution(rng):
    fit = made_bayes(random_mixture(rng, 3, 2), rng, n_chains=1, n_draws=30)
    assert joint_distance(fit.mixture, fit.draws, Layout(3, 2)) is None


def test_combine_works_entry_by_entry(rng):
    parameters = Parameters.of(random_mixture(rng, 2, 2))
    doubled = combine(lambda values: 2 * values, parameters)
    assert np.allclose(doubled.covariances, 2 * parameters.covariances)
