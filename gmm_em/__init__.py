"""From-scratch expectation-maximisation for Gaussian mixtures, in NumPy and SciPy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmm_em.core.sklearn_checks import ConvergenceWarning, NotFittedError
    from gmm_em.covariance.base import CovarianceStructure
    from gmm_em.e_step.moments import Moments, expect, maximize
    from gmm_em.estimator.gaussian_mixture import GaussianMixtureEM
    from gmm_em.fitting.fit import fit_blocks, fit_em
    from gmm_em.fitting.maxima import Unseen
    from gmm_em.fitting.prior import ConjugatePrior
    from gmm_em.fitting.problem import DegenerateError
    from gmm_em.fitting.result import EMResult, Optimum, Run
    from gmm_em.fitting.starts.partial import PartialStart
    from gmm_em.inference.asymptotic import (
        InformationError,
        StandardErrors,
        score,
        standard_errors,
    )
    from gmm_em.inference.criteria import n_parameters
    from gmm_em.inference.parameter_arrays import ParameterArrays
    from gmm_em.inference.resampling import Bootstrap, bootstrap
    from gmm_em.inference.selection import Candidate, Selection, select
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
    "Unseen",
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

# The module that defines each public name.
_HOMES = {
    "Bootstrap": "inference.resampling",
    "Candidate": "inference.selection",
    "ConjugatePrior": "fitting.prior",
    "ConvergenceWarning": "core.sklearn_checks",
    "CovarianceStructure": "covariance.base",
    "DegenerateError": "fitting.problem",
    "EMResult": "fitting.result",
    "GaussianMixtureEM": "estimator.gaussian_mixture",
    "InformationError": "inference.asymptotic",
    "Mixture": "mixture",
    "Moments": "e_step.moments",
    "NotFittedError": "core.sklearn_checks",
    "Optimum": "fitting.result",
    "ParameterArrays": "inference.parameter_arrays",
    "PartialStart": "fitting.starts.partial",
    "Run": "fitting.result",
    "Selection": "inference.selection",
    "StandardErrors": "inference.asymptotic",
    "Unseen": "fitting.maxima",
    "bootstrap": "inference.resampling",
    "expect": "e_step.moments",
    "fit_blocks": "fitting.fit",
    "fit_em": "fitting.fit",
    "maximize": "e_step.moments",
    "n_parameters": "inference.criteria",
    "score": "inference.asymptotic",
    "select": "inference.selection",
    "standard_errors": "inference.asymptotic",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    # A program that needs one name waits for the modules behind that name only.
    if name not in _HOMES:
        raise AttributeError(f"module 'gmm_em' has no attribute {name!r}")
    value = getattr(import_module(f"gmm_em.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, whether or not they are imported yet."""
    return sorted({*globals(), *__all__})
