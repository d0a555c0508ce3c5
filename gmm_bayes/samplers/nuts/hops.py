"""Compiled chains of the No-U-Turn sampler that also jump between modes.

Each iteration is a transition of NUTS with the metric of the whole posterior, one or more with the
metric of one of the normal distributions that jumps are proposed from, and a few jumps
(:mod:`gmm_bayes.samplers.jumps`). After each transition the components are sorted into a pivot's
order. Each of these leaves the posterior on one labelling invariant.

Those transitions are for modes of different shapes: with a metric that fits one of them, a chain
can hardly move in another one that is narrower. The metric is drawn regardless of where the chain
is, so that now and then it is the right one. An iteration counts as diverging where none of its
trajectories could follow the density.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.copying import set_vector
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import BoolArray, FloatArray, IntArray
from gmm_bayes.density.packed import packed_log_density
from gmm_bayes.density.simplex import write_log_weights
from gmm_bayes.samplers.jumps import draw_proposal, in_order, log_proposal
from gmm_bayes.samplers.nuts.transition import Target, new_point, transition

_LOCAL_DEPTH = 5
"""Doublings at most of a transition with the metric of one mode."""

_GAMMA, _T0, _KAPPA = 0.05, 10.0, 0.75
"""Of dual averaging, as in Hoffman & Gelman (2014, section 3.2)."""


class Jumps(NamedTuple):
    """Where jumps lead to.

    Parameters
    ----------
    n_jumps : int
        In each iteration.
    n_local : int
        Transitions in each iteration with the metric of one of the distributions.
    jump_log_const, jump_cumulative : ndarray of shape (M,)
    jump_means, jump_factors : ndarray of shapes (M, P) and (M, P, P)
        The mixture that they are proposed from, as in
        :class:`gmm_bayes.samplers.gibbs.moves.Moves`.
    pivot, pivot_precision : ndarray of shape (K, 1 + D)
        Log weights and means that give components their order, and inverse variances.
    layout : ndarray of int
        K and D, then the rows and columns of each block of the covariances' coordinates. A block
        has a row for each component, or one for all.
    """

    n_jumps: int
    n_local: int
    jump_log_const: FloatArray
    jump_cumulative: FloatArray
    jump_means: FloatArray
    jump_factors: FloatArray
    pivot: FloatArray
    pivot_precision: FloatArray
    layout: IntArray


class Steps(NamedTuple):
    """The step size and what adapts it, in arrays that the compiled loop writes to.

    Parameters
    ----------
    log_step : ndarray of shape (4,)
        The logarithm of the step, its average, the mean error of acceptance, and the number of
        iterations that adapted it.
    centre : float
        What the logarithm is drawn towards.
    accept : float
        The acceptance probability to reach.
    """

    log_step: FloatArray
    centre: float
    accept: float


class Hops(NamedTuple):
    """What happened in n iterations.

    Parameters
    ----------
    thetas : ndarray of shape (n, P)
    lp, energy, acceptance, jumped : ndarray of shape (n,)
        Log density, energy, mean acceptance probability of a transition's steps, and that of the
        jumps.
    depth, n_steps : ndarray of int, shape (n,)
    diverging : ndarray of bool, shape (n,)
    """

    thetas: FloatArray
    lp: FloatArray
    energy: FloatArray
    acceptance: FloatArray
    jumped: FloatArray
    depth: IntArray
    n_steps: IntArray
    diverging: BoolArray

    def rows(self, start: int, stop: int) -> Hops:
        """Return views of some iterations."""
        return Hops._make(values[start:stop] for values in self)


def new_hops(n: int, size: int) -> Hops:
    """Return arrays whose values are not set."""
    numbers = [np.empty(n) for _ in range(4)]
    counts = [np.empty(n, dtype=np.int64) for _ in range(2)]
    return Hops._make([np.empty((n, size)), *numbers, *counts, np.empty(n, dtype=np.bool_)])


@njit()
def write_permuted(theta, order, layout, out):  # type: ignore[no-untyped-def]
    """Write to `out` the vector whose component k is component ``order[k]`` of `theta`."""
    k, d = layout[0], layout[1]
    set_vector(out, theta)
    last = 0.0
    for i in range(k - 1):
        last -= theta[i]
    for i in range(k - 1):
        out[i] = theta[order[i]] if order[i] < k - 1 else last
    # The means are a block with a row for each component, and others may follow.
    at, rows, width = k - 1, k, d
    for block in range(layout.shape[0] // 2):
        if block > 0:
            rows, width = layout[2 * block], layout[2 * block + 1]
        for i in range(k if rows == k else 0):
            for j in range(width):
                out[at + i * width + j] = theta[at + order[i] * width + j]
        at += rows * width


@inlined()
def _sorted_order(theta, jumps, log_weights, order):  # type: ignore[no-untyped-def]
    """Return whether components are in the pivot's order; write the order that they should have."""
    k, d = jumps.layout[0], jumps.layout[1]
    write_log_weights(theta, log_weights)
    means = theta[k - 1 : k - 1 + k * d].reshape(k, d)
    return in_order(jumps, log_weights, means, order)


