"""From-scratch expectation-maximisation for Gaussian mixtures, in NumPy and SciPy."""

from gmm_em.covariance import CovarianceStructure
from gmm_em.em import fit_em
from gmm_em.estimator import GaussianMixtureEM
from gmm_em.mixture import Mixture
from gmm_em.moments import Moments, expect, maximize
from gmm_em.penalty import ConjugatePrior
from gmm_em.problem import DegenerateError
from gmm_em.result import EMResult, Optimum, Run
from gmm_em.uncertainty import Bootstrap, ParameterArrays, bootstrap

__all__ = [
    "Bootstrap",
    "ConjugatePrior",
    "CovarianceStructure",
    "DegenerateError",
    "EMResult",
    "GaussianMixtureEM",
    "Mixture",
    "Moments",
    "Optimum",
    "ParameterArrays",
    "Run",
    "bootstrap",
    "expect",
    "fit_em",
    "maximize",
]
