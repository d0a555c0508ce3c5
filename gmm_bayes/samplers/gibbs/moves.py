"""The compiled moves that the Gibbs sampler makes on the marginal posterior between sweeps.

Allocations slow a Gibbs sampler down: it moves as slowly as EM converges, because the
autocorrelation of its draws is the fraction of the information that the missing labels take away
(Sahu & Roberts 1999). So between two sweeps the chain moves on the marginal posterior, in which
allocations are integrated out. There are two kinds of moves:

- A *turn* follows Hamiltonian dynamics, split around a Gaussian reference. The reference's own flow
  is a rotation, which is followed exactly. Kicks add the difference between the posterior and the
  reference (Shahbaba, Lan, Johnson & Neal 2014, section 3; Beskos, Pinski, Sanz-Serna & Stuart
  2011). A quarter turn forgets where it started. The better the reference, the fewer kicks it
  needs.
- A *jump* is proposed from a mixture of multivariate t distributions fitted to draws. That mixture
  follows the posterior's bends and covers each mode that some chain has visited (an independence
  sampler, Tierney 1994, section 2.3.3).

Both are Metropolis-Hastings steps, so the posterior is their stationary distribution whatever was
fitted. The posterior does not change when components are renumbered, so a chain can be seen as one
on the set of mixtures whose components are in a pivot's order, one of each K!. A sweep followed by
sorting is a sweep on that set. A move stays on that set if proposals outside of it are rejected. So
the reference and the proposals need to fit one labelling only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.samplers.gibbs.marginal_density import (
    MixtureArrays,
    log_density,
    log_density_and_gradient,
    pack,
)
from gmm_bayes.samplers.gibbs.sweep import MIN_WEIGHT, gibbs_sweep
from gmm_bayes.samplers.jumps import draw_proposal, in_order, log_proposal, place, whiten


class Moves(NamedTuple):
    """The moves that a chain makes between two sweeps.

    Parameters
    ----------
    n_kicks : int
        Kicks of a turn; with 0 the chain makes no turn.
    angle : float
        Rotation between two kicks.
    mean, factor : ndarray of shapes (P,) and (P, P)
        The Gaussian reference of the turns; the factor is its lower Cholesky factor.
    n_jumps : int
        Jumps after each sweep.
    jump_log_const : ndarray of shape (M,)
        Log weight less log determinant of each of the M components that jumps are proposed from.
    jump_cumulative : ndarray of shape (M,)
        Their cumulative weights.
    jump_means, jump_factors : ndarray of shapes (M, P) and (M, P, P)
    pivot : ndarray of shape (K, 1 + D)
        Log weights and means that give components their order.
    pivot_precision : ndarray of shape (K, 1 + D)
        Inverse variance of each entry of the pivot.
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


class Proposal(NamedTuple):
    """Arrays that each proposal is written to: the vector ``theta`` (P,) and its mixture."""

    theta: FloatArray
    mixture: MixtureArrays


class Trace(NamedTuple):
    """What happened in n iterations, on the standardised scale.

    Parameters
    ----------
    thetas : ndarray of shape (n, P)
        The vector in which each iteration ended.
    labels : ndarray of int, shape (n, K)
        Those of :class:`gmm_bayes.samplers.gibbs.sweep.State`.
    n_empty : ndarray of int, shape (n,)
        Components without a row.
    turned, jumped : ndarray of shape (n,)
        Acceptance probability of the turn and mean acceptance probability of the jumps; NaN where
        no such move was made.
    """

    thetas: FloatArray
    labels: IntArray
    n_empty: IntArray
    turned: FloatArray
    jumped: FloatArray

    def rows(self, start: int, stop: int) -> Trace:
        """Return views of some iterations."""
        return Trace._make(values[start:stop] for values in self)


def new_trace(n_iterations: int, size: int, n_components: int) -> Trace:
    """Return a trace whose values are not set."""
    n = n_iterations
    return Trace(
        np.empty((n, size)),
        np.empty((n, n_components), dtype=np.int64),
        np.empty(n, dtype=np.int64),
        np.empty(n),
        np.empty(n),
    )


# Turns -------------------------------------------------------------------------------------------


@njit()
def _kick(half, gradient, factor, z, momentum):  # type: ignore[no-untyped-def]
    """Add to `momentum` the difference between the posterior's slope and the reference's."""
    for i in range(z.shape[0]):
        momentum[i] += half * z[i]
    for j in range(z.shape[0]):
        push = half * gradient[j]
        for i in range(j + 1):
            momentum[i] += push * factor[j, i]


