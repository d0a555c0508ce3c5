"""The unconstrained vector that a gradient-based sampler moves, and the mixture it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, softmax

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class UnconstrainedSpace:
    """Coordinates of a mixture of `n_components` Gaussians in `n_features` dimensions.

    In this order (that of the free variables of :func:`gmm_bayes.build_model`, each after PyMC's
    own transform):

    - K - 1 weights as centred log-ratios, the last left out;
    - K x D means;
    - K x D logarithms of standard deviations;
    - K x D(D-1)/2 log-odds of canonical partial correlations mapped to (0, 1), row by row of the
      strict lower triangle.
    """

    n_components: int
    n_features: int

    @property
    def n_correlations(self) -> int:
        """Partial correlations per component."""
        return self.n_features * (self.n_features - 1) // 2

    @property
    def size(self) -> int:
        """Length of the vector."""
        per_component = 2 * self.n_features + self.n_correlations
        return self.n_components - 1 + self.n_components * per_component

    def to_mixtures(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights (..., K), means (..., K, D) and covariances (..., K, D, D).

        Parameters
        ----------
        theta : ndarray of shape (..., size)
        """
        k, d, p = self.n_components, self.n_features, self.n_correlations
        batch = theta.shape[:-1]
        ratios, means, log_sds, log_odds = np.split(
            theta, np.cumsum([k - 1, k * d, k * d]), axis=-1
        )
        full = np.concatenate([ratios, -ratios.sum(axis=-1, keepdims=True)], axis=-1)
        weights = softmax(full, axis=-1)
        sds = np.exp(log_sds).reshape(*batch, k, d)
        log_odds = log_odds.reshape(*batch, k, p)
        rows, columns = np.tril_indices(d, -1)
        shares = np.zeros((*batch, k, d, d))
        shares[..., rows, columns] = np.tanh(0.5 * log_odds)
        shares[..., np.arange(d), np.arange(d)] = 1.0
        # sqrt(1 - z**2) for z = tanh(u / 2)
        left = np.ones((*batch, k, d, d))
        left[..., rows, columns + 1] = 1.0 / np.cosh(0.5 * np.clip(log_odds, -1400.0, 1400.0))
        factors = sds[..., :, None] * shares * np.cumprod(left, axis=-1)
        covariances = factors @ np.swapaxes(factors, -1, -2)
        return weights, means.reshape(*batch, k, d), covariances

    def from_mixture(
        self, weights: FloatArray, means: FloatArray, covariances: FloatArray
    ) -> FloatArray:
        """Return the vector (size,) of one mixture.

        Parameters
        ----------
        weights : ndarray of shape (K,)
        means : ndarray of shape (K, D)
        covariances : ndarray of shape (K, D, D)

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        k, d = self.n_components, self.n_features
        log_weights = np.log(weights)
        factors = np.linalg.cholesky(covariances)
        sds = np.sqrt(np.einsum("kij,kij->ki", factors, factors))
        correlation = factors / sds[..., None]
        rows, columns = np.tril_indices(d, -1)
        # What is left of the stick before entry j: the entries from j to the diagonal.
        squares = np.cumsum(correlation[..., ::-1] ** 2, axis=-1)[..., ::-1]
        partial = correlation[:, rows, columns] / np.sqrt(squares[:, rows, columns])
        return np.concatenate(
            [
                (log_weights - log_weights.mean())[: k - 1],
                means.ravel(),
                np.log(sds).ravel(),
                logit(0.5 * (partial + 1.0)).ravel(),
            ]
        )
