"""The marginal moves: each leaves the posterior as it is, and together they make chains mix."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln

from gmm_bayes import GaussianMixtureBayes, Gibbs, NIWPrior
from gmm_bayes.samplers.gibbs.adaptation import (
    choose_moves,
    fit_jumps,
    no_moves,
    normal_at_mode,
    renumber,
    with_kicks,
    with_turns,
)
from gmm_bayes.samplers.gibbs.moves import iterate, new_trace
from gmm_bayes.samplers.jumps import T_DOF, assign, draw_proposal, log_proposal
from tests.gmm_bayes.samplers.gibbs.made import STRUCTURES, made, state_of


def run(rng, problem, moves, n, theta=None):
    size, k = problem.coordinates.size, problem.coordinates.n_components
    state = state_of(problem.coordinates, np.zeros(size) if theta is None else theta)
    trace = new_trace(n, size, k)
    iterate(rng, problem.model, state, moves, trace)
    return trace.thetas, trace.turned, trace.jumped


def fitted_moves(rng, problem):
    """Turns and jumps as tuning would fit them, and draws to fit them to."""
    coordinates = problem.coordinates
    start = np.zeros(coordinates.size)
    start[coordinates.n_components - 1 :: 2] += 0.1
    state = state_of(coordinates, start)
    moves = with_turns(
        coordinates, no_moves(coordinates), normal_at_mode(problem.model, coordinates, state)
    )
    thetas, _, _ = run(rng, problem, moves, 600, moves.mean)
    return fit_jumps(moves, thetas, np.random.SeedSequence(1))


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_assignment_is_the_cheapest(rng, n):
    for _ in range(20):
        costs, order = rng.normal(size=(n, n)), np.empty(n, dtype=np.int64)
        assign(costs, order)
        np.testing.assert_array_equal(order, linear_sum_assignment(costs)[1])


@pytest.mark.parametrize("kind", ["turns", "jumps"])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_moves_leave_the_posterior_as_it_is(rng, covariance_type, kind):
    """With K = 1 sweeps are exact independent draws, so what is off after a move is the move's.

    The reference is put off on purpose, so that much is refused. At most 5 x 2 z-scores below 5 in
    each case: fails for less than one seed in 20 000.
    """
    problem = made(rng, 1, 2, covariance_type, n=25)
    exact, _, _ = run(rng, problem, no_moves(problem.coordinates), 20_000)
    moves = fitted_moves(rng, problem)
    shift = 0.7 * moves.factor.sum(axis=1)
    if kind == "turns":
        moves = moves._replace(mean=moves.mean + shift, factor=1.4 * moves.factor, n_jumps=0)
    else:
        moves = moves._replace(jump_means=moves.jump_means + shift, n_kicks=0)
    found, turned, jumped = run(rng, problem, moves, 20_000)
    chance = turned if kind == "turns" else jumped
    assert 0.1 < chance.mean() < 0.99
    for power in (1, 2):
        a, b = (exact - exact.mean(axis=0)) ** power, (found - exact.mean(axis=0)) ** power
        error = np.hypot(*(v.std(axis=0) / np.sqrt(len(v)) for v in (a, b)))
        # Moved draws are correlated with nothing but their own sweep's.
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5.0 * error).all()


def test_jumps_have_the_density_they_claim(rng):
    """The mean of p / q over draws from q is 1 for a normal p: 1 z-score below 5."""
    problem = made(rng, 2, 1, "full")
    moves = fitted_moves(rng, problem)
    p = problem.coordinates.size
    # Two components, apart, so that the mixture's weights count.
    moves = moves._replace(
        jump_cumulative=np.array([0.3, 1.0]),
        jump_log_const=np.log([0.3, 0.7]) - p * np.log([0.8, 1.2]),
        jump_means=np.stack([np.zeros(p), np.full(p, 1.0)]),
        jump_factors=np.stack([0.8 * np.eye(p), 1.2 * np.eye(p)]),
    )
    constant = gammaln((T_DOF + p) / 2) - gammaln(T_DOF / 2) - 0.5 * p * np.log(T_DOF * np.pi)
    theta, ratios = np.empty(p), []
    for _ in range(20_000):
        draw_proposal(rng, moves, theta)
        away = theta - 0.5
        log_p = -0.5 * away @ away - 0.5 * p * np.log(2.0 * np.pi)
        ratios.append(np.exp(log_p - constant - log_proposal(moves, theta)))
    assert abs(np.mean(ratios) - 1.0) < 5.0 * np.std(ratios) / np.sqrt(len(ratios))


def test_renumbering_moves_renumbers_their_reference(rng):
    problem = made(rng, 3, 2, "full")
    order = np.array([2, 0, 1])
    pivot = np.array([[0.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]])
    moves = fitted_moves(rng, problem)._replace(pivot=pivot, pivot_precision=np.ones((3, 3)))
    changed, found = renumber(problem.coordinates, moves, moves._replace(pivot=pivot[order]))
    np.testing.assert_array_equal(found, order)
    np.testing.assert_array_equal(changed.pivot, pivot[order])
    np.testing.assert_allclose(changed.mean, problem.coordinates.permute(moves.mean, order))
    rows = problem.coordinates.permute(moves.factor.T, order).T
    np.testing.assert_allclose(changed.factor @ changed.factor.T, rows @ rows.T, atol=1e-12)


@pytest.mark.parametrize(
    ("turned", "jumped", "turns", "jumps"),
    [(0.0, 0.0, False, 0), (0.9, 0.0, True, 0), (0.9, 0.5, False, 2), (0.0, 0.1, False, 4)],
)
def test_moves_that_pay_are_kept(rng, turned, jumped, turns, jumps):
    problem = made(rng, 2, 1, "full")
    moves = with_kicks(fitted_moves(rng, problem), 1)
    found = choose_moves(moves, turned, jumped)
    assert (found.n_kicks > 0, found.n_jumps) == (turns, jumps)


def test_draws_that_cannot_be_fitted_are_not_jumped_by(rng):
    """Without a component's weight in double precision, say."""
    problem = made(rng, 2, 1, "full")
    moves = fitted_moves(rng, problem)
    far = np.tile(moves.mean, (200, 1))
    far[:100, 0] += 1e14
    assert fit_jumps(moves, far, np.random.SeedSequence(0)).n_jumps == 0


