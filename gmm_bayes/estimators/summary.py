"""From a sampler's draws to what an estimator keeps: aligned, diagnosed, in ArviZ's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmm_bayes.core.cores import processors
from gmm_bayes.core.limits import MAX_POINTWISE
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evaluation.datatree import to_datatree
from gmm_bayes.evaluation.diagnostics import Diagnostics, diagnose
from gmm_bayes.evaluation.model_checks import FittedModel
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.space.structures import get_structure

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Summary:
    """A posterior, summarised.

    Parameters
    ----------
    draws : MixtureDraws
        With aligned labels.
    permutations : ndarray of int, shape (C, S, K)
        What aligned the sampler's draws.
    log_likelihood : ndarray of shape (C, S)
        Every draw's log-likelihood of the data.
    diagnostics : Diagnostics
    posterior : xarray.DataTree
        In ArviZ's schema.
    model : FittedModel
        The posterior together with what it was drawn from.
    """

    draws: MixtureDraws
    permutations: IntArray
    log_likelihood: FloatArray
    diagnostics: Diagnostics
    posterior: xr.DataTree
    model: FittedModel


def summarise(
    task: Task,
    sampled: Sampled,
    feature_names: list[str] | None = None,
    improper: str | None = None,
) -> Summary:
    """Align, diagnose and lay out what a sampler returned for a task.

    Parameters
    ----------
    task : Task
    sampled : Sampled
    feature_names : list of str, optional
        Coordinates of the features; 0, ..., D - 1 by default.
    improper : str, optional
        Why the posterior is improper. Then it has no evidence.
    """
    aligned, permutations = relabel(sampled.draws)
    pointwise = None
    if len(aligned) * task.X.shape[0] <= MAX_POINTWISE:
        pointwise = aligned.log_prob(task.X, "mar")
        log_likelihood = pointwise.sum(axis=-1)
    else:
        log_likelihood = aligned.log_likelihood(task.X, "mar")
    # Those modules load numba, which takes half a second.
    from gmm_bayes.density.log_posterior import LogPosterior  # noqa: PLC0415 - loads numba
    from gmm_bayes.evaluation.mode_search import find_modes  # noqa: PLC0415 - loads numba

    structure = get_structure(task.covariance_type)
    target = LogPosterior(task.X, task.n_components, task.prior, structure)
    modes = find_modes(target, aligned, sampled.population, task.cores or processors())
    diagnostics = diagnose(
        aligned,
        sampled.draws,
        permutations,
        log_likelihood,
        sampled.stats,
        structure,
        (*([] if improper is None else [improper]), *sampled.problems),
        sampled.notes,
        modes,
        sampled.origins,
    )
    attributes = {**sampled.attributes, "interrupted": int(sampled.interrupted)}
    if improper is not None:
        attributes = {
            name: value
            for name, value in attributes.items()
            if not name.startswith("log_marginal_likelihood")
        }
    posterior = to_datatree(
        aligned, sampled.stats, task.X, pointwise, attributes, feature_names, sampled.paths
    )
    model = FittedModel(
        aligned, task.X, task.prior, task.covariance_type, task.cores, sampled.evidence, improper
    )
    return Summary(aligned, permutations, log_likelihood, diagnostics, posterior, model)
