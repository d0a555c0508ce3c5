"""Coordinates by log-variances along axes, and rotations of the axes.

With axes Q and variances v, a matrix is ``Q C diag(v exp(B x)) C^T Q^T``. The logs of the
variances are linear in the coordinates, and C is the Cayley transform
``(I - W / 2)^-1 (I + W / 2)`` of a skew-symmetric matrix W of further coordinates.
"""

from __future__ import annotations

from typing import Literal, override

import numpy as np

from gmm_em.core.types import FloatArray, IndexArray
from gmm_em.covariance.coordinates import NaturalCoordinates
from gmm_em.covariance.frames import moments_along, shared_frame

Orientation = Literal["axes", "common", "own"]

# A rotation between axes of nearly equal variance has almost no effect on a matrix. A step in its
# coordinate is then limited to so many radians' inverse.
_LEAST_INFORMATION = 0.1


class Spectral(NaturalCoordinates):
    """Coordinates of matrices whose volumes, shapes or axes are common or each component's own.

    Parameters
    ----------
    covariances : ndarray, shape (K, D, D)
        Matrices of the family.
    roots : ndarray, shape (K,), optional
        Weights' roots that give the scale of the coordinates, as in
        :meth:`CovarianceStructure.coordinates`. By default, the coordinates are log-volumes, logs
        of the first D - 1 shape entries, and angles between pairs of axes (lower triangle row by
        row), each component by component where it is a component's own.
    own_volume, own_shape : bool
    orientation : {"axes", "common", "own"}
    """

    def __init__(
        self,
        covariances: FloatArray,
        roots: FloatArray | None,
        *,
        own_volume: bool,
        own_shape: bool,
        orientation: Orientation,
    ) -> None:
        k, d, _ = covariances.shape
        self._frames, self._variances = _spectra(covariances, orientation)
        self._groups = {"axes": 0, "common": 1, "own": k}[orientation]
        self._rows, self._columns = np.tril_indices(d, -1)
        design = _design(k, d, own_volume=own_volume, own_shape=own_shape)
        self._angles = np.ones((self._groups, self._rows.shape[0]))
        if roots is not None:
            scaled = design * (np.repeat(roots, d) / np.sqrt(2.0))[:, None]
            design = np.linalg.solve(np.linalg.qr(scaled)[1].T, design.T).T
            self._angles = 1.0 / self._turning_information(roots)
        self._design = design.reshape(k, d, -1)
        self._split = design.shape[1]
        self.size = self._split + self._angles.size

    def _turning_information(self, roots: FloatArray) -> FloatArray:
        """Root of the complete data's information on each angle, shape (groups, pairs)."""
        v = self._variances
        ratio = v[:, self._rows] / v[:, self._columns]
        each = (ratio - 2.0 + 1.0 / ratio) * roots[:, None] ** 2
        least = np.full(each.shape, _LEAST_INFORMATION**2) * roots[:, None] ** 2
        if self._groups == 1:
            each, least = (array.sum(axis=0, keepdims=True) for array in (each, least))
        return np.asarray(np.sqrt(np.maximum(each, least)[: self._groups]))

    def _at(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Half-turned inverse ``(I - W / 2)^-1``, Cayley transform, roots of the variances."""
        logs = self._design @ x[: self._split]
        d = logs.shape[1]
        deviations = np.sqrt(self._variances) * np.exp(0.5 * logs)
        skew = np.zeros((self._groups, d, d))
        turns = x[self._split :].reshape(self._angles.shape) * self._angles
        skew[:, self._rows, self._columns] = turns
        skew[:, self._columns, self._rows] = -turns
        inverse = np.linalg.inv(np.eye(d) - 0.5 * skew)
        # (I - W/2)^-1 (I + W/2) is 2 (I - W/2)^-1 - I.
        return inverse, 2.0 * inverse - np.eye(d), deviations

    def _axes(self, cayley: FloatArray) -> FloatArray:
        return self._frames @ cayley if self._groups else self._frames

    @override
    def factors(self, x: FloatArray) -> FloatArray:
        _, cayley, deviations = self._at(x)
        wide = self._axes(cayley) * deviations[:, None, :]
        if not np.isfinite(wide).all():
            return np.full(wide.shape, np.nan)
        upper = np.linalg.qr(wide.transpose(0, 2, 1))[1]
        signs = np.where(np.diagonal(upper, axis1=1, axis2=2) < 0, -1.0, 1.0)
        return np.asarray((upper * signs[:, :, None]).transpose(0, 2, 1))

    @override
    def gradient(self, x: FloatArray, excess: FloatArray) -> FloatArray:
        inverse, cayley, deviations = self._at(x)
        wide = self._axes(cayley) * deviations[:, None, :]
        # The factors whiten; what is left of the axes is orthogonal.
        turned = np.linalg.solve(self.factors(x), wide)
        along = turned.transpose(0, 2, 1) @ excess @ turned
        halves = 0.5 * np.diagonal(along, axis1=1, axis2=2)
        by_logs = np.tensordot(halves, self._design, axes=2)
        if not self._groups:
            return np.asarray(by_logs)
        by_cayley = cayley @ (along * (deviations[:, None, :] / deviations[:, :, None]))
        if self._groups == 1:
            by_cayley = by_cayley.sum(axis=0, keepdims=True)
        back = inverse.transpose(0, 2, 1)
        by_skew = back @ by_cayley @ back
        skewed = by_skew - by_skew.transpose(0, 2, 1)
        by_turns = skewed[:, self._rows, self._columns] * self._angles
        return np.concatenate([by_logs, by_turns.ravel()])

    def _commutators(self) -> FloatArray:
        """Matrices ``E diag(v) - diag(v) E`` of each pair's unit of rotation E, (K, m, D, D)."""
        (k, d), pairs = self._variances.shape, np.arange(self._rows.shape[0])
        steps = self._variances[:, self._columns] - self._variances[:, self._rows]
        out = np.zeros((k, pairs.shape[0], d, d))
        out[:, pairs, self._rows, self._columns] = steps
        out[:, pairs, self._columns, self._rows] = steps
        return out

    def _turn_columns(self, component: int) -> slice:
        """Coordinates of the angles that turn a component's axes."""
        pairs = self._rows.shape[0]
        first = self._split + (component if self._groups > 1 else 0) * pairs
        return slice(first, first + (pairs if self._groups else 0))

    @override
    def tangent(self) -> FloatArray:
        k, d = self._variances.shape
        out = np.zeros((k, d, d, self.size))
        commutators = self._commutators()
        for j, frame in enumerate(self._frames):
            scaled = self._design[j] * self._variances[j][:, None]
            out[j, :, :, : self._split] = np.einsum("ia,ja,aq->ijq", frame, frame, scaled)
            if self._groups:
                turned = frame @ commutators[j] @ frame.T
                angles = self._angles[j if self._groups > 1 else 0]
                own = self._turn_columns(j)
                out[j, :, :, own] = turned.transpose(1, 2, 0) * angles
        return out

    @override
    def bend(self, slopes: FloatArray) -> FloatArray:
        out = np.zeros((self.size, self.size))
        commutators = self._commutators()
        for j, frame in enumerate(self._frames):
            slope, variances = frame.T @ slopes[j] @ frame, self._variances[j]
            design = self._design[j]
            weights = np.diagonal(slope) * variances
            out[: self._split, : self._split] += (design * weights[:, None]).T @ design
            if not self._groups:
                continue
            own = self._turn_columns(j)
            angles = self._angles[j if self._groups > 1 else 0]
            scaled = design * variances[:, None]
            steps = scaled[self._columns] - scaled[self._rows]
            mixed = 2.0 * slope[self._rows, self._columns][:, None] * steps * angles[:, None]
            out[own, : self._split] += mixed
            out[: self._split, own] += mixed.T
            turned = _commuted(slope, self._rows, self._columns)
            twice = np.einsum("iab,jba->ij", turned, commutators[j])
            out[own, own] += 0.5 * (twice + twice.T) * np.outer(angles, angles)
        return out


def _commuted(slope: FloatArray, rows: IndexArray, columns: IndexArray) -> FloatArray:
    """Commutators ``G E - E G`` of a matrix with each pair's unit of rotation, (m, D, D)."""
    m, d = rows.shape[0], slope.shape[0]
    units = np.zeros((m, d, d))
    units[np.arange(m), rows, columns] = 1.0
    units[np.arange(m), columns, rows] = -1.0
    return np.asarray(slope @ units - units @ slope)


def _spectra(covariances: FloatArray, orientation: Orientation) -> tuple[FloatArray, FloatArray]:
    """Axes (K, D, D), as columns, and the variances along them (K, D)."""
    k, d, _ = covariances.shape
    if orientation == "own":
        variances, frames = np.linalg.eigh(covariances)
        return frames, variances
    frame = np.eye(d) if orientation == "axes" else shared_frame(covariances)
    return np.repeat(frame[None], k, axis=0), moments_along(frame, covariances)


def _design(k: int, d: int, *, own_volume: bool, own_shape: bool) -> FloatArray:
    """Log-variances, component by component, of log-volumes and logs of shape entries."""
    contrasts = np.vstack([np.eye(d - 1), np.full((1, d - 1), -1.0)])
    volumes = np.eye(k) if own_volume else np.ones((k, 1))
    shapes = np.eye(k) if own_shape else np.ones((k, 1))
    return np.hstack([np.kron(volumes, np.ones((d, 1))), np.kron(shapes, contrasts)])
