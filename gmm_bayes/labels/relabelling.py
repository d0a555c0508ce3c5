"""Undoing label switching: one labelling for all draws of a posterior.

The likelihood and the priors here do not change when components are renumbered, so the posterior
has K! copies of every mode and the numbers of the components mean nothing until draws are aligned.
Every method here reduces one draw to a K x K table of costs, "reference component k is the draw's
component j", and minimises its sum over permutations exactly (Jonker-Volgenant assignment, O(K^3)).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from gmm_bayes.core.checks import check_data
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_em import Mixture
from gmm_em.core.threads import single_threaded_blas
from gmm_em.matching import assign

_MAX_ROUNDS = 50
"""Most rounds of aligning and averaging; two or three are usual."""
_CANDIDATES = 32
"""Draws considered as the first pivot."""
_MAX_RESPONSIBILITIES = 20_000_000
"""Draws x rows x components, above which evenly spaced rows stand for all."""
_TINY = float(np.finfo(np.float64).tiny)
"""Stands for a probability that underflowed to zero."""


@single_threaded_blas()
def relabel(
    draws: MixtureDraws,
    reference: Mixture | None = None,
    method: str = "pivot",
    X: ArrayLike | None = None,
) -> tuple[MixtureDraws, IntArray]:
    """Return the draws with aligned labels, and the permutations that align them.

    Parameters
    ----------
    draws : MixtureDraws
    reference : gmm_em.Mixture, optional
        Align to this mixture and keep its order of components. Without it, the pivot is found from
        the draws themselves (their medoid first, then the average of the aligned draws until no
        permutation changes) and components are numbered by decreasing average weight.
    method : {"pivot", "stephens", "ecr"}, default "pivot"
        What makes two labellings alike.

        - "pivot": pivotal reordering (Marin, Mengersen & Robert 2005). Each draw is brought closest
          to the pivot in the Kullback-Leibler divergence between distributions of row *and*
          component, ``sum_k w_k [log(w_k / w'_j) + KL(N_k || N'_j)]``. It is in closed form, does
          not depend on the units of the data, and needs no data.
        - "stephens": each draw's responsibilities are brought closest to their average, in the
          Kullback-Leibler divergence (Stephens 2000, algorithm 2).
        - "ecr": most rows are allocated as by the pivot, in expectation over each draw's
          responsibilities (Papastamoulis & Iliopoulos 2010; with probabilities in place of sampled
          allocations, Papastamoulis 2016, "ECR-ITERATIVE-2").
    X : array_like of shape (N, D), optional
        The data; "stephens" and "ecr" need them. Where draws x rows x components would exceed 20
        million, evenly spaced rows stand for all.

    Returns
    -------
    aligned : MixtureDraws
    permutations : ndarray of int, shape (C, S, K)
        ``draws.permute(permutations)`` is `aligned`.

    Raises
    ------
    TypeError, ValueError
        If `draws` are no draws, the method is unknown, needs `X` and has none, or the reference
        does not match the draws.

    References
    ----------
    Marin, Mengersen & Robert (2005), Handbook of Statistics 25, section 5.
    Papastamoulis & Iliopoulos (2010), J. Comp. Graph. Statist. 19, 313-331.
    Papastamoulis (2016), J. Statist. Software 69(1).
    Stephens (2000), J. R. Statist. Soc. B 62, 795-809.
    """
    if not isinstance(draws, MixtureDraws):
        raise TypeError(f"draws must be MixtureDraws, but are {type(draws).__name__}")
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
    permutations = METHODS[method](draws, reference, X)
    if reference is None:
        weights = np.take_along_axis(draws.weights, permutations, axis=2).mean(axis=(0, 1))
        permutations = permutations[..., np.argsort(-weights, kind="stable")]
    return draws.permute(permutations), permutations


def _pivot(draws: MixtureDraws, reference: Mixture | None, X: ArrayLike | None) -> IntArray:
    """Return permutations that bring each draw closest to the pivot."""
    if reference is not None:
        return assign(_divergence(reference, draws))
    return _until_stable(
        assign(_divergence(_medoid(draws), draws)),
        lambda order: _divergence(draws.permute(order).mean(), draws),
    )


def _stephens(draws: MixtureDraws, reference: Mixture | None, X: ArrayLike | None) -> IntArray:
    """Return permutations that bring each draw's responsibilities closest to their average."""
    rows = _rows(draws, X, "stephens")
    resp = draws.responsibilities(rows)

    def costs(average: FloatArray) -> FloatArray:
        # The entropy of the draw's own responsibilities is the same for every permutation.
        return -np.log(np.maximum(average, _TINY)).T @ resp

    if reference is not None:
        return assign(costs(reference.responsibilities(rows)))
    return _until_stable(_pivot(draws, None, None), lambda order: costs(_average(resp, order)))


