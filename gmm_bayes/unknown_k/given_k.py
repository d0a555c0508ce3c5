"""The posterior given one number of components, in the form that a sampler of it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gmm_bayes.core.progress import silent
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.unknown_k.draws import VaryingDraws
from gmm_bayes.unknown_k.task import UnknownKTask


def given_k(
    unknown: UnknownKTask, draws: VaryingDraws, n_components: int, attributes: Mapping[Any, Any]
) -> tuple[Task, Sampled]:
    """Return the task of a known number of components, and the draws that have that number.

    Parameters
    ----------
    unknown : UnknownKTask
        What was sampled.
    draws : VaryingDraws
        What was drawn.
    n_components : int
    attributes : mapping
        Those that the draws were laid out with (:mod:`gmm_bayes.unknown_k.datatree`).

    Raises
    ------
    ValueError
        If no draw has so many components.
    """
    given = draws.given(n_components)[0]
    prior: Any = unknown.prior
    if unknown.dynamic:
        prior = replace(prior, concentration=prior.concentration / n_components)
    task = Task(
        X=unknown.X,
        n_components=n_components,
        prior=prior,
        draws=len(given),
        tune=unknown.tune,
        chains=1,
        cores=unknown.cores,
        seed=unknown.seed,
        progress=silent,
        covariance_type=unknown.covariance_type,
    )
    described = {name: attributes[name] for name in ("sampler", "sweeps_per_draw")}
    return task, Sampled(given, {}, bool(attributes["interrupted"]), described)
