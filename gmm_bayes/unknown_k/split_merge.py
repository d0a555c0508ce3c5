"""Moves that split a component with rows in two, or merge two into one, compiled.

The telescoping sweep changes the number of components with rows only when a component drawn from
the prior happens to take rows, which is rare where the prior is vague. These moves propose such
changes from the rows themselves (Jain & Neal 2007, Bayesian Analysis 2, 445-472, section 3). They
act on the partition of the rows and on the parameters of the components with rows. The weights, the
components without rows and their number are integrated out; K is drawn anew right afterwards.

Two rows are picked at random. If they are in one component, its rows are dealt out to two new
ones, one for each of the two rows. If they are in two components, these are merged. The
proposal of a split starts from a launch state that is made in the same way whichever the move: rows
go to the nearer of the two, followed by scans that draw the rows' sides and the parameters in turn.
"""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.density.moments import Sums
from gmm_bayes.samplers.gibbs.sweep import draw_components
from gmm_bayes.unknown_k.component_density import log_component_density

_LAUNCH_SCANS = 3
"""Scans that make the launch state of a split."""


@inlined()
def gather(rng, n_rows, allocations):  # type: ignore[no-untyped-def]
    """Pick two rows; return them first, and then all others of their components."""
    i = rng.integers(0, n_rows)
    j = rng.integers(0, n_rows - 1)
    j += j >= i
    rows = np.empty(n_rows, dtype=np.int64)
    rows[0] = i
    rows[1] = j
    n = 2
    for row in range(n_rows):
        if row in (i, j):
            continue
        if allocations[row] in (allocations[i], allocations[j]):
            rows[n] = row
            n += 1
    return rows[:n]


@njit()
def _log_density(data, row, mean, whitener):  # type: ignore[no-untyped-def]
    """Return the log density of a row under one component, less ``-D log(2 pi) / 2``."""
    d = data.shape[0]
    value = 0.0
    for i in range(d):
        white = 0.0
        for j in range(i + 1):
            white += whitener[i, j] * (data[j, row] - mean[j])
        value += math.log(whitener[i, i]) - 0.5 * white * white
    return value


@inlined()
def _clear(sums, centre):  # type: ignore[no-untyped-def]
    """Set the first component's sums and `centre` (D,) to zero."""
    sums.counts[0] = 0.0
    for i in range(centre.shape[0]):
        centre[i] = 0.0
        sums.first[0, i] = 0.0
        for j in range(centre.shape[0]):
            sums.second[0, i, j] = 0.0


@njit()
def _moments(data, rows, sides, side, centre, sums):  # type: ignore[no-untyped-def]
    """Write the mean of the rows on one side to `centre` and their moments around it to `sums`."""
    d = data.shape[0]
    _clear(sums, centre)
    for m in range(rows.shape[0]):
        if sides[m] == side:
            sums.counts[0] += 1.0
            for i in range(d):
                centre[i] += data[i, rows[m]]
    for i in range(d):
        centre[i] /= sums.counts[0]
    for m in range(rows.shape[0]):
        if sides[m] == side:
            for i in range(d):
                for j in range(i + 1):
                    sums.second[0, i, j] += (data[i, rows[m]] - centre[i]) * (
                        data[j, rows[m]] - centre[j]
                    )


@njit()
def _draw_side(rng, model, rows, sides, side, mean, whitener, sums):  # type: ignore[no-untyped-def]
    """Draw the parameters (1, D) and (1, D, D) of the rows on one side, given their mean."""
    _moments(model.data, rows, sides, side, mean[0], sums)
    draw_components(rng, model, sums, mean, whitener)


@njit()
def _log_drawn(model, rows, sides, side, mean, whitener, sums):  # type: ignore[no-untyped-def]
    """Return the log density of what :func:`_draw_side` draws."""
    centre = np.empty(mean.shape[0])
    _moments(model.data, rows, sides, side, centre, sums)
    return log_component_density(
        model, sums.counts[0], sums.first[0], sums.second[0], centre, whitener, mean
    )


@njit()
def _scan(rng, data, rows, sides, concentration, means, whiteners, wanted):  # type: ignore[no-untyped-def]
    """Draw the side of every row but the first two; return the log probability of what came.

    Where `wanted` is not empty, its sides are taken instead, so that the result is their log
    probability. The weights of the two sides are integrated out.
    """
    counts = np.zeros(2)
    for m in range(rows.shape[0]):
        counts[sides[m]] += 1.0
    log_probability = 0.0
    for m in range(2, rows.shape[0]):
        counts[sides[m]] -= 1.0
        first = math.log(counts[0] + concentration)
        first += _log_density(data, rows[m], means[0], whiteners[0])
        second = math.log(counts[1] + concentration)
        second += _log_density(data, rows[m], means[1], whiteners[1])
        log_first = -math.log1p(math.exp(min(second - first, 700.0)))
        log_second = -math.log1p(math.exp(min(first - second, 700.0)))
        if wanted.shape[0] > 0:
            sides[m] = wanted[m]
        else:
            sides[m] = 0 if rng.random() < math.exp(log_first) else 1
        log_probability += log_first if sides[m] == 0 else log_second
        counts[sides[m]] += 1.0
    return log_probability


