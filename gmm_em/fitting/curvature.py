"""The curvature of the log-likelihood in the accelerator's coordinates, for a good first step.

In coordinates where the complete data's information is the identity, the observed information is
the identity less the information that the labels would add (Louis 1982, equation 3.2): the
conditional covariance, given the rows, of the complete data's score.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.log_linear import LogLinear
from gmm_em.e_step.features import LEAST_LOG
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters

# Multiplications that one look at the curvature may cost.
_MOST_WORK = 6e7
# Of more rows a sample is asked, so that they need not be in memory at once.
_MOST_ROWS = 16_000
# Rows whose scores are held at a time, for the caches.
_BLOCK_ROWS = 1_024
# Curvatures smaller than this, per unit of the complete data's information, are taken as this.
_LEAST = 1e-3
# Where a curvature is less than this the point may be a saddle, in so many directions at most.
_FLAT, _DIRECTIONS = 1e-3, 4
_TINY = float(np.finfo(np.float64).tiny)


def affordable(problem: Problem, size: int) -> bool:
    """Whether the curvature is known, and worth its price, for so many parameters."""
    source = _source(problem)
    return _at_hand(source) and _cheap(source.n_rows, source.structure, size)


def needs_sample(problem: Problem, size: int, n_rows: int) -> bool:
    """Whether the rows are too many to be asked, and a sample of `n_rows` is worth its price."""
    return not _at_hand(problem) and _cheap(n_rows, problem.structure, size)


def _cheap(n_rows: int, structure: CovarianceStructure, size: int) -> bool:
    known = isinstance(structure, LogLinear) and (
        structure.separate or structure.second == "pooled"
    )
    return known and float(n_rows) * size**2 < _MOST_WORK


def _at_hand(problem: Problem) -> bool:
    return problem.by_row and problem.n_rows <= _MOST_ROWS


def _source(problem: Problem) -> Problem:
    """Return the problem whose rows are asked: that of a sample, where there is no other way."""
    return problem if _at_hand(problem) or problem.pilot is None else problem.pilot


def inverse_curvature(
    problem: Problem, parameters: Parameters, factors: FloatArray
) -> tuple[FloatArray, float]:
    """Inverse of minus the Hessian per unit of weight, and the least curvature.

    Parameters
    ----------
    problem : Problem
    parameters : Parameters
        The centre of the coordinates, see :class:`gmm_em.fitting.acceleration.Chart`.
    factors : ndarray, shape (K, D, D) or (1, D, D)
        Square roots F of the covariances, which are F F^T.

    Returns
    -------
    inverse : ndarray, shape (p, p)
        Made positive definite.
    least : float
        The smallest eigenvalue of minus the Hessian; negative where it is not concave.
    """
    values, vectors = _eigen(problem, parameters, factors)
    # Where the surface is not concave, a step uphill as long as if it were as much so.
    inverse = (vectors / np.maximum(np.abs(values), _LEAST)) @ vectors.T
    return np.asarray(inverse), float(values[0])


def ways_up(problem: Problem, parameters: Parameters, factors: FloatArray) -> FloatArray:
    """Directions in which a stationary point may be no maximum, of unit length, shape (n, p).

    EM stops at saddle points, too. Where two components coincide the surface is flat in the
    direction that parts them, and only higher derivatives tell whether it rises.
    """
    values, vectors = _eigen(problem, parameters, factors)
    return np.asarray(vectors[:, values < _FLAT][:, :_DIRECTIONS].T)


def _eigen(
    problem: Problem, parameters: Parameters, factors: FloatArray
) -> tuple[FloatArray, FloatArray]:
    source = _source(problem)
    if source is not problem:
        # The coordinates are relative to the components, and so the same in any units.
        samples = problem.samples
        mixture = samples.outer(*parameters)
        problem, parameters = source, Parameters(*source.samples.inner(mixture))
        factors = factors * (samples.scale / source.samples.scale)[:, None]
    missing = _missing_information(problem, parameters, factors)
    values, vectors = np.linalg.eigh(np.eye(missing.shape[0]) - missing)
    return values, vectors


def _missing_information(
    problem: Problem, parameters: Parameters, factors: FloatArray
) -> FloatArray:
    """Weighted mean over rows of the conditional covariance of the complete data's score."""
    samples, k = problem.samples, problem.n_components
    scores = _Scores(problem, parameters, factors)
    size, roots = scores.size, scores.roots
    labels = (np.eye(k) - parameters.weights[:, None]) / roots[:, None]
    # Moments of the scores of the complete data and of the observed data.
    second, observed = np.zeros((size, size)), np.zeros((size, size))
    counts, means = np.zeros(k), np.zeros((k, scores.places.shape[1]))
    inner = np.zeros((*means.shape, means.shape[1]))
    for start in range(0, samples.n_samples, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, samples.n_samples)
        r, own = scores.of(samples.block(start, stop))
        weighted = own * r[:, None]
        score = np.empty((size, r.shape[1]))
        score[:k] = (r - parameters.weights[:, None]) / roots[:, None]
        scores.gather(weighted, score)
        w = samples.weights_of(start, stop)
        # Nothing is multiplied by weights that are all the same.
        if w is not None:
            r *= w
            weighted *= w
            score *= np.sqrt(w)
        observed += score @ score.T
        counts += r.sum(axis=1)
        means += weighted.sum(axis=2)
        inner += weighted @ own.transpose(0, 2, 1)
    second[:k, :k] = (labels * counts) @ labels.T
    for j, place in enumerate(scores.places):
        second[np.ix_(place, place)] += inner[j]
        cross = np.outer(labels[:, j], means[j])
        second[:k, place] += cross
        second[place, :k] += cross.T
    return (second - observed) / samples.total_weight


