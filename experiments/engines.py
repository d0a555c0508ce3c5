"""What can be compared: a name to a thing that fits.

Engines are found by name: those of this package, and those that other packages register under the
entry-point group ``gmm_compare.engines``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from experiments.collinear import why_collinear
from experiments.config_base import Section
from experiments.config_errors import describe
from experiments.datasets import Dataset
from experiments.errors import FitError, UsageError
from experiments.parameters import Parameters, combine
from experiments.progress import Report, silent
from experiments.streams import stream
from gmm_em import DegenerateError, Mixture
from gmm_em.covariance.registry import STRUCTURES

if TYPE_CHECKING:
    from xarray import DataTree

    from gmm_bayes import MixtureDraws

LEVELS = (0.5, 0.8, 0.95)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """Where a run was at one of its iterations.

    Attributes
    ----------
    iteration : int
        Counted from 0, the start.
    log_likelihood : float
        Total log-likelihood, plus the log-prior where there is one.
    mixture : Mixture
    """

    iteration: int
    log_likelihood: float
    mixture: Mixture


# By the place of their run in `Fit.paths`.
Steps = Callable[[], Mapping[int, tuple[Step, ...]]]


@dataclass(frozen=True)
class Fit:
    """What an engine found, in the shape that every engine shares.

    Attributes
    ----------
    mixture : Mixture
        The estimate.
    seconds : float
        Wall-clock time of the fit.
    uncertainty : Parameters, optional
        Standard error or posterior standard deviation of every parameter.
    more_uncertainty : mapping of str to Parameters
        The same by other methods.
    intervals : mapping of float to (Parameters, Parameters)
        Lower and upper bounds of equal-tailed intervals, by nominal coverage: `LEVELS` at least,
        or none.
    diagnostics : mapping
        Plain values that say whether the engine did its work.
    draws : MixtureDraws, optional
        Aligned posterior draws.
    posterior : DataTree, optional
        The same and more, in ArviZ's schema.
    paths : tuple of ndarray
        Log-likelihood at each iteration, restart by restart.
    finished : tuple of bool
        Which of these restarts were carried to convergence.
    best_path : int or None
        Which restart was kept.
    steps : callable
        Returns the mixtures on the way of some of these restarts, by restart: only a report asks.
    replicates : Parameters, optional
        Bootstrap replicates of the estimate, B of them along the first axis.
    permutations : ndarray of int, shape (C, S, K), optional
        What aligned the draws: component ``i`` was the sampler's ``permutations[..., i]``.
    title : str
        What tables and figures call the engine; by default its name.
    """

    mixture: Mixture
    seconds: float
    uncertainty: Parameters | None = None
    more_uncertainty: Mapping[str, Parameters] = field(default_factory=dict)
    intervals: Mapping[float, tuple[Parameters, Parameters]] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    draws: MixtureDraws | None = None
    posterior: DataTree | None = None
    paths: tuple[Floats, ...] = ()
    finished: tuple[bool, ...] = ()
    best_path: int | None = None
    steps: Steps = dict
    replicates: Parameters | None = None
    permutations: NDArray[np.int64] | None = None
    title: str = ""

    def reorder(self, order: Sequence[int] | NDArray[np.intp]) -> Fit:
        """Reorder the components everywhere: component ``i`` becomes the old ``order[i]``."""
        index = [int(i) for i in order]
        return replace(
            self,
            mixture=self.mixture.permute(index),
            uncertainty=None if self.uncertainty is None else self.uncertainty.permute(index),
            more_uncertainty={
                method: errors.permute(index) for method, errors in self.more_uncertainty.items()
            },
            intervals={
                level: (lower.permute(index), upper.permute(index))
                for level, (lower, upper) in self.intervals.items()
            },
            draws=None if self.draws is None else self.draws.permute(index),
            posterior=None if self.posterior is None else _reorder_tree(self.posterior, index),
            # Not a closure: a fit can be pickled.
            steps=partial(_reorder_steps, self.steps, index),
            replicates=None
            if self.replicates is None
            else combine(lambda values: values[:, index], self.replicates),
            permutations=None if self.permutations is None else self.permutations[..., index],
        )


class Engine(Protocol):
    """Anything that fits a mixture to rows.

    Attributes
    ----------
    settings : type of Section
        The schema of the engine's table in a config, an instance of which makes the engine.

    An engine that fits rows with missing values (NaN) says so by a class attribute
    ``accepts_missing = True``. One that fits other covariances than full ones names them in a
    class attribute ``covariance_types``, a tuple such as ``("full", "diag")``, and is then given
    one of them as the keyword argument ``covariance_type`` of `fit`; see `StructuredEngine`.
    """

    settings: ClassVar[type[Section]]

    def __init__(self, options: Any) -> None:
        """Make an engine from an instance of `settings`."""

    def fit(
        self, X: Floats, n_components: int, seed: np.random.SeedSequence, progress: Report
    ) -> Fit:
        """Fit; `seed` determines every random number, `progress` hears (stage, done, total)."""


class StructuredEngine(Engine, Protocol):
    """An engine that fits covariances of several structures.

    Attributes
    ----------
    covariance_types : tuple of str
        Those it fits, of "full", "tied", "diag" and "spherical".
    """

    covariance_types: ClassVar[tuple[str, ...]]

    def fit(
        self,
        X: Floats,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit covariances of one of the structures."""


