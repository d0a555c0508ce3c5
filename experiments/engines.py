"""What can be compared: a name to a thing that fits."""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from experiments.config import BayesSettings, EMSettings, Section, describe
from experiments.datasets import Dataset
from experiments.errors import UsageError
from experiments.parameters import Parameters, combine
from experiments.progress import Report, silent
from experiments.streams import stream
from gmm_em import Bootstrap, EMResult, Mixture, bootstrap, fit_em
from gmm_em.criteria import aic, bic, icl, n_parameters

if TYPE_CHECKING:
    from xarray import DataTree

    from gmm_bayes import MixtureDraws

LEVELS = (0.5, 0.8, 0.95)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What an engine found, in the shape that every engine shares.

    Attributes
    ----------
    mixture : Mixture
        The estimate.
    uncertainty : Parameters
        Standard error or posterior standard deviation of every parameter.
    intervals : mapping of float to (Parameters, Parameters)
        Lower and upper bounds of equal-tailed intervals, by nominal coverage; `LEVELS` at least.
    seconds : float
        Wall-clock time of the fit.
    diagnostics : mapping
        Plain values that say whether the engine did its work.
    draws : MixtureDraws, optional
        Aligned posterior draws.
    posterior : DataTree, optional
        The same and more, in ArviZ's schema.
    paths : tuple of ndarray
        Log-likelihood at each iteration, restart by restart.
    best_path : int or None
        Which restart was kept.
    """

    mixture: Mixture
    uncertainty: Parameters
    intervals: Mapping[float, tuple[Parameters, Parameters]]
    seconds: float
    diagnostics: Mapping[str, Any]
    draws: MixtureDraws | None = None
    posterior: DataTree | None = None
    paths: tuple[Floats, ...] = ()
    best_path: int | None = None

    def reorder(self, order: Sequence[int] | NDArray[np.intp]) -> Fit:
        """Reorder the components everywhere: component ``i`` becomes the old ``order[i]``."""
        index = [int(i) for i in order]
        return replace(
            self,
            mixture=self.mixture.permute(index),
            uncertainty=self.uncertainty.permute(index),
            intervals={
                level: (lower.permute(index), upper.permute(index))
                for level, (lower, upper) in self.intervals.items()
            },
            draws=None if self.draws is None else self.draws.permute(index),
            posterior=None if self.posterior is None else _reorder_tree(self.posterior, index),
        )


class Engine(Protocol):
    """Anything that fits a mixture to rows and says how sure it is."""

    settings: ClassVar[type[Section]]

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Make an engine from its validated settings."""

    def fit(
        self, X: Floats, n_components: int, seed: np.random.SeedSequence, progress: Report
    ) -> Fit:
        """Fit; `seed` determines every random number, `progress` hears (stage, done, total)."""


@dataclass(frozen=True)
class EMEngine:
    """Maximum likelihood by EM with restarts; standard errors and intervals by the bootstrap."""

    options: EMSettings
    settings: ClassVar[type[Section]] = EMSettings

    @classmethod
    def from_settings(cls, settings: EMSettings) -> Self:
        """Make an engine from its validated settings."""
        return cls(settings)

    def fit(
        self, X: Floats, n_components: int, seed: np.random.SeedSequence, progress: Report
    ) -> Fit:
        """Fit by EM, then bootstrap the estimate."""
        options = self.options
        start = time.perf_counter()
        seed_fit, seed_bootstrap = seed.spawn(2)
        stage = "EM restarts"
        progress(stage, 0, options.n_init)
        result = fit_em(
            X,
            n_components,
            init_params=options.init_params,
            n_init=options.n_init,
            max_iter=options.max_iter,
            tol=options.tol,
            reg_covar=options.reg_covar,
            random_state=seed_fit,
            callback=lambda run, iteration, value: progress(stage, run, options.n_init),
        )
        progress(stage, options.n_init, options.n_init)
        progress("EM bootstrap", 0, 1)
        replicates = bootstrap(
            X,
            result.mixture,
            n_bootstrap=options.n_bootstrap,
            reg_covar=options.reg_covar,
            random_state=seed_bootstrap,
        )
        progress("EM bootstrap", 1, 1)
        # Runs on a sample of the rows have log-likelihoods of their own.
        complete = [i for i, run in enumerate(result.runs) if run.n_rows == len(X)]
        return Fit(
            mixture=result.mixture,
            uncertainty=Parameters.of(replicates.standard_errors),
            intervals=central(Parameters.of(replicates), axis=0),
            seconds=time.perf_counter() - start,
            diagnostics=_em_diagnostics(result, X, replicates),
            paths=tuple(result.runs[i].trace for i in complete),
            best_path=complete.index(result.best),
        )


