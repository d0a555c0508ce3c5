"""The compiled moves that the Gibbs sampler makes on the marginal posterior between sweeps.

Allocations hold a Gibbs sampler back: it moves as slowly as EM converges, its autocorrelation being
the fraction of the information that the missing labels take away (Sahu & Roberts 1999). So between
two sweeps the chain moves on the marginal posterior, which has no labels to wait for:

- It *turns*: Hamiltonian dynamics, split around a Gaussian reference. The reference's own flow is
  a rotation and is followed exactly; only what the posterior differs from it is left to kicks
  (Shahbaba, Lan, Johnson & Neal 2014, section 3; Beskos, Pinski, Sanz-Serna & Stuart 2011). A
  quarter turn forgets where it started, and the better the reference, the fewer kicks it takes.
- It *jumps*: proposals from a mixture of multivariate t distributions fitted to draws, which has
  the posterior's bends and, where the chains know of several, its modes (an independence sampler,
  Tierney 1994, section 2.3.3).

Both are Metropolis-Hastings steps, so the posterior is their stationary distribution whatever was
fitted. The posterior does not change when components are renumbered, so a chain may be seen on
the set of mixtures whose components are in a pivot's order, one of each K!. A sweep followed by
sorting is a sweep on that set; a move is one if proposals outside of it are rejected. So what is
fitted needs to fit one labelling only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.samplers.gibbs.marginal_density import log_density, log_density_and_gradient, pack
from gmm_bayes.samplers.gibbs.sweep import sweep

T_DOF = 20.0
"""Of the t distributions: wider in the tails than a posterior, hardly so in its body."""


class Moves(NamedTuple):
    """What a chain does between two sweeps, and with what.

    ``n_kicks`` of its turn (0: none), the ``angle`` turned between two, and the reference's
    ``mean`` (P,) and lower Cholesky factor ``factor`` (P, P). ``n_jumps`` of each sweep, and the
    M proposal components: ``jump_log_const`` (M,), log weight less log determinant, cumulative
    weights ``jump_cumulative`` (M,), ``jump_means`` (M, P) and ``jump_factors`` (M, P, P). The
    ``pivot`` (K, 1 + D) and its ``pivot_precision``, log weights and means that give components
    their order.
    """

    n_kicks: int
    angle: float
    mean: FloatArray
    factor: FloatArray
    n_jumps: int
    jump_log_const: FloatArray
    jump_cumulative: FloatArray
    jump_means: FloatArray
    jump_factors: FloatArray
    pivot: FloatArray
    pivot_precision: FloatArray


class Scratch(NamedTuple):
    """Where a proposal is written: ``theta`` (P,) and its mixture."""

    theta: FloatArray
    log_weights: FloatArray
    means: FloatArray
    whiteners: FloatArray


# Linear algebra ----------------------------------------------------------------------------------


@njit()
def _whiten(mean, factor, theta, z):  # type: ignore[no-untyped-def]
    """Write ``factor^-1 (theta - mean)`` to `z`."""
    for i in range(z.shape[0]):
        acc = theta[i] - mean[i]
        for j in range(i):
            acc -= factor[i, j] * z[j]
        z[i] = acc / factor[i, i]


@njit()
def _place(mean, factor, z, scale, theta):  # type: ignore[no-untyped-def]
    """Write ``mean + scale factor z`` to `theta`."""
    for i in range(z.shape[0]):
        acc = 0.0
        for j in range(i + 1):
            acc += factor[i, j] * z[j]
        theta[i] = mean[i] + scale * acc


# Turns -------------------------------------------------------------------------------------------


@njit()
def _kick(half, gradient, factor, z, momentum):  # type: ignore[no-untyped-def]
    """Push `momentum` by what the posterior's slope differs from the reference's."""
    for i in range(z.shape[0]):
        momentum[i] += half * z[i]
    for j in range(z.shape[0]):
        push = half * gradient[j]
        for i in range(j + 1):
            momentum[i] += push * factor[j, i]


@njit()
def turn(rng, model, moves, theta, scratch):  # type: ignore[no-untyped-def]
    """Write a Hamiltonian proposal from `theta` to `scratch`; return its acceptance probability.

    Kick, rotate, kick, as often as ``moves`` says; volume is kept and time can be reversed, so that
    ``min(1, exp(-change of energy))`` is the probability to accept with.
    """
    p = theta.shape[0]
    z = np.empty(p)
    momentum = np.empty(p)
    gradient = np.empty(p)
    _whiten(moves.mean, moves.factor, theta, z)
    value = log_density_and_gradient(
        theta, model, scratch.log_weights, scratch.means, scratch.whiteners, gradient
    )
    energy = -value
    for i in range(p):
        momentum[i] = rng.standard_normal()
        energy += 0.5 * momentum[i] * momentum[i]
    cosine, sine = math.cos(moves.angle), math.sin(moves.angle)
    for _ in range(moves.n_kicks):
        _kick(0.5 * moves.angle, gradient, moves.factor, z, momentum)
        for i in range(p):
            old = z[i]
            z[i] = cosine * old + sine * momentum[i]
            momentum[i] = cosine * momentum[i] - sine * old
        _place(moves.mean, moves.factor, z, 1.0, scratch.theta)
        value = log_density_and_gradient(
            scratch.theta, model, scratch.log_weights, scratch.means, scratch.whiteners, gradient
        )
        if not math.isfinite(value):
            return 0.0
        _kick(0.5 * moves.angle, gradient, moves.factor, z, momentum)
    energy += value
    for i in range(p):
        energy -= 0.5 * momentum[i] * momentum[i]
    return math.exp(min(0.0, energy)) if math.isfinite(energy) else 0.0


# Jumps -------------------------------------------------------------------------------------------


@njit()
def log_proposal(moves, theta):  # type: ignore[no-untyped-def]
    """Return the log density of jumps at `theta`, up to a constant."""
    p = theta.shape[0]
    n = moves.jump_log_const.shape[0]
    z = np.empty(p)
    terms = np.empty(n)
    for m in range(n):
        _whiten(moves.jump_means[m], moves.jump_factors[m], theta, z)
        square = 0.0
        for i in range(p):
            square += z[i] * z[i]
        terms[m] = moves.jump_log_const[m] - 0.5 * (T_DOF + p) * math.log1p(square / T_DOF)
    high = terms.max()
    total = 0.0
    for m in range(n):
        total += math.exp(terms[m] - high)
    return high + math.log(total)


@njit()
def draw_proposal(rng, moves, theta):  # type: ignore[no-untyped-def]
    """Write a draw from the distribution of jumps to `theta`."""
    point = rng.random()
    m = 0
    while m < moves.jump_cumulative.shape[0] - 1 and point >= moves.jump_cumulative[m]:
        m += 1
    z = np.empty(theta.shape[0])
    for i in range(z.shape[0]):
        z[i] = rng.standard_normal()
    scale = math.sqrt(0.5 * T_DOF / rng.standard_gamma(0.5 * T_DOF))
    _place(moves.jump_means[m], moves.jump_factors[m], z, scale, theta)


# Labels ------------------------------------------------------------------------------------------


@njit()
def assign(costs, order):  # type: ignore[no-untyped-def]
    """Write to ``order[row]`` the column of each row in the cheapest assignment of `costs` (K, K).

    Shortest augmenting paths with potentials (Kuhn 1955; Jonker & Volgenant 1987).
    """
    n = costs.shape[0]
    row_potential = np.zeros(n + 1)
    potential = np.zeros(n + 1)
    match = np.zeros(n + 1, dtype=np.int64)
    came_from = np.zeros(n + 1, dtype=np.int64)
    for row in range(1, n + 1):
        match[0] = row
        column = 0
        least = np.full(n + 1, np.inf)
        used = np.zeros(n + 1, dtype=np.bool_)
        while match[column] != 0:
            used[column] = True
            current, best, following = match[column], np.inf, 0
            for j in range(1, n + 1):
                if not used[j]:
                    reduced = costs[current - 1, j - 1] - row_potential[current] - potential[j]
                    if reduced < least[j]:
                        least[j] = reduced
                        came_from[j] = column
                    if least[j] < best or following == 0:
                        best = least[j]
                        following = j
            for j in range(n + 1):
                if used[j]:
                    row_potential[match[j]] += best
                    potential[j] -= best
                else:
                    least[j] -= best
            column = following
        while column != 0:
            match[column] = match[came_from[column]]
            column = came_from[column]
    for j in range(1, n + 1):
        order[match[j] - 1] = j - 1


@njit()
def in_order(moves, log_weights, means, order):  # type: ignore[no-untyped-def]
    """Return if the components are in the pivot's order; write the order that they should be in."""
    n_components, n_features = means.shape
    costs = np.empty((n_components, n_components))
    for k in range(n_components):
        for j in range(n_components):
            away = log_weights[j] - moves.pivot[k, 0]
            cost = moves.pivot_precision[k, 0] * away * away
            for i in range(n_features):
                away = means[j, i] - moves.pivot[k, 1 + i]
                cost += moves.pivot_precision[k, 1 + i] * away * away
            costs[k, j] = cost
    assign(costs, order)
    same = True
    for k in range(n_components):
        same = same and order[k] == k
    return same


