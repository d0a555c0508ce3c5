"""Bayesian Gaussian mixtures: priors, PyMC model, samplers, aligned and diagnosed posteriors."""

from gmm_bayes.advi import ADVI
from gmm_bayes.diagnostics import Diagnostics
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.estimator import GaussianMixtureBayes
from gmm_bayes.gibbs import Gibbs
from gmm_bayes.model import build_model
from gmm_bayes.nuts import NUTS
from gmm_bayes.priors import LKJPrior, NIWPrior, prior_from_dict
from gmm_bayes.relabel import relabel
from gmm_bayes.smc import SMC

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
