"""Acceptance of splits and merges of components with rows, compiled.

What is proposed, and with which density, is in :mod:`gmm_bayes.unknown_k.split_merge`.
"""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.copying import copy_matrix, copy_vector, set_matrix
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.unknown_k.conditional_of_k import log_partition, log_without_k
from gmm_bayes.unknown_k.split_merge import (
    draw_merged,
    gather,
    log_merged,
    log_rows_and_components,
    log_split,
    propose_split,
)


@inlined()
def split(rng, model, unknown, state, rows, counts, logs):  # type: ignore[no-untyped-def]
    """Propose to split the component of the rows, and do so if that is accepted."""
    filled = state.n_components[1]
    if filled == state.weights.shape[0]:
        return
    reference = filled - 1
    if unknown.psi.shape[0] > 0:
        set_matrix(model.psi, unknown.psi[reference])
    d = model.data.shape[0]
    old = state.allocations[rows[0]]
    sides = np.zeros(rows.shape[0], dtype=np.int64)
    mean, whitener = np.empty((1, d)), np.empty((1, d, d))
    copy_vector(mean, 0, state.means, old)
    copy_matrix(whitener, 0, state.whiteners, old)
    here = log_rows_and_components(model, rows, sides, mean, whitener)
    here = log_without_k(unknown, reference, here, whitener)
    here += log_partition(model, unknown, counts, filled, state.whiteners, logs)
    back = log_merged(model, rows, mean[0], whitener[0])
    means, whiteners = np.zeros((2, d)), np.zeros((2, d, d))
    forth = propose_split(rng, model, model.concentration, rows, means, whiteners, sides)
    there = log_rows_and_components(model, rows, sides, means, whiteners)
    there = log_without_k(unknown, reference, there, whiteners)
    count = counts[old]
    counts[filled] = sides.sum()
    counts[old] = count - counts[filled]
    copy_matrix(state.whiteners, old, whiteners, 0)
    copy_matrix(state.whiteners, filled, whiteners, 1)
    there += log_partition(model, unknown, counts, filled + 1, state.whiteners, logs)
    if math.log(rng.random()) < there - here + back - forth:
        copy_vector(state.means, old, means, 0)
        copy_vector(state.means, filled, means, 1)
        for m in range(rows.shape[0]):
            if sides[m] == 1:
                state.allocations[rows[m]] = filled
        state.n_components[1] = filled + 1
        return
    copy_matrix(state.whiteners, old, whitener, 0)
    counts[old] = count
    counts[filled] = 0.0


@inlined()
def merge(rng, model, unknown, state, rows, counts, logs):  # type: ignore[no-untyped-def]
    """Propose to merge the two components of the rows, and do so if that is accepted."""
    filled = state.n_components[1]
    reference = filled - 2
    if unknown.psi.shape[0] > 0:
        set_matrix(model.psi, unknown.psi[reference])
    d = model.data.shape[0]
    kept, gone = state.allocations[rows[0]], state.allocations[rows[1]]
    last = filled - 1
    sides = np.empty(rows.shape[0], dtype=np.int64)
    for m in range(rows.shape[0]):
        sides[m] = 0 if state.allocations[rows[m]] == kept else 1
    means, whiteners = np.empty((2, d)), np.empty((2, d, d))
    copy_vector(means, 0, state.means, kept)
    copy_vector(means, 1, state.means, gone)
    copy_matrix(whiteners, 0, state.whiteners, kept)
    copy_matrix(whiteners, 1, state.whiteners, gone)
    here = log_rows_and_components(model, rows, sides, means, whiteners)
    here = log_without_k(unknown, reference, here, whiteners)
    here += log_partition(model, unknown, counts, filled, state.whiteners, logs)
    back = log_split(rng, model, model.concentration, rows, means, whiteners, sides)
    mean, whitener = np.zeros((1, d)), np.zeros((1, d, d))
    forth = draw_merged(rng, model, rows, mean, whitener)
    there = log_rows_and_components(model, rows, np.zeros_like(sides), mean, whitener)
    there = log_without_k(unknown, reference, there, whitener)
    count_kept, count_gone, count_last = counts[kept], counts[gone], counts[last]
    # The last component takes the place of the one that goes, or else is the one that goes.
    counts[gone] = count_last
    counts[kept] = count_kept + count_gone
    counts[last] = counts[last] if last == kept else 0.0
    copy_matrix(state.whiteners, gone, state.whiteners, last)
    copy_matrix(state.whiteners, kept, whitener, 0)
    if last == kept:
        counts[gone] = count_kept + count_gone
        counts[last] = 0.0
        copy_matrix(state.whiteners, gone, whitener, 0)
    there += log_partition(model, unknown, counts, last, state.whiteners, logs)
    if math.log(rng.random()) < there - here + back - forth:
        copy_vector(state.means, gone, state.means, last)
        copy_vector(state.means, kept, mean, 0)
        if last == kept:
            copy_vector(state.means, gone, mean, 0)
        for i in range(state.allocations.shape[0]):
            if state.allocations[i] == gone:
                state.allocations[i] = kept
            if state.allocations[i] == last:
                state.allocations[i] = gone
        state.n_components[1] = last
        return
    counts[kept], counts[gone] = count_kept, count_gone
    if last != kept and last != gone:
        counts[last] = count_last
    copy_matrix(state.whiteners, kept, whiteners, 0)
    copy_matrix(state.whiteners, gone, whiteners, 1)


@njit()
def split_or_merge(rng, model, unknown, state, counts, logs):  # type: ignore[no-untyped-def]
    """Propose to split or to merge components with rows (:mod:`gmm_bayes.unknown_k.split_merge`).

    Updates the partition, the parameters and the number of components with rows; K, which is
    integrated out, must be drawn next. `counts` (M,) are those of the components' rows.
    """
    n_rows = state.allocations.shape[0]
    for i in range(n_rows):
        state.allocations[i] = state.places[state.allocations[i]]
    for k in range(state.places.shape[0]):
        state.places[k] = k
    rows = gather(rng, n_rows, state.allocations)
    if state.allocations[rows[0]] == state.allocations[rows[1]]:
        split(rng, model, unknown, state, rows, counts, logs)
    else:
        merge(rng, model, unknown, state, rows, counts, logs)
