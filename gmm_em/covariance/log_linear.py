"""Structures whose log-Cholesky factors are linear functions of free coordinates."""

from __future__ import annotations

from abc import abstractmethod
from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.coordinates import Coordinates


class LogLinear(CovarianceStructure):
    """A structure that says how its coordinates spread over log-Cholesky factors."""

    @abstractmethod
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        """Spread free coordinates over the lower triangles of log-Cholesky matrices.

        A linear map, scaled so that a unit step is a unit of the complete data's information
        when component k has weight ``roots[k] ** 2``. Used by the accelerator.

        Parameters
        ----------
        free : ndarray, shape (n_parameters(K, D),)
        roots : ndarray, shape (K,)
        n_features : int

        Returns
        -------
        ndarray, shape (K, D, D), or (1, D, D) where components share one matrix
        """

    @abstractmethod
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        """Apply the adjoint of :meth:`to_log_factors`, which carries a gradient back."""

    @override
    def coordinates(self, covariances: FloatArray, roots: FloatArray) -> Coordinates:
        return LogCholesky(self, covariances, roots)


class LogCholesky(Coordinates):
    """Log-Cholesky factors relative to those of the given matrices.

    The factors are ``F R`` with the given matrices' factors F and lower-triangular R, whose
    diagonals are given by their logs (Pinheiro & Bates 1996, section 2.2).

    Parameters
    ----------
    structure : LogLinear
    covariances : ndarray, shape (K, D, D)
    roots : ndarray, shape (K,)
        As in :meth:`CovarianceStructure.coordinates`.
    """

    def __init__(self, structure: LogLinear, covariances: FloatArray, roots: FloatArray) -> None:
        self._structure, self._roots = structure, roots
        shared = structure.second == "pooled"
        self._centre = np.linalg.cholesky(covariances[:1] if shared else covariances)
        self.size = structure.n_parameters(*covariances.shape[:2])

    def _relative(self, x: FloatArray) -> FloatArray:
        d = self._centre.shape[1]
        return exponential(self._structure.to_log_factors(x, self._roots, d))

    @override
    def factors(self, x: FloatArray) -> FloatArray:
        return np.asarray(self._centre @ self._relative(x))

    @override
    def gradient(self, x: FloatArray, excess: FloatArray) -> FloatArray:
        relative = self._relative(x)
        by_log = by_log_factors(relative, excess)
        return self._structure.from_log_factors(by_log, self._roots)


def exponential(log_factors: FloatArray) -> FloatArray:
    """Lower-triangular factors (K, D, D) whose diagonals are given by their logs."""
    out = log_factors.copy()
    index = np.arange(out.shape[1])
    out[:, index, index] = np.exp(out[:, index, index])
    return out


def by_log_factors(relative: FloatArray, excess: FloatArray) -> FloatArray:
    """Gradient by the logs of relative factors, from `excess` as in :class:`Coordinates`."""
    out = np.linalg.inv(relative).transpose(0, 2, 1) @ excess
    index = np.arange(out.shape[1])
    out[:, index, index] *= relative[:, index, index]
    return np.asarray(out)