ALL_COVARIANCE_TYPES = tuple(STRUCTURES)
GROUP = "gmm_compare.engines"
OWN = {
    "em": "experiments.engine.em:EMEngine",
    "bayes": "experiments.engine.bayes:BayesEngine",
    "sklearn": "experiments.engine.baselines:SklearnEngine",
    "sklearn-bayes": "experiments.engine.baselines:SklearnBayesEngine",
    "kmeans": "experiments.engine.baselines:KMeansEngine",
}


@cache
def available_engines() -> dict[str, EntryPoint]:
    """Return every engine by name, this package's own first; nothing is imported yet."""
    own = {name: EntryPoint(name, value, GROUP) for name, value in OWN.items()}
    return {**{point.name: point for point in entry_points(group=GROUP)}, **own}


def load_engine(name: str) -> type[Engine]:
    """Import the engine of that name.

    Raises
    ------
    UsageError
        If there is none, or the package that registered it cannot be imported.
    """
    known = available_engines()
    if name not in known:
        raise UsageError(f"engine '{name}' is not known, allowed is {', '.join(known)}")
    try:
        return cast("type[Engine]", known[name].load())
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"engine '{name}' ({known[name].value}) cannot be loaded: {error}"
        ) from None


def fit_engines(
    dataset: Dataset,
    n_components: int,
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    seed: int,
    progress: Report = silent,
    covariance_type: str = "full",
) -> dict[str, Fit]:
    """Fit a data set by each engine named; everything is checked before the first one starts.

    Raises
    ------
    UsageError
        If an engine, an option, the number of components or the structure of covariances is not
        allowed.
    FitError
        If an engine cannot fit these data.
    """
    n_components = check_components(n_components, len(dataset.X))
    engines = {name: make_engine(name, options.get(name, {})) for name in names}
    if unused := sorted(set(options) - set(names)):
        raise UsageError(f"options for '{unused[0]}', allowed is {', '.join(names)}")
    if dataset.has_missing:
        _check_missing(dataset.name, engines)
    for name, engine in engines.items():
        _check_structure(name, engine, covariance_type)
    fits = {}
    for name, engine in engines.items():
        task = (dataset.X, n_components, stream(seed, name), progress)
        try:
            fits[name] = _fit(engine, task, covariance_type)
        except ValueError as error:
            why = ""
            # Any other error has a reason of its own.
            if isinstance(error, DegenerateError):
                why = _collinear(dataset, covariance_type)
            raise FitError(f"{dataset.name}: {name} cannot fit it: {why or error}") from error
    return fits


