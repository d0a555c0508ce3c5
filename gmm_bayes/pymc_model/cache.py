"""PyMC models that are compiled once in a process and serve every data set of the same width.

The data of :func:`gmm_bayes.build_model`, and what the prior takes from them, are in ``pm.Data``.
So they are an input of the compiled code, and the number of rows is free. The machine code itself
stays on disk between processes, in the caches of PyTensor and numba.
"""

from __future__ import annotations

import threading
from functools import cache, lru_cache
from typing import Any

import numpy as np
import nutpie
import pymc as pm

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.priors.base import Prior
from gmm_bayes.pymc_model.build import build_model, data_of
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import get_structure

_MAX_MODELS = 8
_LOCK = threading.Lock()


def model_of(X: FloatArray, n_components: int, prior: Prior, covariance_type: str) -> pm.Model:
    """Return the process's one model of that kind, with the data `X`.

    Its gradient is compiled once.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    n_components : int
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior or NIWPrior
    covariance_type : str

    Raises
    ------
    ValueError
        If a column of the data is constant.
    """
    if np.isnan(X).any():
        raise ValueError(
            "X has missing values, but the PyMC model needs complete rows; use NUTS() with its "
            "default backend, or sampler 'gibbs'"
        )
    # Refuses constant columns.
    Scaling.from_data(X, get_structure(covariance_type), one_scale=prior.one_scale)
    with _LOCK:
        model = _model(X.shape[1], n_components, prior, covariance_type)
        pm.set_data(_data(X, n_components, prior, covariance_type), model=model)
        return model


def nutpie_model_of(X: FloatArray, n_components: int, prior: Prior, covariance_type: str) -> Any:
    """Return the process's one model of that kind compiled for nutpie, with the data `X`.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    n_components : int
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior or NIWPrior
    covariance_type : str

    Raises
    ------
    ValueError
        If a column of the data is constant.
    """
    # nutpie draws the starts of the chains from the PyMC model, so that it needs the data, too.
    model_of(X, n_components, prior, covariance_type)
    with _LOCK:
        compiled = _nutpie_model(X.shape[1], n_components, prior, covariance_type)
        return compiled.with_data(**_data(X, n_components, prior, covariance_type))


def _data(
    X: FloatArray, n_components: int, prior: Prior, covariance_type: str
) -> dict[str, FloatArray]:
    """Return the values of the model's data."""
    return data_of(LogPosterior(X, n_components, prior, get_structure(covariance_type)))


@lru_cache(_MAX_MODELS)
def _model(n_features: int, n_components: int, prior: Prior, covariance_type: str) -> pm.Model:
    """Return the model of that kind, with data that stand in for any."""
    n_samples = n_components + 1
    placeholder = np.arange(float(n_samples * n_features)).reshape(n_samples, n_features)
    model = build_model(placeholder, n_components, prior, covariance_type)
    # Without this, PyMC would compile the gradient anew in every call of pm.sample.
    object.__setattr__(model, "logp_dlogp_function", cache(model.logp_dlogp_function))
    return model


@lru_cache(_MAX_MODELS)
def _nutpie_model(n_features: int, n_components: int, prior: Prior, covariance_type: str) -> Any:
    """Return the model of that kind, compiled for nutpie."""
    model = _model(n_features, n_components, prior, covariance_type)
    return nutpie.compile_pymc_model(model, var_names=["weights", "means", "covariances"])
