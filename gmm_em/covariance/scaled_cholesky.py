"""Coordinates by log-volumes, and log-Cholesky factors that leave volumes as they are.

A matrix is ``exp(v) F R R^T F^T`` with the given matrix's Cholesky factor F, a change v of the
log-volume, and a lower-triangular R of determinant 1 whose diagonal is given by its logs.
"""

from __future__ import annotations

from typing import override

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.coordinates import NaturalCoordinates
from gmm_em.covariance.layout import triangle
from gmm_em.covariance.log_linear import by_log_factors, exponential


class ScaledCholesky(NaturalCoordinates):
    """Coordinates of matrices whose volumes, or all but volumes, are each component's own.

    Parameters
    ----------
    covariances : ndarray, shape (K, D, D)
        Matrices of the family.
    roots : ndarray, shape (K,), optional
        Weights' roots that give the scale of the coordinates, as in
        :meth:`CovarianceStructure.coordinates`. By default, the coordinates are log-volumes, and
        the entries of the log-Cholesky factor relative to the given one (lower triangle row by
        row), of which the last diagonal one is what makes their sum zero.
    own_volume, own_rest : bool
        Whether the volumes, or shapes and orientations together, are each component's own.
    """

    def __init__(
        self,
        covariances: FloatArray,
        roots: FloatArray | None,
        *,
        own_volume: bool,
        own_rest: bool,
    ) -> None:
        k, d, _ = covariances.shape
        self._centre = np.linalg.cholesky(covariances)
        self._basis = _trace_free(d, orthonormal=roots is not None)
        weights = np.ones(k) if roots is None else np.asarray(roots**2)
        volumes, rest = (
            weights if own else weights.sum(keepdims=True) ** (roots is not None)
            for own in (own_volume, own_rest)
        )
        length = 1.0 if roots is None else np.sqrt(0.5 * d)
        self._volumes = 1.0 / (np.sqrt(volumes) * length)
        self._rest = 1.0 / np.sqrt(rest)
        self._split = self._volumes.shape[0]
        self.size = self._split + self._rest.shape[0] * self._basis.shape[0]

    def _changes(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return changes of the log-volumes (K or 1,), and log-factors (K or 1, D, D)."""
        volumes = x[: self._split] * self._volumes
        rest = x[self._split :].reshape(self._rest.shape[0], -1) * self._rest[:, None]
        return volumes, np.tensordot(rest, self._basis, axes=1)

    def _relative(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        volumes, logs = self._changes(x)
        return np.exp(0.5 * volumes)[:, None, None], exponential(logs)

    @override
    def factors(self, x: FloatArray) -> FloatArray:
        scale, relative = self._relative(x)
        return np.asarray(scale * (self._centre @ relative))

    @override
    def gradient(self, x: FloatArray, excess: FloatArray) -> FloatArray:
        _, relative = self._relative(x)
        by_volumes = 0.5 * np.trace(excess, axis1=1, axis2=2)
        by_logs = by_log_factors(np.broadcast_to(relative, excess.shape), excess)
        by_rest = np.tensordot(by_logs, self._basis, axes=((1, 2), (1, 2)))
        if self._split == 1:
            by_volumes = by_volumes.sum(keepdims=True)
        if self._rest.shape[0] == 1:
            by_rest = by_rest.sum(axis=0, keepdims=True)
        return np.concatenate([by_volumes * self._volumes, (by_rest * self._rest[:, None]).ravel()])

    def _columns(self, component: int) -> tuple[int, slice]:
        """Coordinates of a component's log-volume and log-factor."""
        each = self._basis.shape[0]
        first = self._split + (component if self._rest.shape[0] > 1 else 0) * each
        return (component if self._split > 1 else 0), slice(first, first + each)

    @override
    def tangent(self) -> FloatArray:
        k, d, _ = self._centre.shape
        out = np.zeros((k, d, d, self.size))
        for j, factor in enumerate(self._centre):
            volume, rest = self._columns(j)
            steps = self._basis * self._rest[j if self._rest.shape[0] > 1 else 0]
            turned = factor @ (steps + steps.transpose(0, 2, 1)) @ factor.T
            out[j, :, :, volume] = factor @ factor.T * self._volumes[volume]
            out[j, :, :, rest] = turned.transpose(1, 2, 0)
        return out

    @override
    def bend(self, slopes: FloatArray) -> FloatArray:
        out = np.zeros((self.size, self.size))
        d = self._centre.shape[1]
        for j, factor in enumerate(self._centre):
            slope = factor.T @ slopes[j] @ factor
            volume, rest = self._columns(j)
            scale = self._volumes[volume]
            steps = self._basis * self._rest[j if self._rest.shape[0] > 1 else 0]
            out[volume, volume] += scale**2 * np.trace(slope)
            mixed = 2.0 * scale * np.tensordot(steps, slope, axes=2)
            out[volume, rest] += mixed
            out[rest, volume] += mixed
            flat = steps.reshape(steps.shape[0], -1)
            diagonals = steps[:, np.arange(d), np.arange(d)]
            out[rest, rest] += 2.0 * flat @ (slope @ steps).reshape(flat.shape).T
            out[rest, rest] += 2.0 * (diagonals * np.diagonal(slope)) @ diagonals.T
        return out


def _trace_free(d: int, *, orthonormal: bool) -> FloatArray:
    """Lower-triangular matrices of trace zero: a basis, shape (D (D + 1) / 2 - 1, D, D)."""
    rows, columns, _ = triangle(d)
    units = np.zeros((rows.shape[0], d, d))
    units[np.arange(rows.shape[0]), rows, columns] = 1.0
    diagonal = np.flatnonzero(rows == columns)
    contrasts = np.vstack([np.eye(d - 1), np.full((1, d - 1), -1.0)])
    if orthonormal:
        # The information on the log of a diagonal entry is twice that on an entry below.
        contrasts = np.linalg.qr(contrasts)[0] / np.sqrt(2.0)
    out = np.delete(units, diagonal[-1], axis=0)
    for j in range(d - 1):
        out[diagonal[j]] = np.diag(contrasts[:, j])
    return out
