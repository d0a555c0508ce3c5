"""Undoing label switching: one labelling for all draws of a posterior.

The likelihood and the priors here do not change when components are renumbered, so the posterior
has K! copies of every mode and the numbers of the components mean nothing until draws are aligned.
Every method here reduces one draw to a K x K table of costs, "reference component k is the draw's
component j", and minimises its sum over permutations exactly (Jonker-Volgenant assignment, O(K^3)).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gmm_bayes.draws import MixtureDraws
from gmm_em import Mixture

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MAX_ROUNDS = 50  # rounds of align-and-average; two or three are usual
_CANDIDATES = 32  # draws considered as the first pivot


def relabel(
    draws: MixtureDraws, reference: Mixture | None = None, method: str = "pivot"
) -> tuple[MixtureDraws, IntArray]:
    """Return the draws with aligned labels, and the permutations that align them.

    Parameters
    ----------
    draws : MixtureDraws
    reference : gmm_em.Mixture, optional
        Align to this mixture and keep its order of components. Without it, the pivot is found from
        the draws themselves (their medoid first, then the average of the aligned draws until no
        permutation changes) and components are numbered by decreasing average weight.
    method : {"pivot"}, default "pivot"
        Pivotal reordering (Marin, Mengersen & Robert 2005): each draw is brought closest to the
        pivot. Closeness is the Kullback-Leibler divergence from the pivot to the draw as
        distributions of row *and* component, ``sum_k w_k [log(w_k / w'_j) + KL(N_k || N'_j)]``. It
        is in closed form, does not depend on the units of the data, and needs no data: it is what
        the allocation-based ECR algorithm (Papastamoulis & Iliopoulos 2010) becomes when its
        average over the observed rows is replaced by the expectation under the pivot.

    Returns
    -------
    aligned : MixtureDraws
    permutations : ndarray of int, shape (C, S, K)
        ``draws.permute(permutations)`` is `aligned`.

    Raises
    ------
    ValueError
        If the method is unknown or the reference does not match the draws.
    """
    if method not in METHODS:
        raise ValueError(
            f"method of relabelling is {method!r}; allowed are {', '.join(map(repr, METHODS))}"
        )
    if reference is not None and (reference.n_components, reference.n_features) != (
        draws.n_components,
        draws.n_features,
    ):
        raise ValueError(
            f"the reference has {reference.n_components} components and {reference.n_features} "
            f"features, but the draws have {draws.n_components} and {draws.n_features}"
        )
    permutations = METHODS[method](draws, reference)
    return draws.permute(permutations), permutations


def _pivot(draws: MixtureDraws, reference: Mixture | None) -> IntArray:
    if reference is not None:
        return _assign(_divergence(reference, draws))
    permutations = _assign(_divergence(_medoid(draws), draws))
    for _ in range(_MAX_ROUNDS):
        previous = permutations
        permutations = _assign(_divergence(draws.permute(previous).mean(), draws))
        if np.array_equal(permutations, previous):
            break
    weights = np.take_along_axis(draws.weights, permutations, axis=2).mean(axis=(0, 1))
    return np.asarray(permutations[..., np.argsort(-weights, kind="stable")])


METHODS: dict[str, Callable[[MixtureDraws, Mixture | None], IntArray]] = {"pivot": _pivot}


def _divergence(pivot: Mixture, draws: MixtureDraws) -> FloatArray:
    """Return costs (C, S, K, K): pivot component k (row) taken for the draw's component j (column).

    ``-w_k E[log w'_j N(x | j)]`` for x from the pivot's component k: the divergence in
    :func:`relabel` but for a term that is the same for every permutation.
    """
    whiteners = np.linalg.inv(draws.scale_trils)[..., None, :, :, :]
    shifts = pivot.means[:, None, :] - draws.means[..., None, :, :]
    spread = whiteners @ pivot.scale_trils[:, None, :, :]
    distance = (whiteners @ shifts[..., None])[..., 0]
    diagonals = np.diagonal(draws.scale_trils, axis1=-2, axis2=-1)
    floor = np.finfo(np.float64).tiny  # a weight that underflowed to zero is just very small
    log_const = np.log(np.maximum(draws.weights, floor)) - np.log(diagonals).sum(axis=-1)
    quadratic = (spread**2).sum(axis=(-2, -1)) + (distance**2).sum(axis=-1)
    return np.asarray(pivot.weights[:, None] * (0.5 * quadratic - log_const[..., None, :]))


def _assign(costs: FloatArray) -> IntArray:
    """Return the column of each row in the cheapest assignment of each table (..., K, K)."""
    tables = costs.reshape(-1, *costs.shape[-2:])
    out = np.empty(tables.shape[:2], dtype=np.int64)
    for table, row in zip(tables, out, strict=True):
        row[:] = linear_sum_assignment(table)[1]
    return out.reshape(costs.shape[:-1])


def _medoid(draws: MixtureDraws) -> Mixture:
    """Return, of a spread of draws, the one to which the others are closest once aligned."""
    chosen = np.unique(np.linspace(0, len(draws) - 1, _CANDIDATES).round().astype(np.intp))
    flat = [a.reshape(len(draws), *a.shape[2:])[chosen][None] for a in _parameters(draws)]
    candidates = MixtureDraws(*flat)
    totals = [_aligned_cost(pivot, candidates) for pivot in candidates]
    return candidates[int(np.argmin(totals))]


def _aligned_cost(pivot: Mixture, draws: MixtureDraws) -> float:
    """Return the summed divergence from the pivot to the aligned draws."""
    costs = _divergence(pivot, draws)
    order = _assign(costs)
    cheapest = np.take_along_axis(costs, order[..., None], axis=-1).sum()
    # The term that does not depend on the permutation does depend on the pivot.
    diagonals = np.diagonal(pivot.scale_trils, axis1=-2, axis2=-1)
    log_const = np.log(np.maximum(pivot.weights, np.finfo(np.float64).tiny))
    own = pivot.weights @ (log_const - np.log(diagonals).sum(axis=-1))
    return float(cheapest + len(draws) * own)


def _parameters(draws: MixtureDraws) -> tuple[FloatArray, FloatArray, FloatArray]:
    return draws.weights, draws.means, draws.covariances
