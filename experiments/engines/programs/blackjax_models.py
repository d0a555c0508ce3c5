"""The models for BlackJAX, as its users write them: log densities in plain functions of arrays.

The labels are summed over, so that every parameter is continuous. Each prior is a density of
weights, means and covariances; factors without a parameter are left out. `numbers` are those of
`gmm_bayes.ModelInNumbers`: the rows are standardised, and the names of the hyperparameters are
those of the priors' docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp

Numbers = Mapping[str, Any]


class Covariances(NamedTuple):
    """Covariances (K, D, D), their Cholesky factors, and the logs of their determinants (K,)."""

    matrices: Any
    factors: Any
    log_determinants: Any

    @classmethod
    def of(cls, factors: Any) -> Covariances:
        """Return the covariances that have these factors."""
        log_diagonal = jnp.log(jnp.diagonal(factors, axis1=1, axis2=2))
        return cls(factors @ jnp.swapaxes(factors, 1, 2), factors, 2.0 * log_diagonal.sum(axis=1))

    @property
    def n_features(self) -> int:
        """The number of features D."""
        return int(self.matrices.shape[-1])

    @property
    def precisions(self) -> Any:
        """The inverses (K, D, D)."""
        return jnp.linalg.inv(self.matrices)


def log_likelihood(rows: Any, weights: Any, means: Any, covariances: Covariances) -> Any:
    """Return the log density of all rows, with their labels summed over."""
    residuals = jnp.swapaxes(rows - means[:, None], 1, 2)
    whitened = solve_triangular(covariances.factors, residuals, lower=True)
    log_normal = -0.5 * (covariances.log_determinants[:, None] + (whitened**2).sum(axis=1))
    return logsumexp(jnp.log(weights)[:, None] + log_normal, axis=0).sum()


def log_dirichlet(weights: Any, numbers: Numbers) -> Any:
    """Return the log density of the weights, under every prior."""
    return (numbers["concentration"] - 1.0) * jnp.log(weights).sum()


def log_independent_means(means: Any, numbers: Numbers) -> Any:
    """Return the log density of means that are normal in every feature."""
    return -0.5 * (((means - numbers["mean_loc"]) / numbers["mean_scale"]) ** 2).sum()


def log_inverse_wishart(covariances: Covariances, numbers: Numbers) -> Any:
    """Return the log density of inverse-Wishart covariances."""
    power = numbers["nu"] + covariances.n_features + 1.0
    traces = jnp.trace(numbers["psi"] @ covariances.precisions, axis1=1, axis2=2)
    return -0.5 * (power * covariances.log_determinants + traces).sum()


def inverse_wishart(means: Any, covariances: Covariances, numbers: Numbers) -> Any:
    """Independent normal means and inverse-Wishart covariances."""
    return log_independent_means(means, numbers) + log_inverse_wishart(covariances, numbers)


def niw(means: Any, covariances: Covariances, numbers: Numbers) -> Any:
    """Inverse-Wishart covariances, and means whose spread is that of their component."""
    apart = (means - numbers["mean_loc"])[..., None]
    whitened = solve_triangular(covariances.factors, apart, lower=True)
    log_means = -0.5 * (covariances.log_determinants.sum() + numbers["kappa"] * (whitened**2).sum())
    return log_means + log_inverse_wishart(covariances, numbers)


def lkj(means: Any, covariances: Covariances, numbers: Numbers) -> Any:
    """Half-normal standard deviations, and correlations apart from them.

    The correlations R have the density ``|R|**(eta - 1)``, and a covariance matrix has
    ``prod s**D`` times the volume of its standard deviations s and its correlations.
    """
    log_variances = jnp.log(jnp.diagonal(covariances.matrices, axis1=1, axis2=2))
    log_scales = 0.5 * log_variances
    scales = jnp.exp(log_scales)
    log_half_normal = -0.5 * ((scales / numbers["sd_scale"]) ** 2).sum()
    log_correlations = covariances.log_determinants.sum() - log_variances.sum()
    log_volume = covariances.n_features * log_scales.sum()
    return (
        log_independent_means(means, numbers)
        + log_half_normal
        + (numbers["eta"] - 1.0) * log_correlations
        - log_volume
    )


def hierarchical(means: Any, covariances: Covariances, numbers: Numbers) -> Any:
    """Precisions that are Wishart given a matrix C, which is Wishart itself and integrated out.

    Given C, a precision P has the density ``|C|**a |P|**(a - (D + 1) / 2) exp(-tr(C P))``, and C
    that of ``|C|**(g - (D + 1) / 2) exp(-tr(H C))``. The integral over C of the product for K
    precisions is ``|H + sum P|**-(g + K a)`` times their determinants' powers. From precisions to
    covariances the volume changes by ``|P|**-(D + 1)``.
    """
    a, d = numbers["shape"], covariances.n_features
    k = len(means)
    rates = jnp.diag(numbers["rate_rate"]) + covariances.precisions.sum(axis=0)
    log_rates = jnp.linalg.slogdet(rates)[1]
    return (
        log_independent_means(means, numbers)
        - (a + 0.5 * (d + 1.0)) * covariances.log_determinants.sum()
        - (numbers["rate_shape"] + k * a) * log_rates
    )


PRIORS: dict[str, Callable[[Any, Covariances, Numbers], Any]] = {
    "inverse-wishart": inverse_wishart,
    "hierarchical": hierarchical,
    "lkj": lkj,
    "niw": niw,
}


class Position(NamedTuple):
    """What BlackJAX moves: numbers without bounds.

    Attributes
    ----------
    log_ratios : array of shape (K - 1,)
        Logs of the weights relative to the last one.
    means : array of shape (K, D)
    log_diagonals : array of shape (K, D)
        Of the Cholesky factors of the covariances.
    below : array of shape (K, D * (D - 1) / 2)
        Their entries below the diagonal.
    """

    log_ratios: Any
    means: Any
    log_diagonals: Any
    below: Any


def constrain(position: Position) -> tuple[Any, Any, Covariances, Any]:
    """Return weights, means and covariances, and the log of their volume per volume of positions.

    The weights have the volume ``prod w``. A covariance matrix has that of its factor L times
    ``2**D prod L[j, j]**(D + 1 - j)``, with j counted from 1, and a diagonal entry its own value.
    """
    log_weights = jax.nn.log_softmax(jnp.append(position.log_ratios, 0.0))
    k, d = position.means.shape
    rows, columns = jnp.tril_indices(d, -1)
    diagonal = jnp.arange(d)
    factors = jnp.zeros((k, d, d)).at[:, rows, columns].set(position.below)
    factors = factors.at[:, diagonal, diagonal].set(jnp.exp(position.log_diagonals))
    log_volume = log_weights.sum() + ((d + 1.0 - diagonal) * position.log_diagonals).sum()
    return jnp.exp(log_weights), position.means, Covariances.of(factors), log_volume


def unconstrain(weights: Any, means: Any, covariances: Any) -> Position:
    """Return the position of one mixture."""
    factors = jnp.linalg.cholesky(covariances)
    rows, columns = jnp.tril_indices(means.shape[-1], -1)
    return Position(
        jnp.log(weights[:-1]) - jnp.log(weights[-1]),
        means,
        jnp.log(jnp.diagonal(factors, axis1=1, axis2=2)),
        factors[:, rows, columns],
    )


def log_posterior(kind: str, rows: Any, numbers: Numbers) -> Callable[[Any, Any, Covariances], Any]:
    """Return the log density of weights, means and covariances under a prior of that kind."""
    prior = PRIORS[kind]

    def log_density(weights: Any, means: Any, covariances: Covariances) -> Any:
        return (
            log_likelihood(rows, weights, means, covariances)
            + log_dirichlet(weights, numbers)
            + prior(means, covariances, numbers)
        )

    return log_density
