"""A conjugate log-prior that turns maximum likelihood into maximum a posteriori.

Weights follow a Dirichlet distribution; covariances an inverse Wishart distribution and, given
them, means a normal one. Being conjugate, the prior only adds to the counts and moments of the
M-step, so EM keeps its closed form and its monotone objective (Fraley & Raftery 2007, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.core.types import FloatArray
from gmm_em.rows.samples import Parameters, Samples


@dataclass(frozen=True, eq=False)
class ConjugatePrior:
    """Dirichlet and normal-inverse-Wishart prior, in the data's own units.

    ``weights ~ Dirichlet(concentration)``, ``covariance ~ InverseWishart(nu, psi)``,
    ``mean | covariance ~ Normal(mean_loc, covariance / kappa)``; the mode is taken over weights,
    means and covariances (densities with respect to Lebesgue measure, with no Jacobian).

    Parameters
    ----------
    concentration : float, default 1.0
        At least 1, so that the mode is not on the boundary.
    mean_loc : array_like, shape (D,), optional
        By default the mean of the data.
    kappa : float, default 0.01
        Prior rows' worth of knowledge of each mean; 0 for none.
    nu : float, optional
        Degrees of freedom, more than D - 1; by default D + 2.
    psi : array_like, shape (D, D), optional
        Scale matrix; by default the data's covariance divided by ``K ** (2 / D)``, as in mclust.
    """

    concentration: float = 1.0
    mean_loc: ArrayLike | None = None
    kappa: float = 0.01
    nu: float | None = None
    psi: ArrayLike | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.concentration) and self.concentration >= 1):
            raise ValueError(f"concentration must be at least 1, got {self.concentration!r}")
        if not (np.isfinite(self.kappa) and self.kappa >= 0):
            raise ValueError(f"kappa must not be negative, got {self.kappa!r}")

    def resolve(self, samples: Samples, n_components: int) -> Penalty:
        """Fill the defaults from the data and change to the samples' inner units."""
        d = samples.n_features
        nu = d + 2.0 if self.nu is None else float(self.nu)
        if not nu > d - 1:
            raise ValueError(f"nu must be more than n_features - 1 = {d - 1}, got {nu}")
        mean, covariance = samples.moments()
        if self.mean_loc is not None:
            given = np.asarray(self.mean_loc, dtype=np.float64)
            if given.shape != (d,):
                raise ValueError(f"mean_loc must have shape ({d},), got {given.shape}")
            mean = (given - samples.centre) / samples.scale
        psi = covariance / n_components ** (2.0 / d)
        if self.psi is not None:
            psi = np.asarray(self.psi, dtype=np.float64)
            if psi.shape != (d, d):
                raise ValueError(f"psi must have shape ({d}, {d}), got {psi.shape}")
            psi = psi / (samples.scale[:, None] * samples.scale)
        try:
            np.linalg.cholesky(psi)
        except np.linalg.LinAlgError:
            raise ValueError("psi must be positive definite") from None
        log_scale = float(np.log(samples.scale).sum())
        return Penalty(self.concentration, mean, self.kappa, nu, psi, log_scale)


@dataclass(frozen=True, eq=False)
class Penalty:
    """The prior in inner units: what it adds to the objective and to the sums of the M-step.

    For structures other than full, the inverse Wishart density is restricted to the matrices
    of the structure; components that share one matrix share its prior.
    """

    concentration: float
    mean_loc: FloatArray
    kappa: float
    nu: float
    psi: FloatArray
    log_scale: float

    def log_density(self, parameters: Parameters, shared: bool) -> float:
        """Log-prior in the data's units, up to a constant that depends on no parameter."""
        k, d = parameters.means.shape
        covariances = parameters.covariances[:1] if shared else parameters.covariances
        factors = np.linalg.cholesky(covariances)
        log_dets = 2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        log_dets += 2.0 * self.log_scale
        whiteners = np.linalg.inv(factors)
        traces = ((whiteners @ self.psi) * whiteners).sum(axis=(1, 2))
        value = -0.5 * float(((self.nu + d + 1.0) * log_dets + traces).sum())
        if self.concentration > 1:
            value += (self.concentration - 1.0) * float(np.log(parameters.weights).sum())
        if self.kappa:
            z = whiteners @ (parameters.means - self.mean_loc)[:, :, None]
            quadratic = self.kappa * float((z**2).sum())
            value -= 0.5 * (quadratic + float(np.broadcast_to(log_dets, (k,)).sum()))
        return value

    def prior_counts(self, n_features: int) -> float:
        """Degrees of freedom that one component's covariance gains, its mean's included."""
        return self.nu + n_features + 1.0 + (self.kappa > 0)

    def pull(self, means: FloatArray) -> FloatArray:
        """First moments about `means` that the prior adds, shape (K, D)."""
        return self.kappa * (self.mean_loc - means)

    def scatter(self, means: FloatArray, kind: str) -> FloatArray:
        """Scatter about `means` that the prior adds, in the shape of `kind`."""
        step = means - self.mean_loc
        if kind == "diagonal":
            return np.asarray(np.diagonal(self.psi) + self.kappa * step**2)
        if kind == "pooled":
            return np.asarray(self.psi + self.kappa * step.T @ step)[None]
        return np.asarray(self.psi + self.kappa * step[:, :, None] * step[:, None, :])
