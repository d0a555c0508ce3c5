"""The observed information of a mixture, in closed form.

By Louis (1982, equation 3.2) the observed information is the expected information of the labelled
data less the covariance of their score: per row

    I_n = sum_k r_nk B_k(x_n) - sum_k r_nk c_k(x_n) c_k(x_n)^T + s_n s_n^T,

where ``c_k`` and ``-B_k`` are gradient and Hessian of ``log(weight_k) + log N(x | k)`` and
``s_n = sum_k r_nk c_k`` is the row's score. Written out this is theorem 1 of Boldea & Magnus
(2009). ``B_k`` is quadratic in x, so its sum is a function of the moments.

Parameters are the first K - 1 weights (the last is what is left), the means, and the free
coordinates of the covariances: entries of the lower triangles, or combinations of them. Where a
structure's entries are not linear in what it leaves free, the sums are taken for all entries first,
and carried over by the chain rule: with the entries' derivatives J and second derivatives, the
information is ``J^T I J`` less the entries' score times their second derivatives. (That score is
not zero at the maximum within a family.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.coordinates import NaturalCoordinates
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters, Samples

# Free parameters beyond which the matrices would not fit in memory.
_MAX_PARAMETERS = 5000
_BLOCK_ELEMENTS = 1 << 21


@dataclass(frozen=True, eq=False)
class Information:
    """Sums over rows, in units where the data are about as wide as 1.

    Attributes
    ----------
    observed : ndarray, shape (p, p)
        The observed information.
    outer : ndarray, shape (p, p)
        Sum of the outer products of the rows' scores.
    score : ndarray, shape (p,)
        Sum of the rows' scores.
    to_free : ndarray, shape (p, p)
        Derivative of the free parameters in the data's units by those in the inner units.
        Coordinates of a structure's own (`CovarianceStructure.natural`) have no units.
    to_entries : ndarray, shape (K + K D + K D (D + 1) / 2, p)
        Derivative of all weights, means and lower triangles in the data's units.
    """

    observed: FloatArray
    outer: FloatArray
    score: FloatArray
    to_free: FloatArray
    to_entries: FloatArray


class InformationLayout:
    """Which column of the sums over rows is which number.

    Covariances count by the coordinates of `basis`, whether the structure leaves them free or not.

    Parameters
    ----------
    structure : CovarianceStructure
    k, d : int
        Numbers of components and features.

    Attributes
    ----------
    basis : ndarray, shape (D (D + 1) / 2, q)
        Lower triangle of a covariance as a linear function of its q free coordinates.
    shared : bool
        Whether all components share one covariance.
    rows, columns : ndarray of int, shape (D (D + 1) / 2,)
        Of the entries of a lower triangle.
    size : int
        Number of columns.
    """

    def __init__(self, structure: CovarianceStructure, k: int, d: int) -> None:
        self.k, self.d = k, d
        self.basis = structure.basis(d)
        self.shared = structure.second == "pooled"
        self.free = self.basis.shape[1]
        self.rows, self.columns = np.tril_indices(d)
        self.size = k - 1 + k * d + self.free * (1 if self.shared else k)

    @property
    def n_locations(self) -> int:
        """Number of weights and means, which come first."""
        return self.k - 1 + self.k * self.d

    def own(self, component: int) -> FloatArray:
        """Columns of one component's mean and covariance."""
        mean = self.k - 1 + component * self.d + np.arange(self.d)
        start = self.k - 1 + self.k * self.d + (0 if self.shared else component * self.free)
        return np.concatenate([mean, start + np.arange(self.free)])

    def entries(self) -> FloatArray:
        """Differentiate all weights, means and lower triangles by the free parameters."""
        k, d, triangle = self.k, self.d, self.rows.shape[0]
        out = np.zeros((k + k * d + k * triangle, self.size))
        out[: k - 1, : k - 1] = np.eye(k - 1)
        out[k - 1, : k - 1] = -1.0
        for j in range(k):
            own = self.own(j)
            out[k + j * d + np.arange(d), own[:d]] = 1.0
            rows = k + k * d + j * triangle + np.arange(triangle)
            out[np.ix_(rows, own[d:])] = self.basis
        return out

    def chain(self, coordinates: NaturalCoordinates) -> FloatArray:
        """Differentiate the columns' numbers by weights, means and a structure's coordinates."""
        first = self.n_locations
        out = np.zeros((self.size, first + coordinates.size))
        out[:first, :first] = np.eye(first)
        triangles = coordinates.tangent()[:, self.rows, self.columns]
        inverse = np.linalg.pinv(self.basis)
        for j in range(self.k):
            out[self.own(j)[self.d :], first:] = inverse @ triangles[j]
        return out

    def slopes(self, score: FloatArray) -> FloatArray:
        """Gradient by the matrices, symmetric (K, D, D), from that by the columns' numbers."""
        inverse = np.linalg.pinv(self.basis)
        out = np.zeros((self.k, self.d, self.d))
        for j in range(self.k):
            entries = score[self.own(j)[self.d :]] @ inverse
            out[j, self.rows, self.columns] += 0.5 * entries
            out[j, self.columns, self.rows] += 0.5 * entries
        return out


