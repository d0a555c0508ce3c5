"""Bayesian Gaussian mixtures: priors, PyMC model, samplers, aligned and diagnosed posteriors."""

from gmm_bayes.draws import MixtureDraws
from gmm_bayes.estimators.gaussian_mixture import GaussianMixtureBayes
from gmm_bayes.evaluation.diagnostics import Diagnostics
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.priors.niw import NIWPrior
from gmm_bayes.priors.registry import prior_from_dict
from gmm_bayes.pymc_model.build import build_model
from gmm_bayes.samplers.advi import ADVI
from gmm_bayes.samplers.gibbs.sampler import Gibbs
from gmm_bayes.samplers.nuts import NUTS
from gmm_bayes.samplers.smc.sampler import SMC

__all__ = [
    "ADVI",
    "NUTS",
    "SMC",
    "Diagnostics",
    "GaussianMixtureBayes",
    "Gibbs",
    "LKJPrior",
    "MixtureDraws",
    "NIWPrior",
    "build_model",
    "prior_from_dict",
    "relabel",
]
