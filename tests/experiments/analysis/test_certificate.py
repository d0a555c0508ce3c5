import numpy as np
import pytest

from experiments.analysis.agreement import JointDistance
from experiments.analysis.certificate import certify, tolerance_for
from experiments.analysis.hills import log_mass
from experiments.analysis.restarts import prior_mixtures
from gmm_bayes import MixtureDraws
from gmm_em import Mixture, fit_em
from tests.experiments.made import perturbed

CENTRES = [[0.0, 0.0], [7.0, 0.0], [0.0, 7.0], [7.0, 7.0]]


def draws_of(mixtures):
    arrays = ([getattr(m, name) for m in mixtures] for name in ("weights", "means", "covariances"))
    return MixtureDraws(*(np.array([array]) for array in arrays))


def certified(em, X, mixtures, joint=None, n_parameters=23):
    draws = draws_of(mixtures)
    return certify(em, X, draws, draws.log_likelihood(X), n_parameters, joint)


@pytest.fixture(scope="module")
def X():
    truth = Mixture([0.25] * 4, CENTRES, [np.eye(2)] * 4)
    return truth.sample(400, 20261121)[0]


@pytest.fixture(scope="module")
def best(X):
    return fit_em(X, 4, random_state=1).mixture


@pytest.fixture(scope="module")
def planted(X):
    # One component over two clusters and two components in one: a local optimum of EM.
    start = Mixture(
        [0.25] * 4, [[3.5, 0.0], [0.0, 7.0], [7.0, 6.5], [7.0, 7.5]], [np.eye(2) * 2] * 4
    )
    return fit_em(X, 4, init=start).mixture


def test_the_global_optimum_stands(X, best, rng):
    certificate = certified(best, X, [perturbed(best, rng) for _ in range(50)])
    assert certificate.better_by == 0
    assert certificate.n_draws_above == 0
    assert certificate.margin > 0
    assert [optimum.n_reached for optimum in certificate.optima] == [certificate.n_restarts]
    assert certificate.optima[0].log_likelihood == pytest.approx(best.log_likelihood(X), abs=1e-3)
    assert not certificate.em_mode_unvisited


def test_a_local_optimum_is_caught_and_the_better_one_reported(X, best, planted, rng):
    certificate = certified(planted, X, [perturbed(best, rng) for _ in range(50)])
    gain = best.log_likelihood(X) - planted.log_likelihood(X)
    assert gain > 10, "the planted optimum is worse"
    assert certificate.better_by == pytest.approx(gain, abs=1e-3)
    assert certificate.n_draws_above == 50
    means = np.array(certificate.optima[0].mixture.means)
    assert np.abs(np.sort(means, axis=0) - np.sort(best.means, axis=0)).max() < 0.01


def test_a_fit_that_stopped_early_is_in_no_local_optimum(X, best, planted, rng):
    near = perturbed(best, rng, size=0.01)
    gain = best.log_likelihood(X) - near.log_likelihood(X)
    assert 0.01 < gain < 1.0, "below the top by little"
    certificate = certified(near, X, [perturbed(best, rng) for _ in range(20)])
    assert certificate.better_by == 0
    assert certificate.stopped_short == pytest.approx(gain, abs=1e-3)
    assert certified(best, X, [perturbed(best, rng)]).stopped_short == 0
    # From a local optimum EM leads nowhere else, so that what is higher is another hill.
    assert certified(planted, X, [best]).stopped_short == 0


def test_a_local_optimum_above_every_draw_is_caught_by_restarting(X, best, planted, rng):
    # Draws far down the slope of the better mode: no draw alone gives EM away.
    low = [perturbed(best, rng, size=0.6) for _ in range(60)]
    draws = [m for m in low if m.log_likelihood(X) < planted.log_likelihood(X) - 1][:20]
    assert len(draws) == 20
    certificate = certified(planted, X, draws)
    assert certificate.n_draws_above == 0
    assert certificate.better_by > 10


def test_a_mode_that_no_chain_visited_is_reported(X, best, planted, rng):
    far = JointDistance(5000.0, 23, 0.0)
    certificate = certified(best, X, [perturbed(planted, rng, 0.01) for _ in range(50)], far)
    assert certificate.em_mode_unvisited
    assert {o.n_reached for o in certificate.optima} == {certificate.n_restarts}


def test_deviance_of_a_normal_posterior_is_near_its_limit():
    rng = np.random.default_rng(11)
    # One component in one dimension: (mean, log sd) is close to normal at this sample size.
    X = rng.normal(size=(5000, 1))
    em = fit_em(X, 1).mixture
    sd = np.sqrt(em.covariances[0, 0, 0])
    mixtures = [
        Mixture(
            [1.0],
            em.means + sd / np.sqrt(5000) * rng.normal(),
            em.covariances * np.exp(2 * rng.normal() / np.sqrt(10_000)),
        )
        for _ in range(2000)
    ]
    certificate = certified(em, X, mixtures, n_parameters=2)
    # Standard error of the mean of 2000 chi-squares of 2 degrees of freedom: 0.045.
    assert certificate.deviance_mean == pytest.approx(2.0, abs=0.2)
    # The 0.999 point of the Kolmogorov-Smirnov distance of 2000 values is 0.044.
    assert certificate.deviance_distance < 0.05


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_collapsed_draws_are_counted_apart_whatever_the_units(rng, scale):
    units = [scale, 1.0]
    em = Mixture([0.5, 0.5], [[0.0, 0.0], [3.0, 3.0]], [np.eye(2)] * 2)
    X = em.sample(50, rng)[0]
    # A line through the second component: thin along a direction that is no axis.
    along, across = np.array([1.0, 1.0]) / np.sqrt(2), np.array([1.0, -1.0]) / np.sqrt(2)
    thin = np.outer(along, along) + 1e-13 * np.outer(across, across)
    collapsed = Mixture(em.weights, em.means, [np.eye(2), thin])
    mixtures = [m.affine(0.0, units) for m in (em, collapsed)]
    moved = X * units
    certificate = certified(mixtures[0], moved, mixtures, n_parameters=11)
    assert certificate.n_collapsed == 1
    assert certificate.n_draws == 2
    every = certified(mixtures[0], moved, mixtures[1:], n_parameters=11)
    assert every.margin is None
    assert every.n_collapsed == 1


