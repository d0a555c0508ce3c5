"""Draws that another program made, in the shape that every engine shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.core.types import FloatArray
from experiments.engines.contract import Fit, central
from experiments.values.parameters import Parameters, combine
from gmm_bayes import MixtureDraws, ModelInNumbers, align_and_diagnose


def fit_of_draws(
    title: str,
    draws: MixtureDraws,
    X: FloatArray,
    covariance_type: str = "full",
    *,
    stats: Mapping[str, Any] | None = None,
    seconds: float = 0.0,
    model: ModelInNumbers | None = None,
) -> Fit:
    """Align the labels of draws, diagnose their chains, and summarise them.

    Parameters
    ----------
    title : str
        What tables and figures call them.
    draws : MixtureDraws
        As they were drawn, chain by chain.
    X : ndarray of shape (N, D)
        The rows, which have no missing values.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        What their covariances leave free.
    stats : mapping of str to ndarray of shape (C, S), optional
        Statistics of the sampler under ArviZ's names, such as ``diverging`` and ``energy``.
    seconds : float, default 0
        What drawing them took.
    model : ModelInNumbers, optional
        The model and the prior that they are posterior to, where it is known.
    """
    found = align_and_diagnose(draws, X, covariance_type, stats or {})
    every = Parameters.of(found.draws)
    return Fit(
        title=title,
        mixture=found.draws.mean(),
        uncertainty=combine(lambda values: values.std(axis=(0, 1), ddof=1), every),
        intervals=central(every, axis=(0, 1)),
        seconds=seconds,
        diagnostics={**found.diagnostics.to_dict(), "n_draws": len(found.draws)},
        draws=found.draws,
        permutations=found.permutations,
        model=model,
    )
