"""What one engine found, against the truth where it is known."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from experiments import observed
from experiments.clustering import score_labels
from experiments.datasets import Dataset
from experiments.engines import Fit
from experiments.metrics import DensityComparison, errors_against
from experiments.parameters import Parameters
from experiments.schema import (
    ClusteringValues,
    CoverageValues,
    EngineResult,
    IntervalValues,
    MonteCarloValue,
    ParameterValues,
    TrainTest,
)
from gmm_em import Mixture

# What `intervals` in the file holds; the other levels follow it.
MAIN_LEVEL = 0.95


def engine_result(
    name: str, dataset: Dataset, fit: Fit, densities: DensityComparison | None
) -> EngineResult:
    """Summarise a fit whose components already stand in the common order.

    Parameters
    ----------
    name : str
        Of the engine.
    dataset : Dataset
    fit : Fit
    densities : DensityComparison or None
        Around the truth, where it is known.
    """
    truth = dataset.truth
    # Components correspond only where there are as many.
    alike = truth if truth and truth.n_components == fit.mixture.n_components else None
    return EngineResult(
        title=fit.title or name,
        mixture=ParameterValues.of(fit.mixture),
        uncertainty=None if fit.uncertainty is None else ParameterValues.of(fit.uncertainty),
        more_uncertainty={
            method: ParameterValues.of(errors) for method, errors in fit.more_uncertainty.items()
        },
        intervals=IntervalValues.of(MAIN_LEVEL, fit.intervals[MAIN_LEVEL])
        if fit.intervals
        else None,
        more_intervals=[
            IntervalValues.of(level, bounds)
            for level, bounds in fit.intervals.items()
            if level != MAIN_LEVEL
        ],
        coverage=_coverage(alike, fit) if alike and fit.intervals else None,
        log_likelihood=train_test(fit.mixture, dataset),
        errors=None if alike is None else errors_against(alike, fit.mixture),
        density_errors=None
        if densities is None
        else {
            name: MonteCarloValue(value=found.value, se=found.se)
            for name, found in densities.distances(fit.mixture).items()
        },
        clustering=None
        if truth is None
        else ClusteringValues(**asdict(score_labels(truth, fit.mixture, dataset.X))),
        seconds=fit.seconds,
        diagnostics=dict(fit.diagnostics),
    )


def train_test(mixture: Mixture, dataset: Dataset) -> TrainTest:
    """Return a mixture's total log-likelihood of the rows fitted and of those held out."""
    return TrainTest(
        train=observed.log_likelihood(mixture, dataset.X),
        test=None if dataset.X_test is None else mixture.log_likelihood(dataset.X_test),
    )


def _coverage(truth: Mixture, fit: Fit) -> list[CoverageValues]:
    values = np.array([value for _, value in Parameters.of(truth).free()])
    found = []
    for level, bounds in sorted(fit.intervals.items()):
        lower, upper = (np.array([value for _, value in bound.free()]) for bound in bounds)
        inside = (lower <= values) & (values <= upper)
        found.append(
            CoverageValues(level=level, n_inside=int(inside.sum()), n_parameters=inside.size)
        )
    return found
