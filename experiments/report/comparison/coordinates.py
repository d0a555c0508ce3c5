"""Points and mixtures in the coordinates in which they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.analysis.illustrate_posterior import separation
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.curves import separating_directions
from experiments.report.page.theme import plain
from experiments.values.comparison import ComparisonValues
from experiments.values.parameters import Parameters

MAX_FEATURES = 4


@dataclass(frozen=True)
class Source:
    """A mixture to draw: an engine's estimate, or the truth.

    Attributes
    ----------
    name : str
        Of the engine, or ``"truth"``.
    label : str
        What the legend says.
    mixture : Parameters
    others : tuple of Parameters
        Posterior draws or bootstrap replicates, which show how the estimate may vary.
    has_draws : bool
        Whether `others` are posterior draws.
    """

    name: str
    label: str
    mixture: Parameters
    others: tuple[Parameters, ...] = ()
    has_draws: bool = False

    @property
    def is_cloud(self) -> bool:
        """Whether every one of `others` is drawn in place of the estimate."""
        return self.has_draws and bool(self.others)

    def along(self, directions: FloatArray) -> Source:
        """Project the mixtures on the columns of a (D, d) matrix."""
        others = tuple(along(other, directions) for other in self.others)
        return replace(self, mixture=along(self.mixture, directions), others=others)


@dataclass(frozen=True)
class View:
    """Points and mixtures in chosen coordinates.

    Attributes
    ----------
    points : ndarray of shape (n, d)
    names : tuple of str
        Of the coordinates: the names of features in the data, or `PROJECTION_NAMES`.
    sources : tuple of Source
        In the order in which they are drawn, each over those before it.
    told : tuple of str
        Of each point what is said of it under the mouse; empty where there is nothing to say.
    """

    points: FloatArray
    names: tuple[str, ...]
    sources: tuple[Source, ...]
    told: tuple[str, ...] = ()

    def along(self, directions: FloatArray, names: Sequence[str]) -> View:
        """Project everything on other directions, the columns of a (D, d) matrix."""
        sources = tuple(source.along(directions) for source in self.sources)
        return View(self.points @ directions, tuple(names), sources, self.told)

    def of(self, features: Sequence[int]) -> View:
        """Keep some coordinates, in the order given."""
        chosen = list(features)
        return self.along(np.eye(self.points.shape[1])[:, chosen], [self.names[i] for i in chosen])

    @property
    def front(self) -> Source:
        """The fit that is drawn over all others: the truth is no fit."""
        return next(source for source in self.sources[::-1] if source.name != "truth")

    def separated(self) -> View:
        """Project on the two directions that separate the components of the front fit best."""
        return self.along(separating_directions(self.front.mixture), PROJECTION_NAMES)


PROJECTION_NAMES = ("discriminant 1", "discriminant 2")


def along(mixture: Parameters, directions: FloatArray) -> Parameters:
    """Return a mixture of the rows projected on the columns of `directions`."""
    return Parameters(
        mixture.weights,
        mixture.means @ directions,
        np.einsum("ia,kij,jb->kab", directions, mixture.covariances, directions),
    )


def view_of(comparison: ComparisonValues) -> View:
    """Return the comparison in the data's own coordinates."""
    return View(
        np.asarray(comparison.illustration.points),
        tuple(comparison.dataset.feature_names),
        tuple(_sources(comparison)),
        tuple(_told(comparison)),
    )


def _told(comparison: ComparisonValues) -> Iterator[str]:
    """Yield of each point its most probable component, with the probability, by each engine."""
    kept = comparison.illustration.responsibilities
    if not kept or comparison.n_components == 1:
        return
    titles = {name: plain(comparison.engines[name].title) for name in kept}
    for rows in zip(*kept.values(), strict=True):
        lines = []
        for name, row in zip(kept, rows, strict=True):
            top = int(np.argmax(row))
            lines.append(f"{titles[name]}: component {top + 1} with {row[top]:.1%}")
        yield "<br>".join(lines)


def flat_view(comparison: ComparisonValues) -> View:
    """Return the comparison in two coordinates, or one: projected where there are more."""
    view = view_of(comparison)
    return view if len(view.names) <= 2 else view.separated()


def chosen_features(comparison: ComparisonValues, names: Sequence[str] | None) -> list[int]:
    """Return the features to show pair by pair: those named, or the most telling ones.

    Raises
    ------
    UsageError
        If there is no feature of a name.
    """
    known = comparison.dataset.feature_names
    if names is None:
        first = next(iter(comparison.engines.values())).mixture.arrays()
        best = np.argsort(-separation(first), kind="stable")[:MAX_FEATURES]
        return sorted(int(i) for i in best)
    for name in names:
        if name not in known:
            raise UsageError(f"no feature '{name}', allowed is {', '.join(known)}")
    return [known.index(name) for name in names]


def _sources(comparison: ComparisonValues) -> Iterator[Source]:
    shown, posterior, estimate = comparison.illustration, comparison.posterior, comparison.estimate
    others = {posterior: shown.posterior_mixtures, estimate: shown.bootstrap_mixtures}
    # The posterior's many draws lie behind the other fits, and the estimate lies in front of them.
    for name in sorted(comparison.engines, key=lambda name: (name != posterior, name == estimate)):
        engine = comparison.engines[name]
        yield Source(
            name,
            engine.title,
            engine.mixture.arrays(),
            tuple(values.arrays() for values in others.get(name, [])),
            has_draws=name == posterior,
        )
    if comparison.truth is not None:
        yield Source("truth", "truth", comparison.truth.arrays())