def test_starts_of_its_own_catch_what_em_and_the_chains_miss_alike(X, best, planted, rng):
    # Draws this close to the planted optimum lead nowhere else.
    draws = draws_of([perturbed(planted, rng, 0.01) for _ in range(50)])
    args = (planted, X, draws, draws.log_likelihood(X), 23, None)
    assert certify(*args).better_by == 0
    found = certify(*args, seed=np.random.SeedSequence(0))
    gain = best.log_likelihood(X) - planted.log_likelihood(X)
    assert found.better_by == pytest.approx(gain, abs=1e-3)
    assert found.n_other_restarts > 10
    assert found.em_mode_unvisited, "the chains have missed it, too"
    assert found == certify(*args, seed=np.random.SeedSequence(0))


def test_a_mode_that_a_population_found_is_a_start_too(X, best, planted, rng):
    draws = draws_of([perturbed(planted, rng, 0.01) for _ in range(50)])
    args = (planted, X, draws, draws.log_likelihood(X), 23, None)
    found = certify(*args, modes=[planted, perturbed(best, rng, 0.01)])
    gain = best.log_likelihood(X) - planted.log_likelihood(X)
    assert found.better_by == pytest.approx(gain, abs=1e-3)
    assert found.n_other_restarts == 2


def test_another_maximum_as_high_is_counted_and_another_order_is_not(rng):
    corner = rng.normal(0, 0.45, (20, 2)) + 1.2
    quarter, mirror = np.array([[0.0, -1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
    turns = [np.linalg.matrix_power(quarter, i) @ m for i in range(4) for m in (np.eye(2), mirror)]
    X = np.concatenate([corner @ turn for turn in turns])
    em = fit_em(X, 2, random_state=0).mixture
    draws = draws_of([perturbed(em, rng, 0.01) for _ in range(20)])
    args = (em, X, draws, draws.log_likelihood(X), 11, None)
    assert certify(*args, seed=np.random.SeedSequence(0)).n_equal == 1
    swapped = draws_of([perturbed(em, rng, 0.01).permute([1, 0]) for _ in range(20)])
    assert certify(em, X, swapped, swapped.log_likelihood(X), 11, None).n_equal == 0


def test_draws_that_a_prior_holds_on_the_same_hill_are_no_other_mode(X, best, rng):
    far = JointDistance(5000.0, 23, 0.0)
    held = Mixture(best.weights, 0.9 * best.means, 1.5 * best.covariances)
    found = certified(best, X, [perturbed(held, rng, 0.01) for _ in range(50)], far)
    assert found.pulled
    assert found.same_hill
    assert not found.em_mode_unvisited


def test_a_narrow_hill_has_little_mass_however_high(rng):
    X = np.concatenate([rng.normal(size=(100, 1)), 0.3 + 1e-3 * rng.normal(size=(5, 1))])
    spike = fit_em(X, 2, init=Mixture([0.95, 0.05], [[0.0], [0.3]], [[[1.0]], [[1e-6]]])).mixture
    wide = fit_em(X, 2, init=Mixture([0.5, 0.5], [[-1.0], [1.0]], [[[1.0]], [[1.0]]])).mixture
    masses = [log_mass(X, one, "full", 5) for one in (spike, wide)]
    heights = [one.log_likelihood(X) for one in (spike, wide)]
    assert masses[0] - masses[1] < heights[0] - heights[1] - 3


def test_tolerance_grows_with_the_sample_as_rounding_does():
    assert tolerance_for(100) == 1e-3
    assert tolerance_for(10**6) == pytest.approx(0.1)


def test_mixtures_of_the_prior_have_its_moments(rng):
    em = Mixture([0.3, 0.7], [[0.0, 0.0], [4.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
    made = list(prior_mixtures(em, "full", 4000, np.random.SeedSequence(1)))
    weights = np.array([one.weights[0] for one in made])
    means = np.array([one.means for one in made]).reshape(-1, 2)
    inverses = np.linalg.inv(np.array([one.covariances for one in made])).reshape(-1, 4)
    # A Wishart of 4 degrees of freedom has the mean 4 x its scale matrix.
    expected = 4 * np.linalg.inv(em.covariance / 2).ravel()
    # One of the seven means is beyond 4.5 standard errors in fewer than one of 10 000 runs.
    for sample, mean in [(weights[:, None], [0.5]), (means, em.mean), (inverses, expected)]:
        errors = sample.std(axis=0, ddof=1) / np.sqrt(len(sample))
        assert (abs(sample.mean(axis=0) - mean) < 4.5 * errors).all()
    assert np.cov(means.T) == pytest.approx(em.covariance, rel=0.1)
    (tied,) = prior_mixtures(em, "tied", 1, np.random.SeedSequence(1))
    assert np.array_equal(*tied.covariances)
