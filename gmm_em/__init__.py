"""From-scratch expectation-maximisation for Gaussian mixtures, in NumPy and SciPy."""

from gmm_em.core.sklearn_checks import ConvergenceWarning, NotFittedError
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.e_step.moments import Moments, expect, maximize
from gmm_em.estimator.gaussian_mixture import GaussianMixtureEM
from gmm_em.fitting.fit import fit_blocks, fit_em
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import DegenerateError
from gmm_em.fitting.result import EMResult, Optimum, Run
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.inference.criteria import Candidate, Selection, n_parameters, select
from gmm_em.inference.standard_errors import (
    Bootstrap,
    InformationError,
    ParameterArrays,
    StandardErrors,
    bootstrap,
    score,
    standard_errors,
)
from gmm_em.mixture import Mixture

__all__ = [
    "Bootstrap",
    "Candidate",
    "ConjugatePrior",
    "ConvergenceWarning",
    "CovarianceStructure",
    "DegenerateError",
    "EMResult",
    "GaussianMixtureEM",
    "InformationError",
    "Mixture",
    "Moments",
    "NotFittedError",
    "Optimum",
    "ParameterArrays",
    "PartialStart",
    "Run",
    "Selection",
    "StandardErrors",
    "bootstrap",
    "expect",
    "fit_blocks",
    "fit_em",
    "maximize",
    "n_parameters",
    "score",
    "select",
    "standard_errors",
]
