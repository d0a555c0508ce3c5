"""The state of the telescoping sampler and the part of its model that concerns K."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.types import FloatArray, IntArray


class UnknownK(NamedTuple):
    """The part of the model that concerns the number of components, up to a largest one, M.

    Parameters
    ----------
    log_prior : ndarray of shape (M,)
        Of K = 1, ..., M.
    dynamic : bool
        Whether the weights are Dirichlet(c / K, ..., c / K), with c the model's concentration,
        rather than Dirichlet(c, ..., c).
    psi : ndarray of shape (M, D, D) or (0, D, D)
        Prior scatter given K = 1, ..., M; empty where it does not depend on K.
    covariance_constant : ndarray of shape (M,)
        Log prior density given K of one covariance, at a unit one and without the exponential of
        minus half the trace; only where `psi` is not empty.
    """

    log_prior: FloatArray
    dynamic: bool
    psi: FloatArray
    covariance_constant: FloatArray


class ScatterPrior(NamedTuple):
    """Prior of the scatter matrix where that is unknown and all covariances share it.

    Parameters
    ----------
    power : ndarray of shape (M,) or (0,)
        Its shape given 1, ..., M covariances; empty where the scatter matrix is known.
    rate : ndarray of shape (D, D)
    """

    power: FloatArray
    rate: FloatArray


class Telescope(NamedTuple):
    """Where a chain is. Only the first K of M components are there; those with rows come first.

    Parameters
    ----------
    n_components : ndarray of int, shape (2,)
        K, and how many components have rows.
    weights : ndarray of shape (M,)
    means : ndarray of shape (M, D)
    whiteners : ndarray of shape (M, D, D)
    allocations : ndarray of int, shape (N,)
        The component of each row, which numbers the components as they were before the sweep.
    places : ndarray of int, shape (M,)
        The number that each component of `allocations` has now.
    """

    n_components: IntArray
    weights: FloatArray
    means: FloatArray
    whiteners: FloatArray
    allocations: IntArray
    places: IntArray


class TelescopeTrace(NamedTuple):
    """What is recorded of S draws.

    Parameters
    ----------
    n_components, n_filled : ndarray of int, shape (S,)
    weights : ndarray of shape (S, M)
        Those of the first K components, as all that follows.
    means : ndarray of shape (S, M, D)
    whiteners : ndarray of shape (S, M, D, D)
    allocations : ndarray of int, shape (S, N)
        The component of each row.
    """

    n_components: IntArray
    n_filled: IntArray
    weights: FloatArray
    means: FloatArray
    whiteners: FloatArray
    allocations: NDArray[np.uint16]
