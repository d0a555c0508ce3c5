"""From-scratch expectation-maximisation for Gaussian mixtures, in NumPy and SciPy."""

from gmm_em.covariance import CovarianceStructure
from gmm_em.em import DegenerateError, EMResult, Run, fit_em
from gmm_em.estimator import GaussianMixtureEM
from gmm_em.mixture import Mixture
from gmm_em.moments import Moments, expect, maximize
from gmm_em.uncertainty import Bootstrap, ParameterArrays, bootstrap

__all__ = [
    "Bootstrap",
    "CovarianceStructure",
    "DegenerateError",
    "EMResult",
    "GaussianMixtureEM",
    "Mixture",
    "Moments",
    "ParameterArrays",
    "Run",
    "bootstrap",
    "expect",
    "fit_em",
    "maximize",
]