@njit()
def _launch(rng, model, rows, sides, concentration, means, whiteners, sums):  # type: ignore[no-untyped-def]
    """Make the launch state of a split: the sides of the rows, and two components."""
    data = model.data
    sides[0] = 0
    sides[1] = 1
    for m in range(2, rows.shape[0]):
        nearer = 0.0
        for i in range(data.shape[0]):
            nearer += (data[i, rows[m]] - data[i, rows[1]]) ** 2
            nearer -= (data[i, rows[m]] - data[i, rows[0]]) ** 2
        sides[m] = 0 if nearer > 0.0 else 1
    nothing = np.empty(0, dtype=np.int64)
    for scan in range(_LAUNCH_SCANS):
        if scan > 0:
            _scan(rng, data, rows, sides, concentration, means, whiteners, nothing)
        for side in range(2):
            _draw_side(
                rng, model, rows, sides, side, means[side : side + 1],
                whiteners[side : side + 1], sums,
            )  # fmt: skip


@inlined()
def _log_likelihood(data, rows, sides, means, whiteners):  # type: ignore[no-untyped-def]
    """Return the log density of the rows given their sides, but for a constant."""
    total = 0.0
    for m in range(rows.shape[0]):
        total += _log_density(data, rows[m], means[sides[m]], whiteners[sides[m]])
    return total


@inlined()
def _log_prior(model, mean, whitener):  # type: ignore[no-untyped-def]
    """Return the log prior density of one component."""
    d = mean.shape[0]
    zero = np.zeros(d)
    return log_component_density(model, 0.0, zero, np.zeros((d, d)), zero, whitener, mean)


@inlined()
def propose_split(rng, model, concentration, rows, means, whiteners, sides):  # type: ignore[no-untyped-def]
    """Split the rows; return the log density of the proposal."""
    d = means.shape[1]
    sums = Sums(np.zeros(1), np.zeros((1, d)), np.zeros((1, d, d)))
    nothing = np.empty(0, dtype=np.int64)
    _launch(rng, model, rows, sides, concentration, means, whiteners, sums)
    value = _scan(rng, model.data, rows, sides, concentration, means, whiteners, nothing)
    for side in range(2):
        own = slice(side, side + 1)
        _draw_side(rng, model, rows, sides, side, means[own], whiteners[own], sums)
        value += _log_drawn(model, rows, sides, side, means[side], whiteners[side], sums)
    return value


@inlined()
def log_split(rng, model, concentration, rows, means, whiteners, wanted):  # type: ignore[no-untyped-def]
    """Return the log density with which a split gives the sides `wanted` and two components."""
    d = means.shape[1]
    sums = Sums(np.zeros(1), np.zeros((1, d)), np.zeros((1, d, d)))
    sides = np.empty(rows.shape[0], dtype=np.int64)
    launch_means = np.zeros((2, d))
    launch_whiteners = np.zeros((2, d, d))
    _launch(rng, model, rows, sides, concentration, launch_means, launch_whiteners, sums)
    value = _scan(
        rng, model.data, rows, sides, concentration, launch_means, launch_whiteners, wanted
    )
    for side in range(2):
        value += _log_drawn(model, rows, wanted, side, means[side], whiteners[side], sums)
    return value


@njit()
def log_rows_and_components(model, rows, sides, means, whiteners):  # type: ignore[no-untyped-def]
    """Return the log density of the rows on their sides, and the log prior of these components."""
    total = _log_likelihood(model.data, rows, sides, means, whiteners)
    for side in range(means.shape[0]):
        total += _log_prior(model, means[side], whiteners[side])
    return total


@inlined()
def draw_merged(rng, model, rows, mean, whitener):  # type: ignore[no-untyped-def]
    """Draw the component (1, D) and (1, D, D) of all rows together; return the log density."""
    d = mean.shape[1]
    sums = Sums(np.zeros(1), np.zeros((1, d)), np.zeros((1, d, d)))
    sides = np.zeros(rows.shape[0], dtype=np.int64)
    _draw_side(rng, model, rows, sides, sides[0], mean, whitener, sums)
    return _log_drawn(model, rows, sides, sides[0], mean[0], whitener[0], sums)


@inlined()
def log_merged(model, rows, mean, whitener):  # type: ignore[no-untyped-def]
    """Return the log density with which :func:`draw_merged` gives a component (D,) and (D, D)."""
    d = mean.shape[0]
    sums = Sums(np.zeros(1), np.zeros((1, d)), np.zeros((1, d, d)))
    sides = np.zeros(rows.shape[0], dtype=np.int64)
    return _log_drawn(model, rows, sides, sides[0], mean, whitener, sums)
