"""The conjugate priors on a covariance: which law each structure has, and draws from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.terms import CovarianceTerms, inverse_gamma_terms, inverse_wishart_terms
from gmm_bayes.space.structures import Structure


@dataclass(frozen=True)
class InverseWishart:
    """``covariance ~ InverseWishart(nu, psi)``; `psi` (D, D) is an array or a symbolic tensor."""

    structure: Structure
    nu: float
    psi: Any

    def terms(self) -> CovarianceTerms:
        """Return the density."""
        return inverse_wishart_terms(self.nu, self.psi, self.structure)

    def bartlett_dof(self, n_features: int) -> FloatArray:
        """Return the degrees of freedom (D,) of the squared diagonal of Bartlett's factor.

        Bartlett (1933): for T lower triangular with standard normal entries below a diagonal whose
        squares are chi-squared with nu - D + 1, ..., nu degrees of freedom, T'T is Wishart, and
        with C the Cholesky factor of psi, ``(C T^-1)(C T^-1)'`` is inverse-Wishart.
        """
        return np.asarray(self.nu - n_features + 1.0 + np.arange(n_features), dtype=np.float64)

    def sample(self, rng: np.random.Generator, n_covariances: int) -> FloatArray:
        """Return Cholesky factors (n_covariances, D, D)."""
        d = self.psi.shape[0]
        bartlett = np.tril(rng.standard_normal((n_covariances, d, d)), -1)
        squares = rng.chisquare(self.bartlett_dof(d), size=(n_covariances, d))
        bartlett[:, np.arange(d), np.arange(d)] = np.sqrt(squares)
        return np.asarray(np.linalg.cholesky(self.psi) @ np.linalg.inv(bartlett))


@dataclass(frozen=True)
class InverseGammas:
    """``variances[i] ~ InverseGamma(shape, scales[i])``, independent; no correlations.

    `scales`, one for each free variance, is an array or a symbolic tensor.
    """

    structure: Structure
    shape: float
    scales: Any
    n_features: int

    def terms(self) -> CovarianceTerms:
        """Return the density."""
        return inverse_gamma_terms(self.shape, self.scales, self.n_features)

    def sample(self, rng: np.random.Generator, n_covariances: int) -> FloatArray:
        """Return Cholesky factors (n_covariances, D, D)."""
        size = (n_covariances, self.structure.n_sds(self.n_features))
        sds = np.sqrt(self.scales / rng.standard_gamma(self.shape, size=size))
        return np.asarray(sds[:, :, None] * np.eye(self.n_features))


def degrees_of_freedom(nu: float | None, n_features: int) -> float:
    """Return `nu`, by default the vaguest integer that gives the covariance a mean."""
    return n_features + 2.0 if nu is None else nu


def static_length(values: Any) -> int:
    """Return the length of the first axis of an array or of a symbolic tensor of known shape."""
    return int(values.type.shape[0] if hasattr(values, "type") else values.shape[0])


def conjugate_law(structure: Structure, nu: float, psi: Any) -> InverseWishart | InverseGammas:
    """Return the law of a covariance of that structure under an inverse-Wishart prior.

    Where correlations are zero, a variance has the law that a diagonal entry of ``S ~
    InverseWishart(nu, psi)`` has, ``InverseGamma((nu - D + 1) / 2, psi_dd / 2)``; where all
    features have one variance, the mean of the ``psi_dd`` stands for each.
    """
    if structure.correlated:
        return InverseWishart(structure, nu, psi)
    d = static_length(psi)
    diagonal = psi[np.arange(d), np.arange(d)]
    return InverseGammas(structure, 0.5 * (nu - d + 1.0), 0.5 * structure.pooled(diagonal), d)
