"""One compiled transition of the No-U-Turn sampler with a fixed step and a dense metric.

Positions are ``theta = F z`` with F the metric's Cholesky factor; momenta belong to z and are
standard normal. The tree of states is doubled until it turns back (Hoffman & Gelman 2014), the next
state is drawn from it with multinomial weights (Betancourt 2017, appendix A), and a subtree is
built step by step: of its earlier states only those are kept whose spans end at the current one, so
that memory grows with the tree's depth (Phan, Pradhan & Jankowiak 2019).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.copying import set_vector
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.packed import packed_log_density

MAX_ENERGY_ERROR = 1000.0
"""A trajectory whose energy grows by more has diverged."""


class Target(NamedTuple):
    """What a transition needs to know.

    Parameters
    ----------
    packed : ndarray
        As :func:`gmm_bayes.density.packed.packed_log_density` reads it.
    factor : ndarray of shape (P, P)
        Lower Cholesky factor of the metric, the covariance of the posterior as far as it is known.
    max_depth : int
        Doublings at most.
    """

    packed: FloatArray
    factor: FloatArray
    max_depth: int


class Point(NamedTuple):
    """A state on a trajectory: position, its gradient, and momentum, each of shape (P,)."""

    theta: FloatArray
    gradient: FloatArray
    momentum: FloatArray


@njit()
def new_point(size):  # type: ignore[no-untyped-def]
    """Return a :class:`Point` whose values are not set."""
    return Point(np.empty(size), np.empty(size), np.empty(size))


@inlined()
def _copy(source, target):  # type: ignore[no-untyped-def]
    """Make `target` the same point as `source`."""
    set_vector(target.theta, source.theta)
    set_vector(target.gradient, source.gradient)
    set_vector(target.momentum, source.momentum)


@njit()
def _push(half, factor, point):  # type: ignore[no-untyped-def]
    """Add ``half F' gradient`` to the momentum."""
    for j in range(point.theta.shape[0]):
        push = half * point.gradient[j]
        for i in range(j + 1):
            point.momentum[i] += push * factor[j, i]


@inlined()
def _leap(target, step, point):  # type: ignore[no-untyped-def]
    """Move the point by one leapfrog step; return the log density there."""
    factor = target.factor
    _push(0.5 * step, factor, point)
    for i in range(point.theta.shape[0]):
        acc = 0.0
        for j in range(i + 1):
            acc += factor[i, j] * point.momentum[j]
        point.theta[i] += step * acc
    value = packed_log_density(point.theta, target.packed, point.gradient)
    if math.isfinite(value):
        _push(0.5 * step, factor, point)
    return value


@njit()
def _square(values):  # type: ignore[no-untyped-def]
    """Return the squared length."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i] * values[i]
    return total


@njit()
def _turns_back(one, other, total):  # type: ignore[no-untyped-def]
    """Return whether a span turns back, from the momenta at its ends and the sum of all.

    Each end counts half, as an integral over the span would have it (Betancourt 2017).
    """
    at_one, at_other = 0.0, 0.0
    for i in range(total.shape[0]):
        middle = total[i] - 0.5 * (one[i] + other[i])
        at_one += one[i] * middle
        at_other += other[i] * middle
    return at_one <= 0.0 or at_other <= 0.0


@inlined()
def _span_ends(leaf):  # type: ignore[no-untyped-def]
    """Return the first and last of the kept states from which spans reach leaf number `leaf`."""
    last, left = 0, leaf >> 1
    while left > 0:
        last += left & 1
        left >>= 1
    n_spans, left = 0, leaf
    while left & 1:
        n_spans += 1
        left >>= 1
    return last - n_spans + 1, last


@inlined()
def _subtree(rng, target, step, depth, energy, point, proposal, sums):  # type: ignore[no-untyped-def]
    """Build a subtree of ``2**depth`` steps onwards from `point`, which is moved to its end.

    The momenta are added to ``sums`` (P,), a state drawn by its weight is written to `proposal`.
    Returns the log weight, the sum of the steps' acceptance probabilities, the number of steps, the
    log density and energy of the proposal, and whether the subtree turns back or has diverged.
    """
    size = point.theta.shape[0]
    kept = np.empty((depth + 1, size))
    kept_sums = np.empty((depth + 1, size))
    total = np.zeros(size)
    log_weight, acceptance = -math.inf, 0.0
    proposal_value, proposal_energy = -math.inf, math.inf
    span = np.empty(size)
    for leaf in range(2**depth):
        value = _leap(target, step, point)
        new_energy = 0.5 * _square(point.momentum) - value
        error = new_energy - energy
        if not error < MAX_ENERGY_ERROR:
            return log_weight, acceptance, leaf + 1, proposal_value, proposal_energy, True, True
        acceptance += min(1.0, math.exp(-error))
        joint = max(log_weight, -error)
        joint += math.log(math.exp(log_weight - joint) + math.exp(-error - joint))
        if math.log(rng.random()) < -error - joint:
            _copy(point, proposal)
            proposal_value, proposal_energy = value, new_energy
        log_weight = joint
        for j in range(size):
            total[j] += point.momentum[j]
        first, last = _span_ends(leaf)
        if leaf % 2 == 0:
            set_vector(kept[last], point.momentum)
            set_vector(kept_sums[last], total)
        else:
            for i in range(last, first - 1, -1):
                for j in range(size):
                    span[j] = total[j] - kept_sums[i, j] + kept[i, j]
                if _turns_back(kept[i], point.momentum, span):
                    n = leaf + 1
                    return log_weight, acceptance, n, proposal_value, proposal_energy, True, False
    for j in range(size):
        sums[j] += total[j]
    return log_weight, acceptance, 2**depth, proposal_value, proposal_energy, False, False


@njit()
def transition(rng, target, step, current, value):  # type: ignore[no-untyped-def]
    """Make one transition from `current`, a :class:`Point` whose log density is `value`.

    `current` is moved to the new state. Returns its log density and energy, the depth of the tree,
    the number of steps, their mean acceptance probability, and whether the trajectory diverged.
    """
    size = current.theta.shape[0]
    for i in range(size):
        current.momentum[i] = rng.standard_normal()
    energy = 0.5 * _square(current.momentum) - value
    ends = (new_point(size), new_point(size))
    _copy(current, ends[0])
    _copy(current, ends[1])
    sums = current.momentum.copy()
    proposal = new_point(size)
    log_weight, acceptance, n_steps, depth = 0.0, 0.0, 0, 0
    new_value, new_energy, diverged = value, energy, False
    while depth < target.max_depth:
        side = 1 if rng.random() < 0.5 else 0
        forward = step if side == 1 else -step
        found = _subtree(rng, target, forward, depth, energy, ends[side], proposal, sums)
        acceptance += found[1]
        n_steps += found[2]
        diverged = found[6]
        if found[5]:
            break
        depth += 1
        if math.log(rng.random()) < found[0] - log_weight:
            _copy(proposal, current)
            new_value, new_energy = found[3], found[4]
        joint = max(log_weight, found[0])
        log_weight = joint + math.log(math.exp(log_weight - joint) + math.exp(found[0] - joint))
        if _turns_back(ends[0].momentum, ends[1].momentum, sums):
            break
    return new_value, new_energy, depth, n_steps, acceptance / max(n_steps, 1), diverged
