"""The unconstrained vector that the Gibbs sampler's marginal moves act on.

The coordinates of a component are its log weight, its mean, and its whitener W (lower triangular,
``W' W`` the inverse covariance) written as the regression of each feature on those before it. Those
are ``log W_ii``, half the log precision of the regression's residual, and the slopes ``b_ij =
-W_ij / W_ii``. In these coordinates the posterior of one Gaussian is close to a Gaussian: given the
precisions, the slopes are exactly normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.space.structures import Structure


def prior_powers(structure: Structure, dof: float, n_features: int) -> FloatArray:
    """Return the powers (D,) of the diagonal of W in the conjugate prior's density here.

    Where a variance is InvGamma(dof / 2, .), the power is dof; if all D features have one variance,
    each has a D-th of that. For a Wishart precision with ``nu = dof + D - 1``, the power in row i,
    counted from 1, is the sum of nu - D - 1 from the density, i from the Jacobian of ``W -> W' W``,
    and i from that of ``(log W_ii, b_ij) -> W_ij``.
    """
    if structure.correlated:
        return np.asarray(dof + 2.0 * np.arange(n_features))
    return np.full(n_features, dof * structure.n_sds(n_features) / n_features)


@dataclass(frozen=True)
class Coordinates:
    """Layout of the vector of a mixture of K Gaussians in D dimensions.

    In this order: K - 1 centred log weights (the last left out), K x D means, then for each
    distinct covariance its logarithms ``log W_ii`` (D, or 1 where all are the same) and its slopes
    (row by row of the strict lower triangle, where features correlate).
    """

    n_components: int
    n_features: int
    structure: Structure

    @property
    def n_covariances(self) -> int:
        """Distinct covariances."""
        return self.structure.n_covariances(self.n_components)

    @property
    def n_logs(self) -> int:
        """Logarithms of precisions per covariance."""
        return self.structure.n_sds(self.n_features)

    @property
    def n_slopes(self) -> int:
        """Regression slopes per covariance."""
        return self.structure.n_correlations(self.n_features)

    @property
    def size(self) -> int:
        """Length of the vector."""
        k, d = self.n_components, self.n_features
        return k - 1 + k * d + self.n_covariances * (self.n_logs + self.n_slopes)

    def to_mixtures(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights (..., K), means (..., K, D) and covariances (..., K, D, D).

        Parameters
        ----------
        theta : ndarray of shape (..., size)
        """
        k, d = self.n_components, self.n_features
        batch = theta.shape[:-1]
        ratios, means, rest = np.split(theta, np.cumsum([k - 1, k * d]), axis=-1)
        full = np.concatenate([ratios, -ratios.sum(axis=-1, keepdims=True)], axis=-1)
        rest = rest.reshape(*batch, self.n_covariances, self.n_logs + self.n_slopes)
        sds = np.broadcast_to(np.exp(-rest[..., : self.n_logs]), (*batch, self.n_covariances, d))
        # (I - B) x has independent entries with these sds.
        regression = np.broadcast_to(np.eye(d), (*sds.shape, d)).copy()
        if self.n_slopes:
            rows, columns = np.tril_indices(d, -1)
            regression[..., rows, columns] = -rest[..., self.n_logs :]
        factors = np.linalg.inv(regression) * sds[..., None, :]
        covariances = factors @ np.swapaxes(factors, -1, -2)
        return (
            softmax(full, axis=-1),
            means.reshape(*batch, k, d),
            np.broadcast_to(covariances, (*batch, k, d, d)).copy(),
        )

    def permute(self, theta: FloatArray, order: IntArray) -> FloatArray:
        """Return the vectors (..., size) with component i the old ``order[i]``; a linear map."""
        k, d = self.n_components, self.n_features
        batch = theta.shape[:-1]
        ratios, means, rest = np.split(theta, np.cumsum([k - 1, k * d]), axis=-1)
        full = np.concatenate([ratios, -ratios.sum(axis=-1, keepdims=True)], axis=-1)
        if not self.structure.shared:
            rest = rest.reshape(*batch, k, -1)[..., order, :].reshape(*batch, -1)
        means = means.reshape(*batch, k, d)[..., order, :].reshape(*batch, k * d)
        return np.concatenate([full[..., order[:-1]], means, rest], axis=-1)

    def weights_and_means(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log weights (K,) and means (K, D) of one vector (size,)."""
        k, d = self.n_components, self.n_features
        ratios = np.append(theta[: k - 1], -theta[: k - 1].sum())
        return log_softmax(ratios), theta[k - 1 : k - 1 + k * d].reshape(k, d)

    def complete_information(
        self, weights: FloatArray, whiteners: FloatArray, n: float
    ) -> FloatArray:
        """Return the expected information (size, size) of `n` rows with known labels.

        Block diagonal: the multinomial's for the weights, ``n_k W' W`` for a mean, 2 n_k for the
        logarithm of a precision's root, and for the slopes of feature i ``n_k W_ii^2`` times the
        covariance of the features before it.
        """
        k, d = self.n_components, self.n_features
        information = np.zeros((self.size, self.size))
        spread = np.vstack([np.eye(k - 1), -np.ones((1, k - 1))])
        multinomial = n * (np.diag(weights) - np.outer(weights, weights))
        blocks = [spread.T @ multinomial @ spread]
        blocks += [n * w * a.T @ a for w, a in zip(weights, whiteners, strict=True)]
        counts = [n] if self.structure.shared else list(n * weights)
        for count, whitener in zip(counts, whiteners, strict=False):
            blocks.append(2.0 * count * d / self.n_logs * np.eye(self.n_logs))
            if self.n_slopes:
                covariance = np.linalg.inv(whitener.T @ whitener)
                blocks += [count * whitener[i, i] ** 2 * covariance[:i, :i] for i in range(1, d)]
        at = 0
        for block in blocks:
            information[at : at + len(block), at : at + len(block)] = block
            at += len(block)
        return information
