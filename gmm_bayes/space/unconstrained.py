"""The unconstrained vector that a gradient-based sampler moves, and the mixture it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit, softmax

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.structures import FULL, Structure


def weights_of(ratios: FloatArray) -> FloatArray:
    """Return weights (..., K) from K - 1 of their centred log-ratios (..., K - 1)."""
    full = np.concatenate([ratios, -ratios.sum(axis=-1, keepdims=True)], axis=-1)
    return np.asarray(softmax(full, axis=-1))


def log_ratios(weights: FloatArray) -> FloatArray:
    """Undo :func:`weights_of`."""
    log_weights = np.log(weights)
    centred = log_weights - log_weights.mean(axis=-1, keepdims=True)
    return np.asarray(centred[..., : weights.shape[-1] - 1])


@dataclass(frozen=True)
class UnconstrainedSpace:
    """Coordinates of a mixture of `n_components` Gaussians in `n_features` dimensions.

    In this order:

    - K - 1 weights as centred log-ratios, the last left out;
    - K x D means;
    - for each covariance, the logarithms of its standard deviations;
    - for each covariance, the log-odds of its canonical partial correlations mapped to (0, 1), row
      by row of the strict lower triangle.

    How many there are of the last two is up to `structure`: K covariances or one, D standard
    deviations or one, D(D-1)/2 correlations or none.
    """

    n_components: int
    n_features: int
    structure: Structure = FULL

    @property
    def n_covariances(self) -> int:
        """Covariances in the mixture."""
        return self.structure.n_covariances(self.n_components)

    @property
    def n_sds(self) -> int:
        """Standard deviations per covariance."""
        return self.structure.n_sds(self.n_features)

    @property
    def n_correlations(self) -> int:
        """Partial correlations per covariance."""
        return self.structure.n_correlations(self.n_features)

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the log standard deviations, and of the log-odds."""
        return (self.n_covariances, self.n_sds), (self.n_covariances, self.n_correlations)

    @property
    def size(self) -> int:
        """Length of the vector."""
        k, d = self.n_components, self.n_features
        return k - 1 + k * d + sum(rows * width for rows, width in self.blocks)

    def to_mixtures(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights (..., K), means (..., K, D) and covariances (..., K, D, D).

        Parameters
        ----------
        theta : ndarray of shape (..., size)
        """
        k, d, g = self.n_components, self.n_features, self.n_covariances
        batch = theta.shape[:-1]
        ratios, means, log_sds, log_odds = np.split(
            theta, np.cumsum([k - 1, k * d, g * self.n_sds]), axis=-1
        )
        covariances = self.covariances(
            log_sds.reshape(*batch, g, self.n_sds),
            log_odds.reshape(*batch, g, self.n_correlations),
        )
        return weights_of(ratios), means.reshape(*batch, k, d), covariances

    def covariances(self, log_sds: FloatArray, log_odds: FloatArray) -> FloatArray:
        """Return the components' covariances (..., K, D, D).

        Parameters
        ----------
        log_sds : ndarray of shape (..., n_covariances, n_sds)
        log_odds : ndarray of shape (..., n_covariances, n_correlations)
        """
        k, d = self.n_components, self.n_features
        shape = (*log_sds.shape[:-1], d, d)
        rows, columns = np.tril_indices(d, -1)
        rows, columns = rows[: self.n_correlations], columns[: self.n_correlations]
        shares = np.zeros(shape)
        shares[..., rows, columns] = np.tanh(0.5 * log_odds)
        shares[..., np.arange(d), np.arange(d)] = 1.0
        # sqrt(1 - z**2) for z = tanh(u / 2)
        left = np.ones(shape)
        left[..., rows, columns + 1] = 1.0 / np.cosh(0.5 * np.clip(log_odds, -1400.0, 1400.0))
        factors = np.exp(log_sds)[..., :, None] * shares * np.cumprod(left, axis=-1)
        covariances = factors @ np.swapaxes(factors, -1, -2)
        return np.ascontiguousarray(np.broadcast_to(covariances, (*shape[:-3], k, d, d)))

    def from_mixture(
        self, weights: FloatArray, means: FloatArray, covariances: FloatArray
    ) -> FloatArray:
        """Return the vectors (..., size) of mixtures whose covariances have the structure.

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
        k, d = self.n_components, self.n_features
        batch = weights.shape[:-1]
        factors = np.linalg.cholesky(covariances[..., : self.n_covariances, :, :])
        sds = np.sqrt(np.einsum("...ij,...ij->...i", factors, factors))
        correlation = factors / sds[..., None]
        rows, columns = np.tril_indices(d, -1)
        rows, columns = rows[: self.n_correlations], columns[: self.n_correlations]
        # What is left of the stick before entry j: the entries from j to the diagonal.
        squares = np.cumsum(correlation[..., ::-1] ** 2, axis=-1)[..., ::-1]
        partial = correlation[..., rows, columns] / np.sqrt(squares[..., rows, columns])
        parts = [
            log_ratios(weights),
            means,
            np.log(sds[..., : self.n_sds]),
            logit(0.5 * (partial + 1.0)),
        ]
        g = self.n_covariances
        sizes = (k - 1, k * d, g * self.n_sds, g * self.n_correlations)
        return np.concatenate(
            [part.reshape(*batch, size) for part, size in zip(parts, sizes, strict=True)],
            axis=-1,
        )

    def redrawn(self, theta: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return `theta`: every coordinate has a meaning."""
        return theta

    def errors(self, rows: FloatArray) -> FloatArray:
        """Return asymptotic standard errors of the coordinates of the covariances.

        For n rows of one Gaussian: that of a log standard deviation is ``1 / sqrt(2 n)``, of
        Fisher's z (half the log-odds) ``1 / sqrt(n)``.

        Parameters
        ----------
        rows : ndarray of shape (K,)
            Expected numbers of rows.
        """
        counts = rows.sum(keepdims=True) if self.structure.shared else rows
        shared = 1.0 / np.sqrt(counts + 1.0)
        return np.concatenate(
            [
                np.repeat(shared * np.sqrt(0.5 * self.n_sds / self.n_features), self.n_sds),
                np.repeat(2.0 * shared, self.n_correlations),
            ]
        )

    def names_of_covariances(self) -> list[str]:
        """Return a name for each coordinate of the covariances."""
        rows, columns = np.tril_indices(self.n_features, -1)
        pairs = list(zip(rows, columns, strict=True))[: self.n_correlations]
        every = range(self.n_covariances)
        return [
            *(f"log_sd[{j}, {i}]" for j in every for i in range(self.n_sds)),
            *(f"log_odds[{j}, {a}, {b}]" for j in every for a, b in pairs),
        ]
