"""EM with restarts as an engine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from experiments.config.engines import EMSettings
from experiments.config.section import Section
from experiments.core.missing import treatment_of_missing
from experiments.core.progress import Report
from experiments.core.sizes import MAX_STEP_ENTRIES, of_doubles, of_mixtures
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit, Step, central
from experiments.engines.costs import (
    EM_PASS,
    PASSES_OF_A_REPLICATE,
    PASSES_OF_A_START,
    slowness,
)
from experiments.engines.fit import ALL_COVARIANCE_TYPES
from experiments.values.parameters import Parameters
from gmm_em import (
    Bootstrap,
    DegenerateError,
    EMResult,
    InformationError,
    Run,
    bootstrap,
    fit_em,
    standard_errors,
)
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step import observed
from gmm_em.fitting.search import MOST_STARTS_FEW
from gmm_em.inference.criteria import aic, bic, icl, n_parameters
from gmm_em.matching import match

# Steps of a run that the report shows, at most.
MAX_STEPS = 40
# Mixtures that the arrays of one run are worth: statistics, factors, and the last estimates.
MIXTURES_OF_A_RUN = 10

# Starts of the default search, which ends by itself: where rows are few, and where they are many.
USUAL_STARTS_FEW, USUAL_STARTS_MANY = 150, 10
ROWS_OF_MANY_STARTS = 800


@dataclass(frozen=True)
class EMEngine:
    """Maximum likelihood by EM with restarts.

    Standard errors and intervals are those of the bootstrap; without one, standard errors are
    those of the information matrix, and there are no intervals.
    """

    options: EMSettings
    settings: ClassVar[type[Section]] = EMSettings
    accepts_missing: ClassVar[bool] = True
    covariance_types: ClassVar[tuple[str, ...]] = ALL_COVARIANCE_TYPES

    def memory_needed(self, n_samples: int, n_features: int, n_components: int) -> int:
        """Return about how many bytes a fit needs: its starts, replicates and responsibilities."""
        # Quantiles of the replicates are taken of a copy, and a run works on several mixtures.
        n_starts = self.options.n_init or MOST_STARTS_FEW
        mixtures = n_starts + 2 * self.options.n_bootstrap + MIXTURES_OF_A_RUN
        rows = of_doubles(n_samples, 2 * n_components)
        return rows + of_mixtures(mixtures, n_components, n_features)

    def seconds_needed(
        self, n_samples: int, n_features: int, n_components: int, n_processors: int
    ) -> float:
        """Return about how long the starts and the bootstrap take, which use one processor."""
        options = self.options
        few = n_samples <= ROWS_OF_MANY_STARTS
        n_starts = options.n_init or (USUAL_STARTS_FEW if few else USUAL_STARTS_MANY)
        size = (n_samples, n_features, n_components)
        starts = n_starts * PASSES_OF_A_START * EM_PASS.seconds(*size)
        return starts + slowness() * self.bootstrap_seconds(*size)

    def bootstrap_seconds(self, n_samples: int, n_features: int, n_components: int) -> float:
        """Return the seconds of one processor that the bootstrap takes where the costs are from."""
        passes = self.options.n_bootstrap * PASSES_OF_A_REPLICATE
        return passes * EM_PASS.usual_seconds(n_samples, n_features, n_components)

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit by EM, then bootstrap the estimate."""
        options = self.options
        _refuse_singular(X, covariance_type, options.reg_covar)
        start = time.perf_counter()
        seed_fit, seed_bootstrap = seed.spawn(2)
        how: dict[str, Any] = {
            "covariance_type": covariance_type,
            "max_iter": options.max_iter,
            "tol": options.tol,
            "reg_covar": options.reg_covar,
            "missing": treatment_of_missing(X),
        }
        stage = "EM restarts"

        def told(run: int, iteration: int, value: float) -> None:
            # How many starts there will be is not known before, unless a number was asked for.
            progress(stage, run, options.n_init or run + 1)

        progress(stage, 0, options.n_init or 1)
        result = fit_em(
            X,
            n_components,
            init_params=options.init_params,
            n_init=options.n_init,
            random_state=seed_fit,
            callback=told,
            **how,
        )
        seconds_fit = time.perf_counter() - start
        progress(stage, len(result.runs), len(result.runs))
        asymptotic, reasons = _asymptotic(X, result)
        uncertainty, replicates = asymptotic.get("information"), None
        if options.n_bootstrap:
            progress("EM bootstrap", 0, 1)
            replicates = bootstrap(
                X,
                result.mixture,
                n_bootstrap=options.n_bootstrap,
                covariance_type=covariance_type,
                reg_covar=options.reg_covar,
                missing=how["missing"],
                random_state=seed_bootstrap,
            )
            uncertainty = Parameters.of(replicates.standard_errors)
            progress("EM bootstrap", 1, 1)
        seconds = time.perf_counter() - start
        # Runs on a sample of the rows have log-likelihoods of their own.
        complete = [i for i, run in enumerate(result.runs) if run.n_rows == len(X)]
        return Fit(
            title="EM",
            maximum_likelihood=True,
            mixture=result.mixture,
            uncertainty=uncertainty,
            intervals={} if replicates is None else central(Parameters.of(replicates), axis=0),
            seconds=seconds,
            more_uncertainty=asymptotic,
            diagnostics={
                "seconds": {"fit": seconds_fit},
                **_em_diagnostics(result, X, replicates),
                **reasons,
            },
            paths=tuple(result.runs[i].trace for i in complete),
            finished=tuple(result.runs[i].converged for i in complete),
            best_path=complete.index(result.best),
            # A closure could not be pickled and sent to another process, and a fit can be.
            steps=partial(_shown_runs, X, result, complete, how),
            replicates=None if replicates is None else Parameters.of(replicates),
        )