@dataclass(frozen=True)
class BayesEngine:
    """The posterior; its standard deviations and equal-tailed credible intervals."""

    options: BayesSettings
    settings: ClassVar[type[Section]] = BayesSettings

    @classmethod
    def from_settings(cls, settings: BayesSettings) -> Self:
        """Make an engine from its validated settings."""
        return cls(settings)

    def fit(
        self, X: Floats, n_components: int, seed: np.random.SeedSequence, progress: Report
    ) -> Fit:
        """Draw the posterior and summarise it."""
        # Imported here: PyMC's world takes a while, and EM alone does not need it.
        from gmm_bayes import GaussianMixtureBayes, LKJPrior

        options = self.options
        start = time.perf_counter()
        stage = "posterior draws"
        progress(stage, 0, options.chains * (options.tune + options.draws))
        model = GaussianMixtureBayes(
            n_components,
            prior=LKJPrior(**options.prior.model_dump()),
            sampler=options.sampler,
            draws=options.draws,
            tune=options.tune,
            chains=options.chains,
            random_state=seed,
            progressbar=False,
        ).fit(X, callback=lambda done, total: progress(stage, done, total))
        draws = model.draws_
        every = Parameters.of(draws)
        return Fit(
            mixture=model.mixture_,
            uncertainty=combine(lambda values: values.std(axis=(0, 1), ddof=1), every),
            intervals=central(every, axis=(0, 1)),
            seconds=time.perf_counter() - start,
            diagnostics={**model.diagnostics_.to_dict(), "n_draws": len(draws)},
            draws=draws,
            posterior=model.posterior_,
        )


ENGINES: dict[str, type[Engine]] = {"em": EMEngine, "bayes": BayesEngine}


def fit_engines(
    dataset: Dataset,
    n_components: int,
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    seed: int,
    progress: Report = silent,
) -> dict[str, Fit]:
    """Fit a data set by each engine named; everything is checked before the first one starts.

    Raises
    ------
    UsageError
        If an engine, an option or the number of components is not allowed, or if an engine
        cannot fit these data.
    """
    n_components = _checked_components(n_components, len(dataset.X))
    engines = {name: _make(name, options.get(name, {})) for name in names}
    if unused := sorted(set(options) - set(names)):
        raise UsageError(f"options for '{unused[0]}', allowed is {', '.join(names)}")
    fits = {}
    for name, engine in engines.items():
        try:
            fits[name] = engine.fit(dataset.X, n_components, stream(seed, name), progress)
        except ValueError as error:
            raise UsageError(f"{dataset.name}: {name} cannot fit it: {error}") from error
    return fits


def central(
    every: Parameters, axis: int | tuple[int, ...]
) -> dict[float, tuple[Parameters, Parameters]]:
    """Return equal-tailed intervals of replicates or draws."""
    tails = [tail for level in LEVELS for tail in ((1 - level) / 2, (1 + level) / 2)]
    bounds = [np.quantile(values, tails, axis=axis) for values in every]
    ends = [Parameters(*(bound[i] for bound in bounds)) for i in range(len(tails))]
    return dict(zip(LEVELS, zip(ends[::2], ends[1::2], strict=True), strict=True))


def _em_diagnostics(result: EMResult, X: Floats, replicates: Bootstrap) -> dict[str, Any]:
    value, n_free = result.log_likelihood, n_parameters(result.mixture.n_components, X.shape[1])
    return {
        "converged": result.converged,
        "n_iter": result.n_iter,
        "n_init": len(result.runs),
        "n_converged": sum(optimum.n_runs for optimum in result.optima),
        "n_best": result.n_reached,
        "optima": [
            {"log_likelihood": optimum.objective, "n_runs": optimum.n_runs}
            for optimum in result.optima
        ],
        "n_degenerate": result.n_degenerate,
        "spurious": result.spurious,
        "n_parameters": n_free,
        "aic": aic(value, n_free),
        "bic": bic(value, n_free, len(X)),
        "icl": icl(value, n_free, result.mixture.responsibilities(X)),
        "n_bootstrap": len(replicates.weights),
        "n_bootstrap_failed": replicates.n_failed,
    }


def _make(name: str, options: Mapping[str, Any]) -> Engine:
    if name not in ENGINES:
        raise UsageError(f"engine '{name}' is not known, allowed is {', '.join(ENGINES)}")
    kind = ENGINES[name]
    try:
        settings = kind.settings.model_validate(_plain(options))
    except ValidationError as error:
        raise UsageError(f"{name}: {describe(error, kind.settings)}") from None
    return kind.from_settings(settings)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Let a prior be given as an object as well as a table."""
    return {
        key: value.to_dict() if hasattr(value, "to_dict") else value
        for key, value in options.items()
    }


def _checked_components(n_components: object, n_samples: int) -> int:
    try:
        count = operator.index(cast(SupportsIndex, n_components))
    except TypeError:
        raise UsageError(
            f"n_components = {n_components!r}: allowed is a whole number of at least 1"
        ) from None
    if not 1 <= count <= n_samples:
        raise UsageError(f"n_components = {count}: allowed is 1 to {n_samples}, the number of rows")
    return count


def _reorder_tree(tree: DataTree, order: list[int]) -> DataTree:
    """Reorder the components of every group that has them; the coordinate keeps its labels."""

    def reorder(dataset: Any) -> Any:
        if "component" not in dataset.dims:
            return dataset
        labels = dataset.coords.get("component")
        moved = dataset.isel(component=order)
        return moved if labels is None else moved.assign_coords(component=labels)

    return cast("DataTree", tree.map_over_datasets(reorder))