def _collinear(dataset: Dataset, covariance_type: str) -> str:
    """Say which column makes every full covariance singular, if one does."""
    if covariance_type not in ("full", "tied"):
        return ""
    why = why_collinear(dataset.X, dataset.feature_names)
    return why and (
        f"{why}, allowed with {covariance_type} covariances are columns that do not follow from "
        "others: leave it out, or take covariance_type = 'diag'"
    )


def _fit(engine: Engine, task: tuple[Any, ...], covariance_type: str) -> Fit:
    if _structures(engine) is None:
        return engine.fit(*task)
    return cast("StructuredEngine", engine).fit(*task, covariance_type=covariance_type)


def _structures(engine: Engine) -> tuple[str, ...] | None:
    """Return what an engine declares; None for one that knows of full covariances only."""
    return getattr(engine, "covariance_types", None)


def _check_structure(name: str, engine: Engine, covariance_type: str) -> None:
    if covariance_type not in ALL_COVARIANCE_TYPES:
        raise UsageError(
            f"covariance_type = {covariance_type!r}: allowed is {', '.join(ALL_COVARIANCE_TYPES)}"
        )
    allowed = _structures(engine) or ("full",)
    if covariance_type not in allowed:
        raise UsageError(
            f"covariance_type = '{covariance_type}': engine '{name}' fits {', '.join(allowed)}"
        )


def _check_missing(name: str, engines: Mapping[str, Engine]) -> None:
    refusing = [e for e, engine in engines.items() if not getattr(engine, "accepts_missing", False)]
    if refusing:
        raise UsageError(
            f"{name}: has missing values, which {', '.join(refusing)} cannot fit, allowed is "
            "engines = ['em']"
        )


def central(
    every: Parameters, axis: int | tuple[int, ...]
) -> dict[float, tuple[Parameters, Parameters]]:
    """Return equal-tailed intervals of replicates or draws."""
    tails = [tail for level in LEVELS for tail in ((1 - level) / 2, (1 + level) / 2)]
    bounds = [np.quantile(values, tails, axis=axis) for values in every]
    ends = [Parameters(*(bound[i] for bound in bounds)) for i in range(len(tails))]
    return dict(zip(LEVELS, zip(ends[::2], ends[1::2], strict=True), strict=True))


def make_engine(name: str, options: Mapping[str, Any]) -> Engine:
    """Make the engine of that name from its settings.

    Raises
    ------
    UsageError
        If there is no such engine, or a setting is not allowed.
    """
    kind = load_engine(name)
    try:
        settings = kind.settings.model_validate(_plain(options))
    except ValidationError as error:
        raise UsageError(f"{name}: {describe(error, kind.settings)}") from None
    return kind(settings)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Let a prior be given as an object as well as a table."""
    return {
        key: value.to_dict() if hasattr(value, "to_dict") else value
        for key, value in options.items()
    }


def check_components(n_components: object, n_samples: int) -> int:
    """Return a number of components as an integer, between 1 and the number of rows.

    Raises
    ------
    UsageError
        If it is not.
    """
    try:
        count = operator.index(cast(SupportsIndex, n_components))
    except TypeError:
        raise UsageError(
            f"n_components = {n_components!r}: allowed is a whole number of at least 1"
        ) from None
    if not 1 <= count <= n_samples:
        raise UsageError(f"n_components = {count}: allowed is 1 to {n_samples}, the number of rows")
    return count


def _reorder_steps(steps: Steps, order: list[int]) -> Mapping[int, tuple[Step, ...]]:
    return {
        run: tuple(replace(step, mixture=step.mixture.permute(order)) for step in found)
        for run, found in steps().items()
    }


def _reorder_tree(tree: DataTree, order: list[int]) -> DataTree:
    """Reorder the components of every group that has them; the coordinate keeps its labels."""

    def reorder(dataset: Any) -> Any:
        if "component" not in dataset.dims:
            return dataset
        labels = dataset.coords.get("component")
        moved = dataset.isel(component=order)
        return moved if labels is None else moved.assign_coords(component=labels)

    return cast("DataTree", tree.map_over_datasets(reorder))
