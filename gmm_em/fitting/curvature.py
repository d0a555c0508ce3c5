"""The curvature of the log-likelihood in the accelerator's coordinates, for a good first step.

In coordinates where the complete data's information is the identity, the observed information is
the identity less the information that the labels would add (Louis 1982, equation 3.2): the
conditional covariance, given the rows, of the complete data's score.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters

# Multiplications that one look at the curvature may cost.
_MOST_WORK = 6e7
# Rows whose scores are held at a time, for the caches.
_BLOCK_ROWS = 1_024
# Of longer data a sample is asked, so that the rows need not be in memory at once.
_MOST_ROWS = 20_000
# Curvatures smaller than this, per unit of the complete data's information, are taken as this.
_LEAST = 1e-3
# Where a curvature is less than this the point may be a saddle, in so many directions at most.
_FLAT, _DIRECTIONS = 1e-3, 4


def affordable(problem: Problem, size: int) -> bool:
    """Whether the curvature is known, and worth its price, for so many parameters."""
    return _source(problem, size) is not None


def _source(problem: Problem, size: int) -> Problem | None:
    """Return the rows that can be asked, those of a sample where all are too many."""
    separate = problem.structure.separate or problem.structure.second == "pooled"
    for source in (problem, problem.pilot):
        if source is None or not (source.by_row and separate):
            continue
        n_rows = source.samples.n_samples
        whole = n_rows == source.n_rows and n_rows <= _MOST_ROWS
        if whole and float(n_rows) * size**2 < _MOST_WORK:
            return source
    return None


def inverse_curvature(problem: Problem, parameters: Parameters, factors: FloatArray) -> FloatArray:
    """Inverse of minus the Hessian per unit of weight, made positive definite, shape (p, p).

    Parameters
    ----------
    problem : Problem
    parameters : Parameters
        The centre of the coordinates, see :class:`gmm_em.fitting.acceleration.Chart`.
    factors : ndarray, shape (K, D, D) or (1, D, D)
        Cholesky factors of the covariances.
    """
    values, vectors = _eigen(problem, parameters, factors)
    # Where the surface is not concave, a step uphill as long as if it were as much so.
    return np.asarray((vectors / np.maximum(np.abs(values), _LEAST)) @ vectors.T)


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
    k, d = parameters.means.shape
    size = k + k * d + problem.structure.n_parameters(k, d)
    pilot = _source(problem, size)
    if pilot is not None and pilot is not problem:
        # The coordinates are relative to the components, and so the same in any units.
        mixture = problem.samples.outer(*parameters)
        problem, parameters = pilot, Parameters(*pilot.samples.inner(mixture))
        factors = np.linalg.cholesky(parameters.covariances[: factors.shape[0]])
    missing = _missing_information(problem, parameters, factors)
    values, vectors = np.linalg.eigh(np.eye(missing.shape[0]) - missing)
    return values, vectors


def _missing_information(
    problem: Problem, parameters: Parameters, factors: FloatArray
) -> FloatArray:
    """Weighted mean over rows of the conditional covariance of the complete data's score."""
    samples, k = problem.samples, problem.n_components
    R = problem.responsibilities(parameters)
    weight = np.ones(samples.n_samples) if samples.weight is None else samples.weight
    share = weight / problem.total_weight
    roots = np.sqrt(np.maximum(parameters.weights, 1e-10))
    scores = _Scores(problem, parameters, factors, roots)
    size = scores.size
    labels = (np.eye(k) - parameters.weights[:, None]) / roots[:, None]
    # Moments of the scores of the complete data and of the observed data.
    second, observed = np.zeros((size, size)), np.zeros((size, size))
    means = np.zeros((k, scores.places.shape[1]))
    inner = np.zeros((*means.shape, means.shape[1]))
    for start in range(0, samples.n_samples, _BLOCK_ROWS):
        block = slice(start, min(start + _BLOCK_ROWS, samples.n_samples))
        own = scores.of(samples.block(block.start, block.stop))
        r, w = R[:, block], share[block]
        weighted = own * r[:, None]
        score = np.empty((size, r.shape[1]))
        score[:k] = (r - parameters.weights[:, None]) / roots[:, None]
        scores.gather(weighted, score)
        observed += (score * w) @ score.T
        weighted *= w
        means += weighted.sum(axis=2)
        inner += weighted @ own.transpose(0, 2, 1)
    second[:k, :k] = (labels * (R @ share)) @ labels.T
    for j, place in enumerate(scores.places):
        second[np.ix_(place, place)] += inner[j]
        cross = np.outer(labels[:, j], means[j])
        second[:k, place] += cross
        second[place, :k] += cross.T
    return second - observed


class _Scores:
    """The complete data's score for the mean and the covariance of each component."""

    def __init__(
        self, problem: Problem, parameters: Parameters, factors: FloatArray, roots: FloatArray
    ) -> None:
        k, d = parameters.means.shape
        self._k, self._d = k, d
        self._shared = problem.structure.second == "pooled"
        self._means = parameters.means
        self._whiteners = np.broadcast_to(np.linalg.inv(factors), (k, d, d))
        self._rows, self._columns = np.tril_indices(d)
        self._on_diagonal = self._rows == self._columns
        self._to_free = _free_of_triangle(problem, d)
        self._roots = roots[:, None, None]
        q = self._to_free.shape[0]
        self.size = k + k * d + problem.structure.n_parameters(k, d)
        covariances = k + k * d + (np.zeros((k, 1)) if self._shared else np.arange(k)[:, None] * q)
        means = k + np.arange(k)[:, None] * d + np.arange(d)
        # Where each component's score stands among all coordinates.
        self.places = np.hstack([means, covariances + np.arange(q)]).astype(np.intp)

    def of(self, X: FloatArray) -> FloatArray:
        """Return the scores of rows (D, n) for each component, shape (K, D + q, n)."""
        z = self._whiteners @ (X - self._means[:, :, None])
        products = z[:, self._rows] * z[:, self._columns]
        products[:, self._on_diagonal] -= 1.0
        free = self._to_free @ products
        if not self._shared:
            free /= self._roots
        return np.concatenate([z / self._roots, free], axis=1)

    def gather(self, weighted: FloatArray, out: FloatArray) -> None:
        """Write the scores of all components to their places in `out`, shape (size, n)."""
        k, d = self._k, self._d
        out[k : k + k * d] = weighted[:, :d].reshape(k * d, -1)
        free = weighted[:, d:]
        rest = out[k + k * d :]
        rest[:] = free.sum(axis=0) if self._shared else free.reshape(rest.shape)


def _free_of_triangle(problem: Problem, n_features: int) -> FloatArray:
    """Lower triangle of a component's scatter to the score of its free coordinates, (q, T)."""
    rows, columns = np.tril_indices(n_features)
    units = np.zeros((rows.shape[0], n_features, n_features))
    units[np.arange(rows.shape[0]), rows, columns] = 1.0
    structure = problem.structure
    if structure.separate:
        free = structure.from_log_factors(units, np.ones(rows.shape[0]))
        return free.reshape(rows.shape[0], -1).T
    each = [structure.from_log_factors(unit[None], np.ones(1)) for unit in units]
    return np.stack(each, axis=1)
