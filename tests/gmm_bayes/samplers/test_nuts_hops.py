"""The compiled transitions and jumps of NUTS: against quadrature, and on two far modes."""

import threading

import numba
import numpy as np
import pytest
from arviz_stats.base import array_stats

from gmm_bayes import InverseWishartPrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import packed_log_density
from gmm_bayes.density.peaks import find_peaks
from gmm_bayes.priors.registry import default_prior
from gmm_bayes.samplers.nuts.hopping import HoppingChain, Plan, fit_to_pilot
from gmm_bayes.samplers.nuts.hops import write_permuted
from gmm_bayes.samplers.nuts.transition import Target, new_point, transition
from gmm_bayes.space.structures import STRUCTURES


# Without a cache on disk, which would keep a copy of the transitions as they once were.
@numba.njit(error_model="numpy")
def _transitions(rng, target, step, theta, out):
    current = new_point(theta.shape[0])
    current.theta[:] = theta
    value = packed_log_density(current.theta, target.packed, current.gradient)
    for i in range(out.shape[0]):
        value = transition(rng, target, step, current, value)[0]
        out[i] = current.theta


@pytest.mark.parametrize("step", [0.3, 1.2])
def test_transitions_draw_the_posterior_that_quadrature_gives(rng, step):
    """Mean and variance of both coordinates: 4 z-scores below 5, for one seed in 400 000."""
    target = LogPosterior(rng.normal(size=(30, 1)), 1, InverseWishartPrior())
    draws = np.empty((20_000, 2))
    metric = np.array([[0.2, 0.0], [0.03, 0.15]])
    _transitions(rng, Target(target.packed, metric, 10), step, np.zeros(2), draws)
    grid = np.stack(np.meshgrid(np.linspace(-1.4, 1.4, 300), np.linspace(-1.0, 1.2, 300)), -1)
    points = grid.reshape(-1, 2)
    weights = np.exp([target(point)[0] - target(np.zeros(2))[0] for point in points])
    weights /= weights.sum()
    for j in range(2):
        mean = weights @ points[:, j]
        for power in (1, 2):
            values = (draws[:, j] - mean) ** power
            expected = weights @ (points[:, j] - mean) ** power
            error = array_stats.mcse(values[None])
            assert abs(values.mean() - expected) < 5.0 * error


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_permuting_the_vector_permutes_the_mixture(rng, structure):
    target = LogPosterior(rng.normal(size=(20, 3)), 3, default_prior(structure), structure)
    space = target.space
    theta, out = rng.normal(size=space.size), np.empty(space.size)
    order = np.array([2, 0, 1])
    layout = np.array([3, 3, *(size for block in space.blocks for size in block)])
    write_permuted(theta, order, layout, out)
    for found, whole in zip(space.to_mixtures(out), space.to_mixtures(theta), strict=True):
        np.testing.assert_allclose(found, whole[order], rtol=1e-12)
    assert target(out)[0] == pytest.approx(target(theta)[0])


def _pilot(rng, target, mixtures, n=200):
    """Draws of one chain around each mixture, as narrow as a posterior of many rows."""
    centres = np.array([target.space.from_mixture(*m) for m in mixtures])
    thetas = centres[:, None] + 0.15 * rng.normal(size=(len(centres), n, centres.shape[1]))
    lp = np.array([[target(theta)[0] for theta in chain] for chain in thetas])
    return thetas, lp


@pytest.mark.parametrize("n_seen", [2, 1])
def test_a_chain_visits_two_far_modes_as_often_as_their_masses_say(rng, n_seen):
    """Three clusters and two components: either end may be alone, by symmetry equally often.

    The pilot chains have seen both, or one, and then the other one is known as a peak only.
    The share of each is within 5 standard errors of a half: for less than one seed in a million.
    """
    end = rng.normal(size=(15, 1)) * 0.5
    X = np.concatenate([end - 5.0, end[:8] - end[:8].mean(), end[:8].mean() - end[:8], 5.0 - end])
    target = LogPosterior(X, 2, InverseWishartPrior())
    scale = target.scaling.scale[0]
    alone, two = 0.5 / scale, 2.6 / scale
    far, near = 5.0 / scale, 2.5 / scale
    shares = np.array([0.33, 0.67])
    left = (shares, np.array([[-far], [near]]), np.array([[[alone**2]], [[two**2]]]))
    right = (shares[::-1], np.array([[-near], [far]]), np.array([[[two**2]], [[alone**2]]]))
    thetas, lp = _pilot(rng, target, [left, right][:n_seen])
    known = np.array([target.space.from_mixture(*m) for m in (left, right)])
    peaks = find_peaks(target, known, np.eye(target.space.size), 1)
    assert len(peaks) == 2
    seed = np.random.SeedSequence(1)
    fitted = fit_to_pilot(
        target, thetas, lp, thetas[0, :0], 16.0, seed, 10, peaks if n_seen == 1 else ()
    )
    chain = HoppingChain(fitted, fitted.starts[0], np.random.default_rng(2), 6000, 0.9)
    chain.run(200, threading.Event())
    assert (chain.kept, chain.done) == (6000, 6200)
    weights, means, _ = target.space.to_mixtures(chain.trace.thetas)
    lower = np.take_along_axis(weights, np.argsort(means[:, :, 0], axis=1), axis=1)
    is_left = (lower[:, 0] < lower[:, 1]).astype(float)
    error = array_stats.mcse(is_left[None])
    assert 0.0 < error < 0.05
    assert abs(is_left.mean() - 0.5) < 5.0 * error


def test_a_chain_in_a_negligible_mode_starts_elsewhere(rng):
    X = np.concatenate([rng.normal(size=(30, 1)), rng.normal(size=(30, 1)) + 8.0])
    target = LogPosterior(X, 2, InverseWishartPrior())
    small = np.full((2, 1, 1), 0.07)
    good = (np.array([0.5, 0.5]), np.array([[-1.0], [1.0]]), small)
    bad = (np.array([0.9, 0.1]), np.array([[0.0], [0.2]]), np.array([[[1.0]], [[0.5]]]))
    thetas, lp = _pilot(rng, target, [good, bad])
    fitted = fit_to_pilot(target, thetas, lp, thetas[0, :0], 8.0, np.random.SeedSequence(1), 10)
    assert fitted.log_masses[0] == 0.0
    assert fitted.log_masses[1] < -20.0
    away = np.abs(target.space.to_mixtures(fitted.starts[1])[1][:, 0])
    assert (away > 0.4).all()


@pytest.mark.parametrize("tune", [100, 101, 777, 1000])
def test_tuning_iterations_are_shared_out(tune):
    plan = Plan.of(tune)
    assert plan.before_the_last + plan.adapt == tune
    assert min(plan.tune, plan.pilot, *plan.rehearsal, plan.adapt) > 0
