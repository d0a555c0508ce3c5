"""What a fit with an unknown number of components keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmm_bayes.core.limits import MAX_POINTWISE
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.unknown_k.datatree import to_datatree
from gmm_bayes.unknown_k.diagnostics import UnknownKDiagnostics, diagnose_unknown_k
from gmm_bayes.unknown_k.draws import VaryingDraws
from gmm_bayes.unknown_k.partition import MAX_ROWS, by_size, co_clustering, point_partition
from gmm_bayes.unknown_k.run import SampledUnknownK
from gmm_bayes.unknown_k.task import UnknownKTask
from gmm_em import Mixture

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class UnknownKSummary:
    """What is kept of the draws.

    Parameters
    ----------
    draws : VaryingDraws
    log_likelihood : ndarray of shape (C, S)
    n_components, n_filled : dict of int to float
        Posterior probabilities.
    aligned : MixtureDraws
        The draws of the most probable number of components.
    mixture : gmm_em.Mixture
        Their mean.
    partition : ndarray of int, shape (N,)
    diagnostics : UnknownKDiagnostics
    posterior : xarray.DataTree
    """

    draws: VaryingDraws
    log_likelihood: FloatArray
    n_components: dict[int, float]
    n_filled: dict[int, float]
    aligned: MixtureDraws
    mixture: Mixture
    partition: IntArray
    diagnostics: UnknownKDiagnostics
    posterior: xr.DataTree


def summarise(
    task: UnknownKTask,
    sampled: SampledUnknownK,
    feature_names: list[str] | None = None,
    improper: str | None = None,
) -> UnknownKSummary:
    """Diagnose and lay out what the sampler returned for a task.

    Parameters
    ----------
    task : UnknownKTask
    sampled : SampledUnknownK
    feature_names : list of str, optional
        Coordinates of the features; 0, ..., D - 1 by default.
    improper : str, optional
        Why the posterior is improper.
    """
    draws = sampled.draws
    n_components, n_filled = shares_of(draws.n_components), shares_of(draws.n_filled)
    probable = max(n_components, key=n_components.__getitem__)
    aligned = relabel(draws.given(probable)[0])[0]
    mixture = aligned.mean()
    pointwise = None
    if len(draws) * len(task.X) <= MAX_POINTWISE:
        pointwise = draws.log_prob(task.X)
        log_likelihood = pointwise.sum(axis=-1)
    else:
        log_likelihood = draws.log_likelihood(task.X)
    together = None
    if len(task.X) <= MAX_ROWS:
        allocations = draws.allocations.reshape(-1, len(task.X))
        together = co_clustering(allocations)
        partition = point_partition(together, allocations)
    else:
        partition = by_size(mixture.predict(task.X))
    diagnostics = diagnose_unknown_k(
        draws,
        log_likelihood,
        task.max_components,
        task.components_prior.largest is not None
        and task.components_prior.largest <= task.max_components,
        () if improper is None else (improper,),
    )
    posterior = to_datatree(
        draws,
        task.X,
        log_likelihood,
        pointwise,
        partition,
        together,
        {
            "sampler": "telescoping",
            "sweeps_per_draw": task.thin,
            "interrupted": int(sampled.interrupted),
        },
        feature_names,
    )
    return UnknownKSummary(
        draws,
        log_likelihood,
        n_components,
        n_filled,
        aligned,
        mixture,
        partition,
        diagnostics,
        posterior,
    )


def shares_of(numbers: IntArray) -> dict[int, float]:
    """Return the share of the draws that have each number, by number."""
    values, counts = np.unique(numbers, return_counts=True)
    return {
        int(value): float(count) / numbers.size for value, count in zip(values, counts, strict=True)
    }
