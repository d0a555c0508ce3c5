"""Covariances that share a scale matrix which has a law of its own: that law, and draws from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln, multigammaln

from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.conjugate import InverseGammas, InverseWishart, draw_bartlett
from gmm_bayes.priors.terms import (
    CovarianceTerms,
    SharedScaleTerms,
    inverse_gamma_terms,
    inverse_wishart_terms,
)
from gmm_bayes.space.structures import Structure


@dataclass(frozen=True)
class SharedWishart:
    """``precisions[g] ~ Wishart(shape, C)`` given ``C ~ Wishart(rate_shape, diag(rates))``.

    Both are meant as densities ``|P|**(shape - (D + 1) / 2) exp(-tr(C P))``. `rates` is (D,).
    """

    structure: Structure
    shape: float
    rate_shape: float
    rates: FloatArray

    def terms(self, n_covariances: int) -> tuple[CovarianceTerms, SharedScaleTerms]:
        """Return the joint density of the covariances, the scale matrix integrated out."""
        d = self.rates.size
        of_each = inverse_wishart_terms(2.0 * self.shape, 2.0 * np.eye(d), self.structure)
        power = self.rate_shape + n_covariances * self.shape
        constant = self.rate_shape * np.log(self.rates).sum()
        constant = constant + multigammaln(power, d) - multigammaln(self.rate_shape, d)
        shared = SharedScaleTerms(float(constant), power, np.diag(self.rates))
        return replace(of_each, psi=np.zeros((d, d))), shared

    def sample(self, rng: np.random.Generator, n_covariances: int) -> FloatArray:
        """Return Cholesky factors (n_covariances, D, D) that share one draw of the scale matrix."""
        d = self.rates.size
        dof = 2.0 * self.rate_shape - d + 1.0 + np.arange(d)
        root = draw_bartlett(rng, 1, dof)[0] / np.sqrt(2.0 * self.rates)
        law = InverseWishart(self.structure, 2.0 * self.shape, 2.0 * root.T @ root)
        return law.sample(rng, n_covariances)


@dataclass(frozen=True)
class SharedGammas:
    """``1 / variances[g, i] ~ Gamma(shape, C[i])`` given ``C[i] ~ Gamma(rate_shape, rates[i])``.

    `rates` has one entry for each free variance of a covariance; no correlations.
    """

    structure: Structure
    shape: float
    rate_shape: float
    rates: FloatArray
    n_features: int

    def terms(self, n_covariances: int) -> tuple[CovarianceTerms, SharedScaleTerms]:
        """Return the joint density of the covariances, the scales integrated out."""
        n, d = self.rates.size, self.n_features
        of_each = inverse_gamma_terms(self.shape, np.ones(n), d)
        power = self.rate_shape + n_covariances * self.shape
        constant = self.rate_shape * np.log(self.rates).sum()
        constant = constant + n * (gammaln(power) - gammaln(self.rate_shape))
        # Where one variance stands for D features, the determinant counts it D times.
        rate = np.diag(np.broadcast_to(self.rates, d))
        shared = SharedScaleTerms(float(constant), power * n / d, rate)
        return replace(of_each, psi=np.zeros((d, d))), shared

    def sample(self, rng: np.random.Generator, n_covariances: int) -> FloatArray:
        """Return Cholesky factors (n_covariances, D, D) that share one draw of the scales."""
        scales = rng.standard_gamma(self.rate_shape, size=self.rates.size) / self.rates
        law = InverseGammas(self.structure, self.shape, scales, self.n_features)
        return law.sample(rng, n_covariances)


def shared_scale_law(
    structure: Structure, shape: float, rate_shape: float, rates: FloatArray
) -> SharedWishart | SharedGammas:
    """Return the law of covariances of that structure; `rates` (D,) are those of the features.

    Where correlations are zero, variances and scales have the laws that the diagonal entries have
    in the full structure: with ``shape - (D - 1) / 2``, and ``C[d] ~ Gamma(rate_shape, rates[d])``.
    Where all features have one variance, the mean of C is that of the features' C.
    """
    if structure.correlated:
        return SharedWishart(structure, shape, rate_shape, rates)
    d = rates.size
    pooled = 1.0 / structure.pooled(1.0 / rates)
    return SharedGammas(structure, shape - 0.5 * (d - 1.0), rate_shape, pooled, d)
