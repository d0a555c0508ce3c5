"""PyMC models compiled once in a process, for every data set of the same shape but for its length.

The data of :func:`gmm_bayes.build_model` are in ``pm.Data``, so they are an input of the compiled
code, whatever their number. The machine code itself stays on disk between processes, in PyTensor's
and numba's own caches.
"""

from __future__ import annotations

import threading
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.pymc_model.build import build_model
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import get_structure

if TYPE_CHECKING:
    import pymc as pm

    from gmm_bayes.samplers.contract import Task


_MAX_MODELS = 8
_LOCK = threading.Lock()


def model_of(task: Task) -> pm.Model:
    """Return the process's one model of that kind, with the data of `task`.

    Its gradient is compiled once.

    Raises
    ------
    ValueError
        If a column of the data is constant.
    """
    Scaling.from_data(task.X, get_structure(task.covariance_type))  # refuses constant columns
    with _LOCK:
        return _with_data(_model(*_kind(task)), task.X)


def nutpie_model_of(task: Task) -> Any:
    """Return the process's one model of that kind compiled for nutpie, with the data of `task`.

    Raises
    ------
    ValueError
        If a column of the data is constant.
    """
    model_of(task)  # starts are drawn from the model itself
    with _LOCK:
        return _nutpie_model(*_kind(task)).with_data(X=task.X)


def _kind(task: Task) -> tuple[Any, ...]:
    return task.X.shape[1], task.n_components, task.prior, task.covariance_type


@lru_cache(_MAX_MODELS)
def _model(n_features: int, n_components: int, *rest: Any) -> pm.Model:
    n_samples = n_components + 1
    placeholder = np.arange(float(n_samples * n_features)).reshape(n_samples, n_features)
    model = build_model(placeholder, n_components, *rest)
    # PyMC compiles the gradient anew in every call of pm.sample.
    object.__setattr__(model, "logp_dlogp_function", cache(model.logp_dlogp_function))
    return model


@lru_cache(_MAX_MODELS)
def _nutpie_model(*kind: Any) -> Any:
    import nutpie

    return nutpie.compile_pymc_model(_model(*kind), var_names=["weights", "means", "covariances"])


def _with_data(model: pm.Model, X: FloatArray) -> pm.Model:
    import pymc as pm

    pm.set_data({"X": X}, model=model)
    return model
