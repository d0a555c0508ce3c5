"""The compiled sweep of the telescoping sampler (Frühwirth-Schnatter et al. 2021, algorithm 1).

A sweep allocates the rows given all K components, draws the parameters of the components that have
rows, then K given the partition of the rows and those parameters, and last the K - K+ components
without rows from the prior. K is drawn with the weights and the components without rows integrated
out, so that no reversible jump is needed.
"""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.copying import copy_matrix, copy_vector, set_matrix
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.density.moments import FactorisedMixture, Sums
from gmm_bayes.samplers.gibbs.allocation import add_rows
from gmm_bayes.samplers.gibbs.sweep import (
    MIN_WEIGHT,
    draw_components,
    draw_empty_components,
    draw_shared_scatter,
    log_constants,
)
from gmm_bayes.unknown_k.conditional_of_k import draw_from_logs, log_conditional_of_k
from gmm_bayes.unknown_k.moves_between_partitions import split_or_merge

SPLITS_AND_MERGES = 2
"""Splits and merges that are proposed in each sweep, where covariances are not shared."""


@inlined()
def fill_first(state, sums):  # type: ignore[no-untyped-def]
    """Move the components with rows to the front, and their sums with them; return how many."""
    filled = 0
    n = state.n_components[0]
    for k in range(n):
        if sums.counts[k] == 0.0:
            continue
        state.places[k] = filled
        if filled < k:
            copy_vector(state.means, filled, state.means, k)
            copy_matrix(state.whiteners, filled, state.whiteners, k)
            sums.counts[filled] = sums.counts[k]
            copy_vector(sums.first, filled, sums.first, k)
            copy_matrix(sums.second, filled, sums.second, k)
        filled += 1
    for k in range(filled, n):
        sums.counts[k] = 0.0
    state.n_components[1] = filled
    return filled


@inlined()
def draw_weights(rng, unknown, model, state, counts):  # type: ignore[no-untyped-def]
    """Draw the weights of all K components given the counts of their rows."""
    n = state.n_components[0]
    concentration = model.concentration / n if unknown.dynamic else model.concentration
    total = 0.0
    for k in range(n):
        state.weights[k] = rng.standard_gamma(concentration + counts[k])
        total += state.weights[k]
    for k in range(n):
        state.weights[k] = max(state.weights[k] / total, MIN_WEIGHT)


@inlined()
def allocate_rows(rng, model, state, sums):  # type: ignore[no-untyped-def]
    """Draw every row's component; write their moments to `sums`, those with rows first."""
    n = state.n_components[0]
    n_features = state.means.shape[1]
    log_weights = np.empty(n)
    for k in range(n):
        log_weights[k] = math.log(state.weights[k])
        sums.counts[k] = 0.0
        for i in range(n_features):
            sums.first[k, i] = 0.0
            for j in range(n_features):
                sums.second[k, i, j] = 0.0
    log_const = np.empty(n)
    log_constants(log_weights, state.whiteners, log_const)
    components = FactorisedMixture(log_const, state.means[:n], state.whiteners[:n])
    add_rows(model.data, rng, components, sums, state.allocations)
    return fill_first(state, sums)


@inlined()
def sweep(rng, model, unknown, hyper, state, sums, logs):  # type: ignore[no-untyped-def]
    """Make one sweep of the telescoping sampler; ``sums`` and ``logs`` (M,) are work space."""
    filled = allocate_rows(rng, model, state, sums)
    of_filled = Sums(sums.counts[:filled], sums.first[:filled], sums.second[:filled])
    draw_components(rng, model, of_filled, state.means[:filled], state.whiteners[:filled])
    if not model.shared:
        for _ in range(SPLITS_AND_MERGES):
            split_or_merge(rng, model, unknown, state, sums.counts, logs)
        filled = state.n_components[1]
    if hyper.power.shape[0] > 0:
        n = 1 if model.shared else filled
        power = hyper.power[n - 1]
        draw_shared_scatter(rng, model, power, hyper.rate, state.whiteners, n, model.psi)
    log_conditional_of_k(model, unknown, sums.counts, filled, state.whiteners, logs)
    n = draw_from_logs(rng, logs) + 1
    state.n_components[0] = n
    if unknown.psi.shape[0] > 0:
        set_matrix(model.psi, unknown.psi[n - 1])
    for k in range(filled, n):
        sums.counts[k] = 0.0
    draw_empty_components(rng, model, filled, state.means[:n], state.whiteners[:n])
    draw_weights(rng, unknown, model, state, sums.counts)


@njit()
def iterate(rng, model, unknown, hyper, state, trace, n_sweeps):  # type: ignore[no-untyped-def]
    """Make `n_sweeps` sweeps for every row of `trace`, a :class:`TelescopeTrace`."""
    largest, d = state.means.shape
    sums = Sums(np.zeros(largest), np.zeros((largest, d)), np.zeros((largest, d, d)))
    logs = np.empty(largest)
    for row in range(trace.n_components.shape[0]):
        for _ in range(n_sweeps):
            sweep(rng, model, unknown, hyper, state, sums, logs)
        n = state.n_components[0]
        trace.n_components[row] = n
        trace.n_filled[row] = state.n_components[1]
        for k in range(n):
            trace.weights[row, k] = state.weights[k]
            copy_vector(trace.means[row], k, state.means, k)
            copy_matrix(trace.whiteners[row], k, state.whiteners, k)
        for i in range(trace.allocations.shape[1]):
            trace.allocations[row, i] = state.places[state.allocations[i]]