@njit()
def _reorder(state, order):  # type: ignore[no-untyped-def]
    """Let component k be the old ``order[k]``."""
    weights, means, whiteners = state.weights.copy(), state.means.copy(), state.whiteners.copy()
    labels = state.labels.copy()
    for k in range(order.shape[0]):
        state.weights[k] = weights[order[k]]
        state.means[k] = means[order[k]]
        state.whiteners[k] = whiteners[order[k]]
        state.labels[k] = labels[order[k]]


# The chain ---------------------------------------------------------------------------------------


@njit()
def _take(state, theta, scratch):  # type: ignore[no-untyped-def]
    """Make the proposal the chain's state."""
    theta[:] = scratch.theta
    state.weights[:] = np.maximum(np.exp(scratch.log_weights), 1e-300)
    state.means[:] = scratch.means
    state.whiteners[:] = scratch.whiteners


@njit()
def _turns(rng, model, moves, state, theta, scratch, order):  # type: ignore[no-untyped-def]
    """Make one turn; return its acceptance probability."""
    chance = turn(rng, model, moves, theta, scratch)
    if chance > 0.0 and not in_order(moves, scratch.log_weights, scratch.means, order):
        chance = 0.0
    if rng.random() < chance:
        _take(state, theta, scratch)
    return chance


