"""From-scratch expectation-maximisation for Gaussian mixtures, in NumPy and SciPy."""

from gmm_em.covariance import CovarianceStructure
from gmm_em.criteria import Candidate, Selection, n_parameters, select
from gmm_em.em import fit_blocks, fit_em
from gmm_em.estimator import GaussianMixtureEM
from gmm_em.mixture import Mixture
from gmm_em.moments import Moments, expect, maximize
from gmm_em.penalty import ConjugatePrior
from gmm_em.problem import DegenerateError
from gmm_em.result import EMResult, Optimum, Run
from gmm_em.starts import PartialStart
from gmm_em.uncertainty import (
    Bootstrap,
    InformationError,
    ParameterArrays,
    StandardErrors,
    bootstrap,
    score,
    standard_errors,
)
from gmm_em.validation import ConvergenceWarning, NotFittedError

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