def information(
    X: Any, mixture: Mixture, structure: CovarianceStructure, sample_weight: Any = None
) -> Information:
    """Observed information, outer products and sum of the scores at `mixture`.

    Parameters
    ----------
    X : array_like, shape (N, D)
    mixture : Mixture
    structure : CovarianceStructure
    sample_weight : array_like, shape (N,), optional
    """
    samples = Samples(X, sample_weight, common_scale=structure.common_scale)
    if samples.n_features != mixture.n_features:
        raise ValueError(
            f"X has {samples.n_features} features, but the mixture has {mixture.n_features}"
        )
    layout = InformationLayout(structure, mixture.n_components, mixture.n_features)
    if layout.size > _MAX_PARAMETERS:
        raise ValueError(
            f"{layout.size} free parameters are too many for their information matrix (at most "
            f"{_MAX_PARAMETERS}); use the bootstrap"
        )
    parameters = Parameters(*samples.inner(mixture))
    observed, outer, score = _sums(samples, parameters, layout)
    entries = layout.entries()
    scale = samples.scale
    triangle = (scale[:, None] * scale)[layout.rows, layout.columns]
    units = np.concatenate(
        [
            np.ones(layout.k),
            np.tile(scale, layout.k),
            np.tile(triangle, layout.k),
        ]
    )
    to_entries = units[:, None] * entries
    coordinates = structure.natural(parameters.covariances)
    if coordinates is None:
        # The free parameters are linear in the entries, and the entries in them.
        to_free = np.linalg.pinv(entries) @ to_entries
        return Information(observed, outer, score, to_free, to_entries)
    chain = layout.chain(coordinates)
    bend = np.zeros((chain.shape[1],) * 2)
    first = layout.n_locations
    bend[first:, first:] = coordinates.bend(layout.slopes(score))
    # Such coordinates are relative to the matrices themselves, and so the same in any units.
    to_free = np.eye(chain.shape[1])
    means = np.arange(layout.k - 1, first)
    to_free[means, means] = np.tile(scale, layout.k)
    observed = chain.T @ observed @ chain - bend
    return Information(
        observed, chain.T @ outer @ chain, chain.T @ score, to_free, to_entries @ chain
    )