@inlined()
def _adapt(steps, acceptance):  # type: ignore[no-untyped-def]
    """Move the step towards the wanted acceptance by dual averaging."""
    s = steps.log_step
    s[3] += 1.0
    share = 1.0 / (s[3] + _T0)
    s[2] = (1.0 - share) * s[2] + share * (steps.accept - acceptance)
    s[0] = steps.centre - math.sqrt(s[3]) / _GAMMA * s[2]
    weight = s[3] ** -_KAPPA
    s[1] = weight * s[0] + (1.0 - weight) * s[1]


@njit()
def _sort(target, jumps, current, value, work):  # type: ignore[no-untyped-def]
    """Sort the components of a state into the pivot's order; return its log density.

    `work` holds an array each of shapes (P,) and (K,), and one of integers of shape (K,).
    """
    other, log_weights, order = work
    if _sorted_order(current.theta, jumps, log_weights, order):
        return value
    set_vector(other, current.theta)
    write_permuted(other, order, jumps.layout, current.theta)
    return packed_log_density(current.theta, target.packed, current.gradient)


@inlined()
def _local_transition(rng, target, jumps, step, current, value):  # type: ignore[no-untyped-def]
    """Make a transition with the metric of one of the distributions of jumps.

    Its step is up to twice as short, at random. Returns the log density and whether the trajectory
    diverged.
    """
    m = min(int(rng.random() * jumps.jump_factors.shape[0]), jumps.jump_factors.shape[0] - 1)
    local = Target(target.packed, jumps.jump_factors[m], min(target.max_depth, _LOCAL_DEPTH))
    found = transition(rng, local, step * (0.5 + 0.5 * rng.random()), current, value)
    return found[0], found[5]


@njit()
def hop(rng, target, jumps, steps, theta, adapting, trace):  # type: ignore[no-untyped-def]
    """Run one iteration for every row of `trace`, a :class:`Hops`; move `theta` (P,) to its end."""
    size = theta.shape[0]
    current = new_point(size)
    set_vector(current.theta, theta)
    value = packed_log_density(current.theta, target.packed, current.gradient)
    proposal, slopes, other = np.empty(size), np.empty(size), np.empty(size)
    log_weights = np.empty(jumps.layout[0])
    order = np.empty(jumps.layout[0], dtype=np.int64)
    work = (other, log_weights, order)
    for row in range(trace.lp.shape[0]):
        step = math.exp(steps.log_step[0] if adapting else steps.log_step[1])
        found = transition(rng, target, step, current, value)
        value = found[0]
        if adapting:
            _adapt(steps, found[4])
        value = _sort(target, jumps, current, value, work)
        diverged = found[5]
        for _ in range(jumps.n_local):
            value, also = _local_transition(rng, target, jumps, step, current, value)
            diverged = diverged and also
            value = _sort(target, jumps, current, value, work)
        chances = 0.0
        weight = value - log_proposal(jumps, current.theta) if jumps.n_jumps > 0 else 0.0
        for _ in range(jumps.n_jumps):
            draw_proposal(rng, jumps, proposal)
            if not _sorted_order(proposal, jumps, log_weights, order):
                continue
            there = packed_log_density(proposal, target.packed, slopes)
            if not math.isfinite(there):
                continue
            new_weight = there - log_proposal(jumps, proposal)
            chance = math.exp(min(0.0, new_weight - weight))
            chances += chance
            if rng.random() < chance:
                set_vector(current.theta, proposal)
                set_vector(current.gradient, slopes)
                value, weight = there, new_weight
        set_vector(trace.thetas[row], current.theta)
        trace.lp[row] = value
        trace.energy[row] = found[1]
        trace.depth[row] = found[2]
        trace.n_steps[row] = found[3]
        trace.acceptance[row] = found[4]
        trace.diverging[row] = diverged
        trace.jumped[row] = chances / max(jumps.n_jumps, 1)
    set_vector(theta, current.theta)
