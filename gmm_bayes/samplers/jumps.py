"""Jumps: independent proposals from a mixture of t distributions fitted to draws, compiled.

The mixture follows the posterior's bends and covers each mode that some chain has visited (an
independence sampler, Tierney 1994, section 2.3.3). The posterior does not change when components
are renumbered, so a chain can be seen as one on the set of mixtures whose components are in a
pivot's order, one of each K!. It stays there if its components are sorted after any other move and
if proposals outside of the set are rejected. So the proposals need to fit one labelling only.
"""

from __future__ import annotations

import math

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.core.types import FloatArray
from gmm_em import ConjugatePrior, DegenerateError, Mixture, fit_em

T_DOF = 20.0
"""Degrees of freedom of the t distributions, whose tails are then wider than a posterior's."""


_DRAWS_PER_PROPOSAL = 10
"""Draws for each parameter of one such component."""


def fit_proposals(z: FloatArray, seed: np.random.SeedSequence, most: int) -> Mixture | None:
    """Return a mixture fitted to whitened draws (n, P), or None where that is impossible.

    Each component's covariance is shrunk to the identity as if twice as many draws as there are
    parameters had it. `most` is the largest number of components.
    """
    n, p = z.shape
    prior = ConjugatePrior(mean_loc=z.mean(axis=0), nu=float(p), psi=(2.0 * p + 2.0) * np.eye(p))
    try:
        return fit_em(
            z,
            max(1, min(n // (_DRAWS_PER_PROPOSAL * p), most)),
            prior=prior,
            tol=1e-3,
            max_iter=50,
            n_init=1,
            init_params="k-means++",
            n_threads=1,
            random_state=np.random.default_rng(seed),
        ).mixture
    except DegenerateError:
        # The draws of an empty component may lie on a hyperplane in double precision.
        return None


@njit()
def whiten(mean, factor, theta, z):  # type: ignore[no-untyped-def]
    """Write ``factor^-1 (theta - mean)`` to `z`."""
    for i in range(z.shape[0]):
        acc = theta[i] - mean[i]
        for j in range(i):
            acc -= factor[i, j] * z[j]
        z[i] = acc / factor[i, i]


@njit()
def place(mean, factor, z, scale, theta):  # type: ignore[no-untyped-def]
    """Write ``mean + scale factor z`` to `theta`."""
    for i in range(z.shape[0]):
        acc = 0.0
        for j in range(i + 1):
            acc += factor[i, j] * z[j]
        theta[i] = mean[i] + scale * acc


@njit()
def log_proposal(moves, theta):  # type: ignore[no-untyped-def]
    """Return the log density of jumps at `theta`, up to a constant."""
    p = theta.shape[0]
    n = moves.jump_log_const.shape[0]
    z = np.empty(p)
    terms = np.empty(n)
    for m in range(n):
        whiten(moves.jump_means[m], moves.jump_factors[m], theta, z)
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
    place(moves.jump_means[m], moves.jump_factors[m], z, scale, theta)


@njit()
def assign(costs, order):  # type: ignore[no-untyped-def]  # noqa: C901 - one textbook algorithm
    """Write to ``order[row]`` the column of each row in the cheapest assignment of `costs` (K, K).

    This is the twin of :func:`gmm_em.matching.assign` for compiled code, which cannot call SciPy.
    It follows shortest augmenting paths with potentials (Kuhn 1955; Jonker & Volgenant 1987).
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
    """Return whether the components are in the pivot's order; write the order they should be in."""
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
