"""What an engine is, and what it returns: a `Fit`.

Engines are found by name: those of this package, and those that other packages register under the
entry-point group ``gmm_compare.engines``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from experiments.config.section import Section
from experiments.core.progress import Report
from experiments.core.types import FloatArray
from experiments.values.parameters import Parameters, combine
from experiments.values.roles import Role
from gmm_em import Mixture

if TYPE_CHECKING:
    from xarray import DataTree

    from gmm_bayes import MixtureDraws, ModelInNumbers

LEVELS = (0.5, 0.8, 0.95)


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


# The steps of some runs, by the place of the run in `Fit.paths`.
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
    log_likelihood : ndarray of shape (C, S), optional
        Of all rows that were fitted, at each draw, where the engine knows it.
    model : ModelInNumbers, optional
        The model and the prior that the draws are posterior to. Without it nobody knows whether
        two posteriors that differ were meant to be one.
    title : str
        What tables and figures call the engine; by default its name.
    maximum_likelihood : bool
        Whether the estimate is meant to have the greatest likelihood, so that a posterior draw of
        a greater one proves it to be a local optimum.
    """

    mixture: Mixture
    seconds: float
    uncertainty: Parameters | None = None
    more_uncertainty: Mapping[str, Parameters] = field(default_factory=dict)
    intervals: Mapping[float, tuple[Parameters, Parameters]] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    draws: MixtureDraws | None = None
    posterior: DataTree | None = None
    paths: tuple[FloatArray, ...] = ()
    finished: tuple[bool, ...] = ()
    best_path: int | None = None
    steps: Steps = dict
    replicates: Parameters | None = None
    permutations: NDArray[np.int64] | None = None
    log_likelihood: FloatArray | None = None
    model: ModelInNumbers | None = None
    title: str = ""
    maximum_likelihood: bool = False

    @property
    def role(self) -> Role:
        """What the estimate is: see `experiments.values.base.roles`."""
        if self.draws is not None:
            return "posterior"
        return "maximum-likelihood" if self.maximum_likelihood else "estimate"

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
            # A closure could not be pickled, and a fit can be.
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
    one of them as the keyword argument ``covariance_type`` of `fit`; see `StructuredEngine`. One
    that knows beforehand how much memory a fit needs has a method ``memory_needed``, and one that
    knows how long it takes ``seconds_needed``; see `Foresees` and `ForeseesTime`.
    """

    settings: ClassVar[type[Section]]

    def __init__(self, options: Any) -> None:
        """Make an engine from an instance of `settings`."""

    def fit(
        self, X: FloatArray, n_components: int, seed: np.random.SeedSequence, progress: Report
    ) -> Fit:
        """Fit; `seed` determines every random number, `progress` hears (stage, done, total)."""


class StructuredEngine(Engine, Protocol):
    """An engine that fits covariances of several structures.

    Attributes
    ----------
    covariance_types : tuple of str
        Those it fits, of the names in `gmm_em.covariance.registry.NAMES`.
    """

    covariance_types: ClassVar[tuple[str, ...]]

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit covariances of one of the structures."""


@runtime_checkable
class Foresees(Protocol):
    """An engine that says how much memory a fit would need, before it is begun."""

    def memory_needed(self, n_samples: int, n_features: int, n_components: int) -> int:
        """Return about how many bytes; a fit that needs more than are free is refused."""


@runtime_checkable
class ForeseesTime(Protocol):
    """An engine that says how long a fit would take, before it is begun."""

    def seconds_needed(
        self, n_samples: int, n_features: int, n_components: int, n_processors: int
    ) -> float:
        """Return about how many seconds, right to a factor of two or three."""


def central(
    every: Parameters, axis: int | tuple[int, ...]
) -> dict[float, tuple[Parameters, Parameters]]:
    """Return equal-tailed intervals of replicates or draws."""
    tails = [tail for level in LEVELS for tail in ((1 - level) / 2, (1 + level) / 2)]
    bounds = [np.quantile(values, tails, axis=axis) for values in every]
    ends = [Parameters(*(bound[i] for bound in bounds)) for i in range(len(tails))]
    return dict(zip(LEVELS, zip(ends[::2], ends[1::2], strict=True), strict=True))


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