class _Scores:
    """The complete data's score for the mean and the covariance of each component."""

    def __init__(self, problem: Problem, parameters: Parameters, factors: FloatArray) -> None:
        k, d = parameters.means.shape
        self._k, self._d = k, d
        self._shared = problem.structure.second == "pooled"
        self._means = parameters.means
        self._whiteners = np.broadcast_to(np.linalg.inv(factors), (k, d, d))
        # Log-density of each component at its mean, less what all components have in common.
        volumes = np.linalg.slogdet(factors)[1]
        self._heights = np.log(np.maximum(parameters.weights, _TINY)) - volumes
        self._rows, self._columns = np.tril_indices(d)
        self._on_diagonal = self._rows == self._columns
        self._to_free = _free_of_triangle(problem.structure, d)
        self.roots = np.sqrt(np.maximum(parameters.weights, 1e-10))
        q = self._to_free.shape[0]
        self.size = k + k * d + problem.structure.n_parameters(k, d)
        covariances = k + k * d + (np.zeros((k, 1)) if self._shared else np.arange(k)[:, None] * q)
        means = k + np.arange(k)[:, None] * d + np.arange(d)
        # Where each component's score stands among all coordinates.
        self.places = np.hstack([means, covariances + np.arange(q)]).astype(np.intp)

    def of(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return responsibilities (K, n) of rows (D, n), and scores (K, D + q, n)."""
        z = self._whiteners @ (X - self._means[:, :, None])
        products = z[:, self._rows] * z[:, self._columns]
        joint = self._heights[:, None] - 0.5 * products[:, self._on_diagonal].sum(axis=1)
        joint = np.exp(np.maximum(joint - joint.max(axis=0), LEAST_LOG))
        products[:, self._on_diagonal] -= 1.0
        free = self._to_free @ products
        roots = self.roots[:, None, None]
        if not self._shared:
            free /= roots
        return joint / joint.sum(axis=0), np.concatenate([z / roots, free], axis=1)

    def gather(self, weighted: FloatArray, out: FloatArray) -> None:
        """Write the scores of all components to their places in `out`, shape (size, n)."""
        k, d = self._k, self._d
        out[k : k + k * d] = weighted[:, :d].reshape(k * d, -1)
        free = weighted[:, d:]
        rest = out[k + k * d :]
        rest[:] = free.sum(axis=0) if self._shared else free.reshape(rest.shape)


@lru_cache(maxsize=16)
def _free_of_triangle(structure: CovarianceStructure, n_features: int) -> FloatArray:
    """Lower triangle of a component's scatter to the score of its free coordinates, (q, T)."""
    rows, columns = np.tril_indices(n_features)
    units = np.zeros((rows.shape[0], n_features, n_features))
    units[np.arange(rows.shape[0]), rows, columns] = 1.0
    assert isinstance(structure, LogLinear)
    if structure.separate:
        free = structure.from_log_factors(units, np.ones(rows.shape[0]))
        return free.reshape(rows.shape[0], -1).T
    each = [structure.from_log_factors(unit[None], np.ones(1)) for unit in units]
    return np.stack(each, axis=1)