@njit()
def turn(rng, model, moves, theta, proposal):  # type: ignore[no-untyped-def]
    """Write a Hamiltonian proposal from `theta`; return its acceptance probability.

    The integrator kicks, rotates and kicks ``moves.n_kicks`` times. It keeps volume and can be
    reversed in time, so that the acceptance probability is ``min(1, exp(-change of energy))``.
    """
    p = theta.shape[0]
    z = np.empty(p)
    momentum = np.empty(p)
    gradient = np.empty(p)
    whiten(moves.mean, moves.factor, theta, z)
    value = log_density_and_gradient(theta, model, proposal.mixture, gradient)
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
        place(moves.mean, moves.factor, z, 1.0, proposal.theta)
        value = log_density_and_gradient(proposal.theta, model, proposal.mixture, gradient)
        if not math.isfinite(value):
            return 0.0
        _kick(0.5 * moves.angle, gradient, moves.factor, z, momentum)
    energy += value
    for i in range(p):
        energy -= 0.5 * momentum[i] * momentum[i]
    return math.exp(min(0.0, energy)) if math.isfinite(energy) else 0.0


@njit()
def _reorder(state, order):  # type: ignore[no-untyped-def]
    """Make the old component ``order[k]`` component k."""
    weights, means, whiteners = state.weights.copy(), state.means.copy(), state.whiteners.copy()
    labels = state.labels.copy()
    for k in range(order.shape[0]):
        state.weights[k] = weights[order[k]]
        state.means[k] = means[order[k]]
        state.whiteners[k] = whiteners[order[k]]
        state.labels[k] = labels[order[k]]


# The chain ---------------------------------------------------------------------------------------


@njit()
def _accept(state, theta, proposal):  # type: ignore[no-untyped-def]
    """Make the proposal the chain's state."""
    theta[:] = proposal.theta
    state.weights[:] = np.maximum(np.exp(proposal.mixture.log_weights), MIN_WEIGHT)
    state.means[:] = proposal.mixture.means
    state.whiteners[:] = proposal.mixture.whiteners


@njit()
def _make_turn(rng, model, moves, state, theta, proposal, order):  # type: ignore[no-untyped-def]
    """Make one turn; return its acceptance probability."""
    mixture = proposal.mixture
    chance = turn(rng, model, moves, theta, proposal)
    if chance > 0.0 and not in_order(moves, mixture.log_weights, mixture.means, order):
        chance = 0.0
    if rng.random() < chance:
        _accept(state, theta, proposal)
    return chance


@njit()
def _make_jumps(rng, model, moves, state, theta, proposal, order):  # type: ignore[no-untyped-def]
    """Make the jumps; return their mean acceptance probability."""
    mixture = proposal.mixture
    value = log_density(theta, model, mixture)
    weight = value - log_proposal(moves, theta)
    chances = 0.0
    for _ in range(moves.n_jumps):
        draw_proposal(rng, moves, proposal.theta)
        value = log_density(proposal.theta, model, mixture)
        other = value - log_proposal(moves, proposal.theta)
        if not math.isfinite(other):
            continue
        if not in_order(moves, mixture.log_weights, mixture.means, order):
            continue
        chance = math.exp(min(0.0, other - weight))
        chances += chance
        if rng.random() < chance:
            weight = other
            _accept(state, theta, proposal)
    return chances / moves.n_jumps


@njit()
def iterate(rng, model, state, moves, trace):  # type: ignore[no-untyped-def]
    """Run one sweep and its moves for every row of `trace`, a :class:`Trace`.

    `state` is updated in place.
    """
    thetas = trace.thetas
    n_components, n_features = state.means.shape
    mixture = MixtureArrays(
        np.empty(n_components),
        np.empty((n_components, n_features)),
        np.empty((n_components, n_features, n_features)),
    )
    proposal = Proposal(np.empty(thetas.shape[1]), mixture)
    order = np.empty(n_components, dtype=np.int64)
    moving = moves.n_kicks > 0 or moves.n_jumps > 0
    for row in range(thetas.shape[0]):
        trace.n_empty[row] = gibbs_sweep(rng, model, state)
        if moving and not in_order(moves, np.log(state.weights), state.means, order):
            _reorder(state, order)
        theta = thetas[row]
        pack(model, state.weights, state.means, state.whiteners, theta)
        trace.turned[row] = math.nan
        trace.jumped[row] = math.nan
        if moves.n_kicks > 0:
            trace.turned[row] = _make_turn(rng, model, moves, state, theta, proposal, order)
        if moves.n_jumps > 0:
            trace.jumped[row] = _make_jumps(rng, model, moves, state, theta, proposal, order)
        trace.labels[row] = state.labels
