"""What one engine found, against the truth where it is known."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from experiments.analysis.clustering import score_labels
from experiments.analysis.distances import DensityComparison, errors_against
from experiments.analysis.matching import Matching
from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.values.base import ParameterValues
from experiments.values.checks import RecoveryValues, ShapeValues
from experiments.values.comparison import (
    ClusteringValues,
    CoverageValues,
    EngineResult,
    MatchingValues,
    MonteCarloValue,
    TrainTest,
)
from experiments.values.intervals import IntervalValues
from experiments.values.parameters import Parameters
from gmm_em import Mixture
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step import observed
from gmm_em.parameter_names import ParameterLayout

# The level of `intervals` in the file. `more_intervals` has the others.
MAIN_LEVEL = 0.95


def engine_result(
    name: str,
    dataset: Dataset,
    fit: Fit,
    matching: Matching,
    layout: ParameterLayout,
    densities: DensityComparison | None,
    shape: ShapeValues | None = None,
) -> EngineResult:
    """Summarise a fit whose components already stand in the common order.

    Parameters
    ----------
    name : str
        Of the engine.
    dataset : Dataset
    fit : Fit
    matching : Matching
        Its components against the truth's.
    layout : ParameterLayout
        Which parameters are free.
    densities : DensityComparison or None
        Around the truth, where it is known.
    shape : ShapeValues or None
        What the checks of the components' shape found.
    """
    truth = dataset.truth
    return EngineResult(
        title=fit.title or name,
        role=fit.role,
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
        coverage=_coverage(truth, fit, layout) if truth and fit.intervals else None,
        recovery=None if truth is None else _recovery(truth, fit, layout),
        shape=shape,
        log_likelihood=train_test(fit.mixture, dataset),
        matching=_matching_values(matching),
        errors=None if truth is None else errors_against(truth, fit.mixture, matching.pairs),
        density_errors=None
        if densities is None
        else {
            name: MonteCarloValue(value=found.value, se=found.se)
            for name, found in densities.distances(fit.mixture).items()
        },
        clustering=None
        if truth is None
        else ClusteringValues(
            **asdict(score_labels(truth, fit.mixture, dataset.X, matching.partners))
        ),
        seconds=fit.seconds,
        diagnostics=dict(fit.diagnostics),
    )


def train_test(mixture: Mixture, dataset: Dataset) -> TrainTest:
    """Return a mixture's total log-likelihood of the rows fitted and of those held out."""
    return TrainTest(
        train=observed.log_likelihood(mixture, dataset.X),
        test=None if dataset.X_test is None else mixture.log_likelihood(dataset.X_test),
    )


def _matching_values(matching: Matching) -> MatchingValues:
    """Write a matching down, its components numbered from 1."""
    return MatchingValues(
        partners=[None if k is None else k + 1 for k in matching.partners],
        unmatched=[k for k, partner in enumerate(matching.partners, start=1) if partner is None],
        missing=[k + 1 for k in matching.missing],
        distance=matching.distance,
        second_distance=matching.second_distance,
        ambiguity=matching.ambiguity,
        draws_ambiguity=matching.draws_ambiguity,
        uncertain=[k + 1 for k in matching.uncertain],
    )


def _coverage(truth: Mixture, fit: Fit, layout: ParameterLayout) -> list[CoverageValues] | None:
    if truth.n_components != layout.n_components:
        return None
    counted = _with_true_value(truth, layout)
    values = layout.values(Parameters.of(truth))[counted]
    found = []
    for level, bounds in sorted(fit.intervals.items()):
        lower, upper = (layout.values(bound)[counted] for bound in bounds)
        inside = (lower <= values) & (values <= upper)
        found.append(
            CoverageValues(level=level, n_inside=int(inside.sum()), n_parameters=inside.size)
        )
    return found


def _with_true_value(truth: Mixture, layout: ParameterLayout) -> NDArray[np.bool_]:
    """Say of which parameters of a layout the truth has a value.

    Where it lacks the structure of the fit there is no true value of the covariances.
    """
    alike = has_structure(layout, truth.covariances)
    return np.array([alike or name.kind != "covariance" for name in layout.names])


def _recovery(truth: Mixture, fit: Fit, layout: ParameterLayout) -> RecoveryValues | None:
    """Find the true parameter that an estimate misses by most of its errors.

    The chance is that of the largest of independent normal errors (Šidák 1967, *Journal of the
    American Statistical Association* 62, 626-633): dependent ones have a smaller one.
    """
    if fit.uncertainty is None or truth.n_components != layout.n_components:
        return None
    errors = layout.values(fit.uncertainty)
    counted = _with_true_value(truth, layout) & (errors > 0)
    if not counted.any():
        return None
    miss = layout.values(Parameters.of(fit.mixture)) - layout.values(Parameters.of(truth))
    sizes = np.abs(miss[counted]) / errors[counted]
    worst, n_parameters = int(sizes.argmax()), min(int(counted.sum()), layout.n_free)
    # Below 1, which has no logarithm of its complement: an estimate may be the truth itself.
    one = min(2.0 * float(ndtr(-sizes[worst])), 1.0 - np.finfo(float).epsneg)
    return RecoveryValues(
        max_abs_z=float(sizes[worst]),
        parameter=str(np.array(layout.names, dtype=object)[counted][worst]),
        n_parameters=n_parameters,
        probability=float(-np.expm1(n_parameters * np.log1p(-one))),
    )


def has_structure(layout: ParameterLayout, covariances: FloatArray) -> bool:
    """Say whether covariances of shape (K, D, D) have a layout's structure, up to rounding."""
    structure = get_structure(layout.covariance_type)
    closest = structured(structure, np.ones(covariances.shape[0]), covariances)
    allowed = 1e-9 * np.abs(covariances).max(axis=(1, 2), keepdims=True)
    return bool((np.abs(closest - covariances) <= allowed).all())