def overlapping(rng, n=200):
    """Two components that are hardly told apart, and whose labels switch."""
    X = np.concatenate([rng.normal(-0.8, 1.0, size=(n // 2, 1)), rng.normal(0.8, 1.0, (n // 2, 1))])
    return (X - X.mean()) / X.std()


def test_moves_change_no_answer_where_labels_switch(rng):
    """Sorted parameters and log-likelihood with and without moves. 6 z-scores below 4.5."""
    X = overlapping(rng, 60)
    means, errors = [], []
    for moves, draws in ((True, 3000), (False, 12_000)):
        model = GaussianMixtureBayes(
            2, prior=NIWPrior(scale="data"), sampler=Gibbs(marginal_moves=moves), draws=draws,
            tune=1000, random_state=3, progressbar=False,
        ).fit(X)  # fmt: skip
        order = np.argsort(model.draws_.means[..., 0], axis=-1)
        draws = model.draws_.permute(order)
        values = np.stack(
            [draws.weights[..., 0], draws.means[..., 0, 0], draws.means[..., 1, 0],
             np.log(draws.covariances[..., 0, 0, 0]), np.log(draws.covariances[..., 1, 0, 0]),
             model.log_likelihood_]
        )  # fmt: skip
        means.append(values.mean(axis=(1, 2)))
        errors.append(array_stats.mcse(values, method="mean"))
        assert (model.posterior_["posterior"].attrs["jumps"] > 0) == moves
    assert (np.abs(means[0] - means[1]) < 4.5 * np.hypot(*errors)).all()


def test_moves_make_chains_mix(rng):
    """Where sweeps are held back by labels, moves give at least five times the effective draws."""
    X = overlapping(rng, 1000)
    ess = {}
    for moves in (True, False):
        model = GaussianMixtureBayes(
            2, sampler=Gibbs(marginal_moves=moves), random_state=4, progressbar=False
        ).fit(X)
        ess[moves] = model.diagnostics_.parameters["ess_bulk"].min()
        assert ("chance_jumped" in model.posterior_["sample_stats"]) == moves
    assert ess[True] > 400
    assert ess[True] > 5.0 * ess[False]


def test_sweeps_are_left_alone_where_they_mix(rng):
    X = np.concatenate([rng.normal(size=(60, 2)), rng.normal(9.0, 1.0, size=(60, 2))])
    model = GaussianMixtureBayes(
        2, sampler="gibbs", chains=2, draws=100, tune=100, random_state=0, progressbar=False
    ).fit(X)
    attributes = model.posterior_["posterior"].attrs
    assert (attributes["jumps"], attributes["kicks_per_turn"]) == (0, 0)


def test_same_seed_same_draws_whatever_the_cores_with_moves(rng):
    X = overlapping(rng)
    draws = [
        GaussianMixtureBayes(
            2, sampler="gibbs", chains=3, draws=50, tune=200, random_state=5, cores=cores,
            progressbar=False,
        ).fit(X).draws_.means
        for cores in (1, 3)
    ]  # fmt: skip
    np.testing.assert_array_equal(draws[0], draws[1])
