"""Runs turned into values."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmm_em.fitting.ascent import Climb
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.result import Run
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters


def record(
    problem: Problem,
    climb: Climb,
    *,
    spurious: str = "",
    kind: str = "",
    keep_order: bool = False,
    start: Mixture | None = None,
) -> Run:
    """Turn a climb into a value.

    Parameters
    ----------
    problem : Problem
    climb : Climb
    spurious : str, optional
        Why its maximum is not to be trusted.
    kind : str, optional
        The kind of its start.
    keep_order : bool, default False
        Whether components keep the start's order, as users expect of a start of their own;
        otherwise they are put in the order of decreasing weight, all along the run.
    start : Mixture, optional
        The start in the data's own units, where the caller has it.
    """
    samples = problem.samples
    order: Any = slice(None)
    if not keep_order:
        order = np.argsort(-climb.parameters.weights, kind="stable")

    def outer(parameters: Parameters) -> Mixture:
        return samples.outer(*(array[order] for array in parameters))

    begun = outer(climb.start) if start is None else start
    reason = climb.degenerate
    try:
        ended = outer(climb.parameters)
        path = tuple(outer(parameters) for parameters in climb.path)
    except ValueError as error:
        # Singular in the data's own units, which round differently.
        reason = reason or f"the last mixture of the run is not valid: {error}"
        ended, path = begun, ()
    return Run(
        begun,
        ended,
        np.array(climb.trace),
        climb.log_likelihoods[-1] if climb.log_likelihoods else -np.inf,
        climb.converged,
        climb.n_iter,
        reason,
        spurious,
        path,
        problem.n_rows,
        kind,
    )