def _ecr(draws: MixtureDraws, reference: Mixture | None, X: ArrayLike | None) -> IntArray:
    """Return permutations by which most rows are allocated as by the pivot."""
    rows = _rows(draws, X, "ecr")
    resp = draws.responsibilities(rows)

    def costs(allocations: IntArray) -> FloatArray:
        return -np.eye(draws.n_components)[allocations].T @ resp

    if reference is not None:
        return assign(costs(reference.predict(rows)))
    return _until_stable(
        _pivot(draws, None, None), lambda order: costs(_average(resp, order).argmax(axis=1))
    )


METHODS: dict[str, Callable[[MixtureDraws, Mixture | None, ArrayLike | None], IntArray]] = {
    "pivot": _pivot,
    "stephens": _stephens,
    "ecr": _ecr,
}


def _until_stable(order: IntArray, costs: Callable[[IntArray], FloatArray]) -> IntArray:
    """Alternate between averaging aligned draws and aligning to the average.

    Each round lowers the total cost, so that the rounds end. Their number is bounded in case
    rounding errors make them alternate.
    """
    for _ in range(_MAX_ROUNDS):
        previous = order
        order = assign(costs(previous))
        if np.array_equal(order, previous):
            break
    return order


def _average(resp: FloatArray, order: IntArray) -> FloatArray:
    """Return the responsibilities (N, K) averaged over draws (C, S, N, K), each one permuted."""
    return np.asarray(np.take_along_axis(resp, order[:, :, None, :], axis=3).mean(axis=(0, 1)))


def _rows(draws: MixtureDraws, X: ArrayLike | None, method: str) -> FloatArray:
    """Return the rows that allocations are compared on; not all of them where they are too many."""
    if X is None:
        raise ValueError(f"relabelling by {method!r} compares allocations of the data: give X")
    data = check_data(X, n_features=draws.n_features)
    most = max(1, _MAX_RESPONSIBILITIES // (len(draws) * draws.n_components))
    if data.shape[0] <= most:
        return data
    return np.asarray(data[np.linspace(0, data.shape[0] - 1, most).round().astype(np.intp)])


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
    log_const = np.log(np.maximum(draws.weights, _TINY)) - np.log(diagonals).sum(axis=-1)
    quadratic = (spread**2).sum(axis=(-2, -1)) + (distance**2).sum(axis=-1)
    return np.asarray(pivot.weights[:, None] * (0.5 * quadratic - log_const[..., None, :]))


def _medoid(draws: MixtureDraws) -> Mixture:
    """Return, of a few evenly spaced draws, the one closest to the others once aligned."""
    chosen = np.unique(np.linspace(0, len(draws) - 1, _CANDIDATES).round().astype(np.intp))
    arrays = (draws.weights, draws.means, draws.covariances)
    flat = [a.reshape(len(draws), *a.shape[2:])[chosen][None] for a in arrays]
    candidates = MixtureDraws(*flat)
    totals = [_aligned_cost(pivot, candidates) for pivot in candidates]
    return candidates[int(np.argmin(totals))]


def _aligned_cost(pivot: Mixture, draws: MixtureDraws) -> float:
    """Return the summed divergence from the pivot to the aligned draws."""
    costs = _divergence(pivot, draws)
    order = assign(costs)
    cheapest = np.take_along_axis(costs, order[..., None], axis=-1).sum()
    # The term that does not depend on the permutation does depend on the pivot.
    diagonals = np.diagonal(pivot.scale_trils, axis1=-2, axis2=-1)
    log_const = np.log(np.maximum(pivot.weights, _TINY))
    own = pivot.weights @ (log_const - np.log(diagonals).sum(axis=-1))
    return float(cheapest + len(draws) * own)
