"""The curvature of the log-likelihood in the accelerator's coordinates, for a good first step.

In coordinates where the complete data's information is the identity, the observed information is
the identity less the information that the labels would add (Louis 1982, equation 3.2): the
conditional covariance, given the rows, of the complete data's score.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.log_linear import LogLinear
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters

# Multiplications that one look at the curvature may cost.
_MOST_WORK = 6e7
# Of longer data a sample is asked, so that the rows need not be in memory at once.
_MOST_ROWS = 5_000
# Curvatures smaller than this, per unit of the complete data's information, are taken as this.
_LEAST = 1e-3
# Where a curvature is less than this the point may be a saddle, in so many directions at most.
_FLAT, _DIRECTIONS = 1e-3, 4


def affordable(problem: Problem, size: int) -> bool:
    """Whether the curvature is known, and worth its price, for so many parameters."""
    source = problem if problem.pilot is None else problem.pilot
    structure, n_rows = source.structure, source.samples.n_samples
    known = source.by_row and n_rows == source.n_rows and n_rows <= _MOST_ROWS
    known = known and isinstance(structure, LogLinear)
    known = known and (structure.separate or structure.second == "pooled")
    return known and float(n_rows) * size**2 < _MOST_WORK


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
    pilot = problem.pilot
    if pilot is not None:
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
    samples, structure = problem.samples, problem.structure
    k, d = parameters.means.shape
    shared = structure.second == "pooled"
    R = problem.responsibilities(parameters)
    X = samples.block(0, samples.n_samples)
    weight = np.ones(X.shape[1]) if samples.weight is None else samples.weight
    share = weight / problem.total_weight
    roots = np.sqrt(np.maximum(parameters.weights, 1e-10))
    whiteners = np.broadcast_to(np.linalg.inv(factors), (k, d, d))
    rows, columns = np.tril_indices(d)
    to_free = _free_of_triangle(problem, d)
    q = to_free.shape[0]
    size = k + k * d + structure.n_parameters(k, d)
    # Scores of the observed data, and moments of those of the complete data.
    score, second = np.zeros((size, X.shape[1])), np.zeros((size, size))
    score[:k] = (R - parameters.weights[:, None]) / roots[:, None]
    labels = (np.eye(k) - parameters.weights[:, None]) / roots[:, None]
    second[:k, :k] = (labels * (R @ share)) @ labels.T
    for j in range(k):
        z = whiteners[j] @ (X - parameters.means[j][:, None])
        products = z[rows] * z[columns]
        products[rows == columns] -= 1.0
        own = np.concatenate([z / roots[j], to_free @ products / (1.0 if shared else roots[j])])
        first = k + k * d + (0 if shared else j * q)
        place = np.r_[k + j * d : k + (j + 1) * d, first : first + q]
        weighted = own * R[j]
        score[place] += weighted
        mean = weighted @ share
        second[np.ix_(place, place)] += (weighted * share) @ own.T
        second[:k, place] += np.outer(labels[:, j], mean)
        second[place, :k] += np.outer(mean, labels[:, j])
    return np.asarray(second - (score * share) @ score.T)


def _free_of_triangle(problem: Problem, n_features: int) -> FloatArray:
    """Lower triangle of a component's scatter to the score of its free coordinates, (q, T)."""
    rows, columns = np.tril_indices(n_features)
    units = np.zeros((rows.shape[0], n_features, n_features))
    units[np.arange(rows.shape[0]), rows, columns] = 1.0
    structure = problem.structure
    assert isinstance(structure, LogLinear)
    if structure.separate:
        free = structure.from_log_factors(units, np.ones(rows.shape[0]))
        return free.reshape(rows.shape[0], -1).T
    each = [structure.from_log_factors(unit[None], np.ones(1)) for unit in units]
    return np.stack(each, axis=1)