def _sums(
    samples: Samples, parameters: Parameters, layout: InformationLayout
) -> tuple[FloatArray, FloatArray, FloatArray]:
    k, d = parameters.means.shape
    p = layout.size
    whiteners = np.linalg.inv(np.linalg.cholesky(parameters.covariances))
    precisions = whiteners.transpose(0, 2, 1) @ whiteners
    _, responsibilities = BlockedEStep(samples, k, "full").evaluate(parameters)
    complete, outer, score = np.zeros((p, p)), np.zeros((p, p)), np.zeros(p)
    counts, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    weight_scores = _weight_scores(parameters.weights)
    step = max(1, _BLOCK_ELEMENTS // (p + layout.rows.shape[0]))
    for start in range(0, samples.n_samples, step):
        stop = min(start + step, samples.n_samples)
        block = samples.block(start, stop)
        weight = samples.weights_of(start, stop)
        w = np.ones(stop - start) if weight is None else weight
        scores = np.zeros((stop - start, p))
        for j in range(k):
            r = responsibilities[j, start:stop]
            b = precisions[j] @ (block - parameters.means[j][:, None])
            own = layout.own(j)
            gradient = np.hstack([b.T, _triangle_scores(b, precisions[j], layout)])
            weighted = gradient * (r * w)[:, None]
            # The weights' part of the gradient is the same for all rows.
            a = weight_scores[j]
            cross = np.outer(a, weighted.sum(axis=0))
            complete[: k - 1, : k - 1] += (r @ w) * np.outer(a, a)
            complete[np.ix_(np.arange(k - 1), own)] += cross
            complete[np.ix_(own, np.arange(k - 1))] += cross.T
            complete[np.ix_(own, own)] += weighted.T @ gradient
            scores[:, : k - 1] += r[:, None] * a
            scores[:, own] += r[:, None] * gradient
            counts[j] += r @ w
            first[j] += b @ (r * w)
            second[j] += (b * (r * w)) @ b.T
        outer += (scores * w[:, None]).T @ scores
        score += w @ scores
    bread = _complete_information(counts, first, second, parameters, precisions, layout)
    observed = bread - complete + outer
    return 0.5 * (observed + observed.T), outer, score


def _weight_scores(weights: FloatArray) -> FloatArray:
    """Gradient of ``log(weight_k)`` by the first K - 1 weights, shape (K, K - 1)."""
    k = weights.shape[0]
    out = np.zeros((k, k - 1))
    out[np.arange(k - 1), np.arange(k - 1)] = 1.0 / weights[:-1]
    out[k - 1] = -1.0 / weights[-1]
    return out


def _triangle_scores(b: FloatArray, precision: FloatArray, layout: InformationLayout) -> FloatArray:
    """Gradient of ``log N`` by the free covariance coordinates, shape (n, q)."""
    i, j = layout.rows, layout.columns
    entries = b[i] * b[j] - precision[i, j][:, None]
    # An entry off the diagonal stands in two places.
    entries[i == j] *= 0.5
    return np.asarray(entries.T @ layout.basis)


def _complete_information(
    counts: FloatArray,
    first: FloatArray,
    second: FloatArray,
    parameters: Parameters,
    precisions: FloatArray,
    layout: InformationLayout,
) -> FloatArray:
    """Sum over rows and components of ``r B_k``, from the moments of ``b = A (x - mean)``."""
    k, d = parameters.means.shape
    out = np.zeros((layout.size, layout.size))
    by_weight = _weight_scores(parameters.weights)
    i, j = layout.rows, layout.columns
    double = np.where(i == j, 1.0, 2.0)
    for c in range(k):
        out[: k - 1, : k - 1] += counts[c] * np.outer(by_weight[c], by_weight[c])
        A = precisions[c]
        own = layout.own(c)
        mean, free = own[:d], own[d:]
        out[np.ix_(mean, mean)] += counts[c] * A
        # Directions E = e_i e_j^T + e_j e_i^T (once on the diagonal); A E b.
        half = A[:, i] * first[c][j] + A[:, j] * first[c][i]
        mixed = (0.5 * double * half) @ layout.basis
        out[np.ix_(mean, free)] += mixed
        out[np.ix_(free, mean)] += mixed.T
        # tr(E A F S) symmetrised, less half of tr(A F A E).
        S = second[c] - 0.5 * counts[c] * A
        block = (
            S[np.ix_(i, i)] * A[np.ix_(j, j)]
            + S[np.ix_(i, j)] * A[np.ix_(j, i)]
            + S[np.ix_(j, i)] * A[np.ix_(i, j)]
            + S[np.ix_(j, j)] * A[np.ix_(i, i)]
        )
        block = 0.25 * np.outer(double, double) * block
        out[np.ix_(free, free)] += layout.basis.T @ (0.5 * (block + block.T)) @ layout.basis
    return out
