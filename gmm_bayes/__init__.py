"""Bayesian Gaussian mixtures: priors, PyMC model, samplers, aligned and diagnosed posteriors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmm_bayes.core.checks import ImproperPosteriorWarning
    from gmm_bayes.density.compiled_rows import CompiledRows
    from gmm_bayes.density.stated import ModelInNumbers, log_posterior_density
    from gmm_bayes.draws import MixtureDraws
    from gmm_bayes.estimators.gaussian_mixture import GaussianMixtureBayes
    from gmm_bayes.estimators.unknown_k import GaussianMixtureUnknownK
    from gmm_bayes.evaluation.diagnostics import Diagnostics
    from gmm_bayes.evaluation.given_draws import GivenDraws, align_and_diagnose
    from gmm_bayes.evaluation.modes import PosteriorMode
    from gmm_bayes.labels.relabelling import relabel
    from gmm_bayes.priors.hierarchical import HierarchicalPrior
    from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
    from gmm_bayes.priors.lkj import LKJPrior
    from gmm_bayes.priors.niw import NIWPrior
    from gmm_bayes.priors.number_of_components import (
        BetaNegativeBinomialComponents,
        ComponentsPrior,
        FixedComponents,
        GeometricComponents,
        PoissonComponents,
        UniformComponents,
        check_components_prior,
    )
    from gmm_bayes.priors.registry import prior_from_dict
    from gmm_bayes.priors.volume_shape import VolumeShapePrior
    from gmm_bayes.pymc_model.build import build_model
    from gmm_bayes.samplers.advi.sampler import ADVI
    from gmm_bayes.samplers.contract import Sampled, Sampler, Task
    from gmm_bayes.samplers.gibbs.sampler import Gibbs
    from gmm_bayes.samplers.nuts.sampler import NUTS
    from gmm_bayes.samplers.smc.sampler import SMC
    from gmm_bayes.unknown_k.diagnostics import UnknownKDiagnostics
    from gmm_bayes.unknown_k.draws import VaryingDraws

__all__ = [
    "ADVI",
    "NUTS",
    "SMC",
    "BetaNegativeBinomialComponents",
    "CompiledRows",
    "ComponentsPrior",
    "Diagnostics",
    "FixedComponents",
    "GaussianMixtureBayes",
    "GaussianMixtureUnknownK",
    "GeometricComponents",
    "Gibbs",
    "GivenDraws",
    "HierarchicalPrior",
    "ImproperPosteriorWarning",
    "InverseWishartPrior",
    "LKJPrior",
    "MixtureDraws",
    "ModelInNumbers",
    "NIWPrior",
    "PoissonComponents",
    "PosteriorMode",
    "Sampled",
    "Sampler",
    "Task",
    "UniformComponents",
    "UnknownKDiagnostics",
    "VaryingDraws",
    "VolumeShapePrior",
    "align_and_diagnose",
    "build_model",
    "check_components_prior",
    "log_posterior_density",
    "prior_from_dict",
    "relabel",
]

_HOMES = {
    "ADVI": "samplers.advi.sampler",
    "BetaNegativeBinomialComponents": "priors.number_of_components",
    "CompiledRows": "density.compiled_rows",
    "ComponentsPrior": "priors.number_of_components",
    "Diagnostics": "evaluation.diagnostics",
    "FixedComponents": "priors.number_of_components",
    "GaussianMixtureBayes": "estimators.gaussian_mixture",
    "GaussianMixtureUnknownK": "estimators.unknown_k",
    "GeometricComponents": "priors.number_of_components",
    "Gibbs": "samplers.gibbs.sampler",
    "GivenDraws": "evaluation.given_draws",
    "HierarchicalPrior": "priors.hierarchical",
    "ImproperPosteriorWarning": "core.checks",
    "InverseWishartPrior": "priors.inverse_wishart",
    "LKJPrior": "priors.lkj",
    "MixtureDraws": "draws",
    "ModelInNumbers": "density.stated",
    "NIWPrior": "priors.niw",
    "NUTS": "samplers.nuts.sampler",
    "PoissonComponents": "priors.number_of_components",
    "PosteriorMode": "evaluation.modes",
    "SMC": "samplers.smc.sampler",
    "Sampled": "samplers.contract",
    "Sampler": "samplers.contract",
    "Task": "samplers.contract",
    "UniformComponents": "priors.number_of_components",
    "UnknownKDiagnostics": "unknown_k.diagnostics",
    "VaryingDraws": "unknown_k.draws",
    "VolumeShapePrior": "priors.volume_shape",
    "align_and_diagnose": "evaluation.given_draws",
    "build_model": "pymc_model.build",
    "check_components_prior": "priors.number_of_components",
    "log_posterior_density": "density.stated",
    "prior_from_dict": "priors.registry",
    "relabel": "labels.relabelling",
}


def __getattr__(name: str) -> Any:
    """Return a public name, importing its module when the name is first asked for.

    A program that needs a prior only does not wait for the samplers.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'gmm_bayes' has no attribute '{name}'")
    return getattr(import_module(f"gmm_bayes.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names along with those that are loaded already."""
    return sorted({*globals(), *__all__})