def _refuse_singular(X: FloatArray, covariance_type: str, reg_covar: float) -> None:
    """Refuse rows that are too few for any covariance with correlations to be invertible.

    The sum of products of n rows, taken about their mean, has a rank of n - 1 at most.

    Raises
    ------
    ValueError
    """
    n_samples, n_features = X.shape
    correlated = get_structure(covariance_type).correlated
    if correlated and not reg_covar and n_samples <= n_features:
        raise ValueError(
            f"{n_samples} rows of {n_features} features make every {covariance_type} covariance "
            "singular, allowed are more rows than features, covariance_type = 'diag', or "
            "reg_covar above 0"
        )


def _shown_runs(
    X: FloatArray, result: EMResult, complete: list[int], how: dict[str, Any]
) -> dict[int, tuple[Step, ...]]:
    """Run the best restart again, and one that ended in a worse optimum, keeping their steps.

    Each under its place in `complete`, the runs on all rows. Only for these are the mixtures on
    the way kept: for all restarts they would need more memory than the data. Where even those of
    one run would, nothing is kept.
    """
    chosen = [result.best]
    # Of the optima that are not the best, the one that most runs reached.
    if worse := [optimum for optimum in result.optima if result.best not in optimum.runs]:
        chosen.append(max(worse, key=lambda optimum: optimum.n_runs).runs[0])
    size = result.mixture.covariances.size
    shown = {}
    for index in chosen:
        run = result.runs[index]
        if run.trace.size * size > MAX_STEP_ENTRIES:
            continue
        try:
            again = fit_em(X, len(run.start.weights), init=run.start, snapshots=True, **how).runs[0]
        except DegenerateError:
            # Rounding decides where a run on the verge of collapse ends.
            continue
        shown[complete.index(index)] = _some_steps(again, match(result.mixture, again.mixture))
    return shown


def _some_steps(run: Run, order: NDArray[np.intp]) -> tuple[Step, ...]:
    """Choose iterations: all of the first few, then ever fewer, where most happens early."""
    size = len(run.snapshots)
    chosen = np.arange(size)
    if size > MAX_STEPS:
        # Log-spaced whole numbers repeat early on, so many are taken and then thinned.
        spaced = np.unique(np.geomspace(1, size, 8 * MAX_STEPS).astype(int) - 1)
        chosen = spaced[np.unique(np.linspace(0, len(spaced) - 1, MAX_STEPS).astype(int))]
    return tuple(Step(int(i), float(run.trace[i]), run.snapshots[i].permute(order)) for i in chosen)


def _asymptotic(X: FloatArray, result: EMResult) -> tuple[dict[str, Parameters], dict[str, str]]:
    """Return standard errors by method and, where there are none, the reason."""
    errors, reasons = {}, {}
    if np.isnan(X).any():
        why = "values are missing: only the bootstrap takes account of that"
        return {}, {"no_information": why, "no_sandwich": why}
    for method in ("information", "sandwich"):
        try:
            found = standard_errors(
                X, result.mixture, covariance_type=result.covariance_type, method=method
            )
            errors[method] = Parameters.of(found)
        except InformationError as error:
            reasons[f"no_{method}"] = str(error)
    return errors, reasons


def _em_diagnostics(
    result: EMResult, X: FloatArray, replicates: Bootstrap | None
) -> dict[str, Any]:
    value, n_free = (
        result.log_likelihood,
        n_parameters(result.mixture.n_components, X.shape[1], result.covariance_type),
    )
    return {
        "converged": result.converged,
        "n_iter": result.n_iter,
        "n_init": len(result.runs),
        "n_converged": sum(optimum.n_runs for optimum in result.optima),
        "n_best": result.n_reached,
        "kinds_best": len(result.hits),
        "search_stopped": result.stopped,
        "unseen": {
            kind: {
                "n_starts": found.n_starts,
                "probability": found.probability,
                "lower": found.lower,
                "upper": found.upper,
            }
            for kind, found in result.unseen.items()
        },
        "best_restart": result.best + 1,
        "optima": [
            {"log_likelihood": optimum.objective, "n_runs": optimum.n_runs}
            for optimum in result.optima
        ],
        "n_degenerate": result.n_degenerate,
        "spurious": result.spurious,
        "n_parameters": n_free,
        "aic": aic(value, n_free),
        "bic": bic(value, n_free, len(X)),
        "icl": icl(value, n_free, observed.responsibilities(result.mixture, X)),
        "n_bootstrap": 0 if replicates is None else len(replicates.weights),
        "n_bootstrap_failed": 0 if replicates is None else replicates.n_failed,
    }
