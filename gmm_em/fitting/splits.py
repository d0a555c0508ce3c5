"""Starts made from a maximum that was found: merge two components and split another one.

Ueda, Nakano, Ghahramani & Hinton (2000): EM gets stuck with too many components in one part of
the space and too few in another, and a move of one component from there to here leads out. Which
moves are worth a run is seen beforehand. What a merge costs and what a split gains is summed over
rows, where all other components stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmm_em.core.types import LOG_2PI, FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.layout import diagonal_matrices
from gmm_em.covariance.projection import structured
from gmm_em.fitting.starts.base import Rows
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters, Samples

# Standard deviation of the narrow half of a component that is split into a narrow and a wide one.
_NARROW = 0.25
# Steps of EM that the two halves of a component make while the others stay as they are.
_STEPS = 2
# So many rows' worth of a component's covariance, for each feature, hold its halves up.
_HELD = 0.01
# A pair whose merge costs more than this, per unit of weight, is two groups that lie apart, and
# would be split into them again.
_TOO_FAR = -0.3
# Moves that are looked at for each that is asked for, because some lead to the same place. Two
# places are the same where N times the mean squared log-ratio of the mixtures is below this.
_LOOKED_AT, _DIFFERENT = 2, 5.0
# Exponentials of more overflow in sums.
_LARGEST_LOG = 600.0
_TINY = float(np.finfo(np.float64).tiny)
_LARGEST = float(np.finfo(np.float64).max)


class Move(NamedTuple):
    """A merge and a split.

    Attributes
    ----------
    gain : float
        Change of the log-likelihood, per unit of weight, before any step of EM.
    start : Parameters
        Where it leads.
    """

    gain: float
    start: Parameters


class _Halves(NamedTuple):
    """Components split in two, and what the split gains.

    Attributes
    ----------
    gains : ndarray, shape (M,)
    weights : ndarray, shape (M, 2)
    means : ndarray, shape (M, 2, D)
    covariances : ndarray, shape (M, 2, D, D)
    """

    gains: FloatArray
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


def split_merge(
    rows: Rows,
    mixture: Parameters,
    structure: CovarianceStructure,
    limit: int,
    least: float = -np.inf,
) -> list[Move]:
    """Propose mixtures that differ from the given one by a merge and a split.

    Parameters
    ----------
    rows : Rows
    mixture : Parameters
        In the coordinates of the rows.
    structure : CovarianceStructure
    limit : int
        At most this many.
    least : float, optional
        Leave out moves that gain less than this, or whose merge and split do one by one.

    Returns
    -------
    list of Move
        Those that gain most first, without any that lead back or to one place. Every pair of
        components is merged, and every other component split in two ways, along its longest axis
        and into a narrow and a wide one. Of the merged ones those are split, too, whose merge
        costs least. None where a component is so narrow that its covariance is singular in these
        coordinates.
    """
    if mixture.weights.shape[0] == 1:
        return []
    try:
        return _moves(rows, mixture, structure, limit, least)
    except np.linalg.LinAlgError:
        # A component on the verge of a collapse has no halves.
        return []


def _moves(
    rows: Rows, mixture: Parameters, structure: CovarianceStructure, limit: int, least: float
) -> list[Move]:
    k = mixture.weights.shape[0]
    screen = _Screen(rows, mixture, structure)
    first, second = np.triu_indices(k, 1)
    merged = _merged(mixture, first, second, structure)
    costs, remaining, joined = screen.merge(merged, first, second)
    cheap = np.argsort(-costs, kind="stable")[:k]
    cheap = cheap[costs[cheap] > _TOO_FAR]
    parents = Parameters(
        *(np.concatenate([a, b[cheap]]) for a, b in zip(mixture, merged, strict=True))
    )
    without = np.concatenate([screen.without, remaining[cheap]])
    own = np.concatenate([screen.own, joined[cheap]])
    # Halves that differ in size only are the same where all covariances are.
    ways = (_along,) if structure.second == "pooled" else (_along, _inside)
    halves = [screen.split(way(parents), parents, without, own) for way in ways]
    gains = np.stack([each.gains for each in halves])
    starts = []
    order = _by_gain(costs, gains, first, second, cheap, least)
    for pair, parent, way in order[: _LOOKED_AT * limit]:
        gone = {int(first[pair]), int(second[pair]), parent}
        rest = [j for j in range(k) if j not in gone]
        pieces = [Parameters(*(array[rest] for array in mixture))]
        if parent < k:
            pieces.append(Parameters(*(array[pair : pair + 1] for array in merged)))
        pieces.append(Parameters(*(array[parent] for array in halves[way][1:])))
        start = Parameters(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
        covariances = structured(structure, start.weights, start.covariances)
        weights = start.weights / start.weights.sum()
        starts.append(Parameters(weights, start.means, covariances))
    return [move for move in screen.different(starts) if move.gain >= least][:limit]


def moved_mixtures(
    X: FloatArray, mixture: Mixture, structure: CovarianceStructure, limit: int
) -> list[Mixture]:
    """Propose mixtures as `split_merge` does, in the units of the rows `X` (N, D)."""
    samples = Samples(X, common_scale=structure.common_scale)
    rows = Rows.of(samples, structure)
    seen = rows.seen(Parameters(*samples.inner(mixture)))
    moves = split_merge(rows, seen, structure, limit)
    return [samples.outer(*rows.inner(move.start)) for move in moves]


def _by_gain(
    costs: FloatArray,
    gains: FloatArray,
    first: IntArray,
    second: IntArray,
    cheap: IntArray,
    least: float,
) -> list[tuple[int, int, int]]:
    """Return pair, place among the parents and way of all moves, the most promising first."""
    k = gains.shape[1] - cheap.shape[0]
    total = costs[:, None, None] + gains[:, :k].T[None]
    pairs = np.arange(costs.shape[0])
    # A component that is merged cannot be split as if it were not.
    total[pairs, first], total[pairs, second] = -np.inf, -np.inf
    again = costs[cheap, None] + gains[:, k:].T
    values = np.concatenate([total.ravel(), again.ravel()])
    pair, parent, way = np.unravel_index(np.arange(total.size), total.shape)
    other, way_again = np.unravel_index(np.arange(again.size), again.shape)
    pair = np.concatenate([pair, cheap[other]])
    parent, way = np.concatenate([parent, k + other]), np.concatenate([way, way_again])
    order = np.argsort(-values, kind="stable")
    order = order[values[order] >= max(least, -_LARGEST)]
    return [(int(pair[i]), int(parent[i]), int(way[i])) for i in order]


class _Screen:
    """Densities of rows under a mixture, of which a few components are replaced.

    Attributes
    ----------
    own, without : ndarray, shape (K, N)
        Weighted densities of each component, and of all others together, both relative to the
        largest of a row.
    """

    def __init__(self, rows: Rows, mixture: Parameters, structure: CovarianceStructure) -> None:
        self._rows, self._structure = rows, structure
        self._share = rows.weight / rows.weight.sum()
        joint = self._log_densities(mixture)
        self._top = joint.max(axis=0)
        self.own = np.exp(joint - self._top)
        self._all = self.own.sum(axis=0)
        self.without = np.maximum(self._all - self.own, _TINY)

    def _densities(self, components: Parameters) -> FloatArray:
        """Weighted densities of components relative to the rows' largest ones, shape (M, N)."""
        return np.exp(np.minimum(self._log_densities(components) - self._top, _LARGEST_LOG))

    def _log_densities(self, components: Parameters) -> FloatArray:
        """Weighted log-densities of components, shape (M, N)."""
        factors = np.linalg.cholesky(components.covariances)
        precisions = np.linalg.inv(components.covariances)
        linear = (precisions @ components.means[:, :, None])[:, :, 0]
        constants = np.log(np.maximum(components.weights, _TINY)) - 0.5 * (
            linear * components.means
        ).sum(axis=1)
        constants -= np.log(factors.diagonal(0, 1, 2)).sum(axis=1)
        constants -= 0.5 * components.means.shape[1] * LOG_2PI
        return self._rows.quadratic(constants, linear, precisions)

    def different(self, starts: Sequence[Parameters]) -> list[Move]:
        """Return moves to some mixtures that differ from the given one and from each other.

        A merge and a split that overlap gain less together than one by one, so that the gains are
        summed anew. The highest come first.
        """
        if not starts:
            return []
        k = starts[0].weights.shape[0]
        stack = Parameters(*(np.concatenate(arrays) for arrays in zip(*starts, strict=True)))
        densities = self._densities(stack).reshape(len(starts), k, -1).sum(axis=1)
        ratios = np.log(np.maximum(densities, _TINY) / self._all)
        gains = ratios @ self._share
        least = _DIFFERENT / self._share.shape[0]
        kept, moves = [np.zeros(ratios.shape[1])], []
        for i in np.argsort(-gains, kind="stable"):
            if min(self._share @ (ratios[i] - other) ** 2 for other in kept) >= least:
                kept.append(ratios[i])
                moves.append(Move(float(gains[i]), starts[i]))
        return moves

    def merge(
        self, merged: Parameters, first: IntArray, second: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Replace pairs of components: the gains, and the others' and the merged ones' density."""
        without = np.maximum(self._all - self.own[first] - self.own[second], _TINY)
        own = self._densities(merged)
        return np.log((without + own) / self._all) @ self._share, without, own

    def split(
        self, halves: Parameters, parents: Parameters, without: FloatArray, own: FloatArray
    ) -> _Halves:
        """Improve halves of components by steps of EM in which nothing else moves.

        Parameters
        ----------
        halves : Parameters
            Two of each parent, one after the other.
        parents : Parameters
            M components.
        without, own : ndarray, shape (M, N)
            Density of all other components, and of the parents.
        """
        m, n = without.shape
        for step in range(_STEPS + 1):
            densities = self._densities(halves).reshape(m, 2, n)
            total = without + densities.sum(axis=1)
            if step < _STEPS:
                halves = self._halves_of(densities / total[:, None], parents)
        gains = np.log(total / (without + own)) @ self._share
        d = halves.means.shape[1]
        return _Halves(
            gains,
            halves.weights.reshape(m, 2),
            halves.means.reshape(m, 2, d),
            halves.covariances.reshape(m, 2, d, d),
        )

    def _halves_of(self, responsibilities: FloatArray, parents: Parameters) -> Parameters:
        """M-step of halves alone, from responsibilities of shape (M, 2, N)."""
        rows, structure = self._rows, self._structure
        flat = responsibilities.reshape(-1, responsibilities.shape[2])
        counts, means, scatter = rows.scatters(flat.T * rows.weight[:, None])
        whole = np.repeat(parents.covariances, 2, axis=0)
        held = _HELD * means.shape[1]
        scatter = scatter + held * whole
        if structure.second == "pooled":
            covariances = whole
        elif structure.separate:
            total = float(counts.sum())
            covariances = structure.covariances(counts + held, structure.reduce(scatter), total)
        else:
            covariances = _allowed(structure, scatter / (counts + held)[:, None, None])
        return Parameters(counts / rows.weight.sum(), means, covariances)


def _allowed(structure: CovarianceStructure, covariances: FloatArray) -> FloatArray:
    """Covariances without the entries that a structure never has."""
    if structure.second == "diagonal":
        return diagonal_matrices(np.diagonal(covariances, axis1=1, axis2=2))
    return covariances


def _merged(
    mixture: Parameters, first: IntArray, second: IntArray, structure: CovarianceStructure
) -> Parameters:
    """Pairs of components replaced by one with the moments of both."""
    weights = mixture.weights[first] + mixture.weights[second]
    # Two components without rows, which a prior allows, count alike.
    share = np.where(weights > 0, mixture.weights[first] / np.maximum(weights, _TINY), 0.5)[:, None]
    a, b = mixture.means[first], mixture.means[second]
    means = share * a + (1.0 - share) * b
    between = (share * (1.0 - share) * (a - b))[:, :, None] * (a - b)[:, None, :]
    share = share[:, :, None]
    within = share * mixture.covariances[first] + (1.0 - share) * mixture.covariances[second]
    if structure.second == "pooled":
        # All components have the covariance that is left when two of them are one.
        between = between * weights[:, None, None]
    return Parameters(
        np.maximum(weights, _TINY), means, _alone(structure, weights, within + between)
    )


def _alone(
    structure: CovarianceStructure, weights: FloatArray, covariances: FloatArray
) -> FloatArray:
    """Components that stand alone, each in the family where that needs no other one."""
    if structure.separate:
        return structured(structure, weights, covariances)
    return _allowed(structure, covariances)


def _along(parents: Parameters) -> Parameters:
    """Two halves of each component beside each other along its longest axis."""
    values, vectors = np.linalg.eigh(parents.covariances)
    step = np.sqrt(np.maximum(values[:, -1:], 0.0)) * vectors[:, :, -1]
    covariances = parents.covariances - 0.75 * step[:, :, None] * step[:, None, :]
    means = np.stack([parents.means + 0.8 * step, parents.means - 0.8 * step], axis=1)
    return Parameters(
        np.repeat(0.5 * parents.weights, 2),
        means.reshape(-1, means.shape[2]),
        np.repeat(covariances, 2, axis=0),
    )


def _inside(parents: Parameters) -> Parameters:
    """Put a narrow half inside a wide one."""
    covariances = np.repeat(parents.covariances, 2, axis=0)
    covariances[::2] *= _NARROW**2
    return Parameters(
        np.repeat(0.5 * parents.weights, 2), np.repeat(parents.means, 2, axis=0), covariances
    )