@njit()
def _jumps(rng, model, moves, state, theta, scratch, order):  # type: ignore[no-untyped-def]
    """Make the jumps; return their mean acceptance probability."""
    value = log_density(theta, model, scratch.log_weights, scratch.means, scratch.whiteners)
    weight = value - log_proposal(moves, theta)
    chances = 0.0
    for _ in range(moves.n_jumps):
        draw_proposal(rng, moves, scratch.theta)
        value = log_density(
            scratch.theta, model, scratch.log_weights, scratch.means, scratch.whiteners
        )
        other = value - log_proposal(moves, scratch.theta)
        if not math.isfinite(other) or not in_order(
            moves, scratch.log_weights, scratch.means, order
        ):
            continue
        chance = math.exp(min(0.0, other - weight))
        chances += chance
        if rng.random() < chance:
            weight = other
            _take(state, theta, scratch)
    return chances / moves.n_jumps


@njit()
def iterate(rng, model, state, moves, thetas, labels, n_empty, turned, jumped):  # type: ignore[no-untyped-def]
    """Run one sweep and its moves for every row of `thetas` (n, P), in which they end.

    ``labels`` (n, K), ``n_empty`` (n,) and the acceptance probabilities ``turned`` and ``jumped``
    (n,), NaN without such a move, are written likewise; `state` is updated in place.
    """
    n_components, n_features = state.means.shape
    scratch = Scratch(
        np.empty(thetas.shape[1]),
        np.empty(n_components),
        np.empty((n_components, n_features)),
        np.empty((n_components, n_features, n_features)),
    )
    order = np.empty(n_components, dtype=np.int64)
    moving = moves.n_kicks > 0 or moves.n_jumps > 0
    for row in range(thetas.shape[0]):
        n_empty[row] = sweep(rng, model, state)
        if moving and not in_order(moves, np.log(state.weights), state.means, order):
            _reorder(state, order)
        theta = thetas[row]
        pack(model, state.weights, state.means, state.whiteners, theta)
        turned[row] = math.nan
        jumped[row] = math.nan
        if moves.n_kicks > 0:
            turned[row] = _turns(rng, model, moves, state, theta, scratch, order)
        if moves.n_jumps > 0:
            jumped[row] = _jumps(rng, model, moves, state, theta, scratch, order)
        labels[row] = state.labels
