"""The conjugate priors on a covariance: which law each structure has, and draws from it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.terms import CovarianceTerms, inverse_gamma_terms, inverse_wishart_terms
from gmm_bayes.space.structures import Structure


class SemiConjugatePrior(Prior):
    """A prior that the Gibbs sampler has conditional distributions for.

    Given the rows of a component and its covariance, its mean is normal. Given the rows and the
    mean, the covariance is inverse-Wishart, or its variances are inverse-gamma; where the
    covariances share a scale matrix, that matrix is given, too.
    """

    @abstractmethod
    def covariance_dof(self, n_features: int) -> float:
        """Return the degrees of freedom of the inverse-Wishart law of a covariance."""


@dataclass(frozen=True)
class InverseWishart:
    """``covariance ~ InverseWishart(nu, psi)``; with `psi` of shape (D, D)."""

    structure: Structure
    nu: float
    psi: FloatArray

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
        bartlett = draw_bartlett(rng, n_covariances, self.bartlett_dof(self.psi.shape[0]))
        return np.asarray(np.linalg.cholesky(self.psi) @ np.linalg.inv(bartlett))


@dataclass(frozen=True)
class InverseGammas:
    """``variances[i] ~ InverseGamma(shape, scales[i])``, independent; no correlations.

    `scales` has one entry for each free variance.
    """

    structure: Structure
    shape: float
    scales: FloatArray
    n_features: int

    def terms(self) -> CovarianceTerms:
        """Return the density."""
        return inverse_gamma_terms(self.shape, self.scales, self.n_features)

    def sample(self, rng: np.random.Generator, n_covariances: int) -> FloatArray:
        """Return Cholesky factors (n_covariances, D, D)."""
        size = (n_covariances, self.structure.n_sds(self.n_features))
        sds = np.sqrt(self.scales / rng.standard_gamma(self.shape, size=size))
        return np.asarray(sds[:, :, None] * np.eye(self.n_features))


def draw_bartlett(rng: np.random.Generator, n: int, dof: FloatArray) -> FloatArray:
    """Return Bartlett's factors (n, D, D) for degrees of freedom `dof` (D,) of the diagonal."""
    d = dof.size
    factors = np.tril(rng.standard_normal((n, d, d)), -1)
    factors[:, np.arange(d), np.arange(d)] = np.sqrt(rng.chisquare(dof, size=(n, d)))
    return factors


def degrees_of_freedom(nu: float | None, n_features: int) -> float:
    """Return `nu`, by default the vaguest integer that gives the covariance a mean."""
    return n_features + 2.0 if nu is None else nu


def conjugate_law(
    structure: Structure, nu: float, psi: FloatArray
) -> InverseWishart | InverseGammas:
    """Return the law of a covariance of that structure under an inverse-Wishart prior.

    Where correlations are zero, a variance has the law that a diagonal entry of ``S ~
    InverseWishart(nu, psi)`` has, ``InverseGamma((nu - D + 1) / 2, psi_dd / 2)``; where all
    features have one variance, the mean of the ``psi_dd`` stands for each.
    """
    if structure.correlated:
        return InverseWishart(structure, nu, psi)
    d = len(psi)
    diagonal = psi[np.arange(d), np.arange(d)]
    return InverseGammas(structure, 0.5 * (nu - d + 1.0), 0.5 * structure.pooled(diagonal), d)
