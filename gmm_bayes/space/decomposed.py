"""Unconstrained coordinates by volume, shape and orientation, and the mixtures they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.structures import Decomposed
from gmm_bayes.space.unconstrained import log_ratios, weights_of
from gmm_em.covariance.frames import moments_along, shared_frame

REPULSION = 10.0
"""Power of the gaps between eigenvalues that say nothing, in the density of their matrices.

Close to a matrix with two equal eigenvalues the axes turn quickly, and a sampler would need short
steps. The density that :func:`spectra` draws from keeps away from such matrices.
"""


def log_mean_gaps(n: int) -> float:
    """Return the logarithm of the mean of ``prod_(i<j) |y_i - y_j|**REPULSION``.

    The mean is over the eigenvalues y (n,) of a symmetric matrix of trace zero whose coordinates
    (:func:`trace_free`) are standard normal: the quotient of two of Mehta's integrals (Mehta 2004,
    equation 3.3.10), for the exponents 1 + REPULSION and 1.
    """
    j = np.arange(1, n + 1)

    def log_integral(beta: float) -> float:
        return float((gammaln(1.0 + 0.5 * beta * j) - gammaln(1.0 + 0.5 * beta)).sum())

    return log_integral(1.0 + REPULSION) - log_integral(1.0)


def spectra(rng: np.random.Generator, n: int, shape: tuple[int, ...]) -> FloatArray:
    """Return ascending eigenvalues (*shape, n) of sum zero, drawn from the density with gaps.

    They are those of a random tridiagonal matrix (Dumitriu & Edelman 2002, theorem 2.12), whose
    trace, which is independent of the gaps, is taken away.
    """
    matrices = np.zeros((*shape, n, n))
    index = np.arange(n)
    matrices[..., index, index] = rng.standard_normal((*shape, n))
    degrees = (1.0 + REPULSION) * np.arange(n - 1, 0, -1)
    beside = np.sqrt(0.5 * rng.chisquare(degrees, size=(*shape, n - 1)))
    matrices[..., index[1:], index[:-1]] = beside
    values = np.linalg.eigvalsh(matrices)
    return np.asarray(values - values.mean(axis=-1, keepdims=True))


def contrasts(n: int) -> FloatArray:
    """Return orthonormal vectors (n, n - 1), as columns, whose entries have the sum zero."""
    out = np.zeros((n, n - 1))
    for j in range(n - 1):
        length = math.sqrt((j + 1.0) * (j + 2.0))
        out[: j + 1, j] = 1.0 / length
        out[j + 1, j] = -(j + 1.0) / length
    return out


def trace_free(n: int) -> FloatArray:
    """Return an orthonormal basis (n (n + 1) / 2 - 1, n, n) of symmetric matrices of trace zero.

    First diagonal ones, by the columns of :func:`contrasts`, then one for each pair of features,
    row by row of the strict lower triangle. A matrix whose coordinates are independent normal
    variables of one standard deviation has a distribution that no rotation changes.
    """
    rows, columns = np.tril_indices(n, -1)
    out = np.zeros((n - 1 + rows.size, n, n))
    out[: n - 1, np.arange(n), np.arange(n)] = contrasts(n).T
    pairs = n - 1 + np.arange(rows.size)
    out[pairs, rows, columns] = out[pairs, columns, rows] = math.sqrt(0.5)
    return out


def coordinates_of(matrices: FloatArray) -> FloatArray:
    """Return the coordinates (..., m) of symmetric matrices (..., D, D) of trace zero."""
    basis = trace_free(matrices.shape[-1])
    return np.asarray(np.tensordot(matrices, basis, axes=((-2, -1), (1, 2))))


@dataclass(frozen=True)
class DecomposedSpace:
    """Coordinates of a mixture whose components share some of volume, shape and orientation.

    In this order, each of the last three once where it is common to all components, and otherwise
    component by component:

    - K - 1 weights as centred log-ratios, the last left out;
    - K x D means;
    - log-volumes;
    - logarithms of the shape, by D - 1 orthonormal contrasts;
    - a symmetric matrix of trace zero, by an orthonormal basis.

    The matrix is the logarithm of shape and orientation together where both are common or both
    each component's own; there are no vectors of log-shapes then. Where they are free apart from
    each other, the axes are the matrix's eigenvectors, in the ascending order of its eigenvalues,
    and the eigenvalues have no meaning. No coordinate is bounded, and none is an angle: rotations
    have no coordinates without a seam, but these matrices have none.

    Parameters
    ----------
    n_components, n_features : int
    structure : Decomposed
    """

    n_components: int
    n_features: int
    structure: Decomposed

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the log-volumes, the log-shapes and the matrices."""
        d, own = self.n_features, self.structure
        widths = (1, d - 1, d * (d + 1) // 2 - 1)
        numbers = (own.n_volumes, own.n_shapes, own.n_matrices)
        return tuple(
            (common + each * self.n_components, width)
            for (common, each), width in zip(numbers, widths, strict=True)
        )

    @property
    def size(self) -> int:
        """Length of the vector."""
        k, d = self.n_components, self.n_features
        return k - 1 + k * d + sum(rows * width for rows, width in self.blocks)

    def _parts(self, theta: FloatArray) -> list[FloatArray]:
        """Return log-ratios, means, and the three blocks, each with its own shape."""
        k, d = self.n_components, self.n_features
        shapes = [(k - 1,), (k, d), *self.blocks]
        ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
        batch = theta.shape[:-1]
        return [
            part.reshape(*batch, *shape)
            for part, shape in zip(np.split(theta, ends, axis=-1), shapes, strict=True)
        ]

    def to_mixtures(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights (..., K), means (..., K, D) and covariances (..., K, D, D).

        Parameters
        ----------
        theta : ndarray of shape (..., size)
        """
        ratios, means, volumes, shapes, matrices = self._parts(theta)
        return weights_of(ratios), means, self.covariances(volumes, shapes, matrices)

    def covariances(
        self, volumes: FloatArray, shapes: FloatArray, matrices: FloatArray
    ) -> FloatArray:
        """Return the components' covariances (..., K, D, D).

        Parameters
        ----------
        volumes, shapes, matrices : ndarray
            Of the shapes that `blocks` says, after any leading axes.
        """
        k, d = self.n_components, self.n_features
        batch = volumes.shape[:-2]
        logs, frames = np.zeros((*batch, 1, d)), np.eye(d)
        if matrices.shape[-2]:
            each = np.tensordot(matrices, trace_free(d), axes=1)
            logs, frames = np.linalg.eigh(each)
        if shapes.shape[-2]:
            logs = shapes @ contrasts(d).T
        spread = np.exp(volumes + logs)
        frames = np.broadcast_to(frames, (*batch, k, d, d))
        spread = np.broadcast_to(spread, (*batch, k, d))
        return np.asarray((frames * spread[..., None, :]) @ np.swapaxes(frames, -1, -2))

    def from_mixture(
        self, weights: FloatArray, means: FloatArray, covariances: FloatArray
    ) -> FloatArray:
        """Return the vectors (..., size) of mixtures whose covariances have the structure.

        Eigenvalues that have no meaning are evenly spaced. Where permuting the axes changes
        nothing, the mean log-variances along them ascend.

        Parameters
        ----------
        weights : ndarray of shape (..., K)
        means : ndarray of shape (..., K, D)
        covariances : ndarray of shape (..., K, D, D)

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        d, own = self.n_features, self.structure
        batch = weights.shape[:-1]
        logs, frames = self._spectra(covariances)
        volumes = logs.mean(axis=-1, keepdims=True)
        shapes = logs - volumes
        values = shapes
        if own.turned:
            values = np.broadcast_to(self._spaced(), shapes.shape)
        matrices = (frames * values[..., None, :]) @ np.swapaxes(frames, -1, -2)
        every = (volumes, shapes @ contrasts(d), coordinates_of(matrices))
        parts = [log_ratios(weights), means]
        parts += [part[..., :rows, :] for part, (rows, _) in zip(every, self.blocks, strict=True)]
        return np.concatenate([part.reshape(*batch, -1) for part in parts], axis=-1)

    def _spectra(self, covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log-variances (..., K, D) along axes (..., K, D, D), as columns."""
        np.linalg.cholesky(covariances)  # refuses matrices that are not positive definite
        if not self.structure.correlated:
            frames = np.broadcast_to(np.eye(self.n_features), covariances.shape)
            return np.log(np.diagonal(covariances, axis1=-2, axis2=-1)), frames
        if self.structure.em.orientation == "own" or self.structure.whole_matrix:
            variances, frames = np.linalg.eigh(covariances)
            return np.log(variances), frames
        flat = covariances.reshape(-1, *covariances.shape[-3:])
        found = [self._along_shared(each) for each in flat]
        return (
            np.stack([logs for logs, _ in found]).reshape(covariances.shape[:-1]),
            np.stack([frame for _, frame in found]).reshape(covariances.shape),
        )

    def _along_shared(self, covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log-variances (K, D) along the axes that matrices (K, D, D) share, and those."""
        frame = shared_frame(covariances)
        logs = np.log(moments_along(frame, covariances))
        order = np.argsort(logs.mean(axis=0))
        return logs[:, order], np.broadcast_to(frame[:, order], covariances.shape)

    def _spaced(self) -> FloatArray:
        """Return evenly spaced eigenvalues (D,), ascending, with a typical sum of squares."""
        d = self.n_features
        line = np.arange(d) - 0.5 * (d - 1.0)
        squares = d - 1.0 + 0.5 * (1.0 + REPULSION) * d * (d - 1.0)
        return np.asarray(line * math.sqrt(squares / max(float(line @ line), 1.0)))

    def redrawn(self, theta: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return vectors (..., size) with new eigenvalues where eigenvalues have no meaning.

        They are drawn from the prior, of which no row of data says anything.
        """
        if not self.structure.turned:
            return theta
        rows, width = self.blocks[-1]
        basis = trace_free(self.n_features)
        batch = theta.shape[:-1]
        ours = theta[..., theta.shape[-1] - rows * width :].reshape(*batch, rows, width)
        frames = np.linalg.eigh(np.tensordot(ours, basis, axes=1))[1]
        values = spectra(rng, self.n_features, (*batch, rows))
        matrices = (frames * values[..., None, :]) @ np.swapaxes(frames, -1, -2)
        out = theta.copy()
        new = coordinates_of(matrices).reshape(*batch, rows * width)
        out[..., theta.shape[-1] - rows * width :] = new
        return out

    def errors(self, rows: FloatArray) -> FloatArray:
        """Return asymptotic standard errors of the coordinates of the covariances.

        For n rows of one Gaussian the standard error of a log-variance is ``sqrt(2 / n)``, that
        of a log-volume ``sqrt(2 / (n D))``, and that of an angle at a ratio of variances of e or
        so about ``sqrt(1 / n)``.

        Parameters
        ----------
        rows : ndarray of shape (K,)
            Expected numbers of rows.
        """
        scales = (math.sqrt(2.0 / self.n_features), math.sqrt(2.0), math.sqrt(2.0))
        parts = []
        for (n, width), scale in zip(self.blocks, scales, strict=True):
            counts = rows if n == self.n_components else rows.sum(keepdims=True)
            parts.append(np.repeat(scale / np.sqrt(counts[:n] + 1.0), width))
        return np.concatenate(parts)

    def names_of_covariances(self) -> list[str]:
        """Return a name for each coordinate of the covariances."""
        kinds = ("log_volume", "log_shape", "log_matrix")
        return [
            f"{kind}[{j}, {i}]"
            for kind, (rows, width) in zip(kinds, self.blocks, strict=True)
            for j in range(rows)
            for i in range(width)
        ]
