"""The comparison as seen in some coordinates: points and what to draw over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.analysis.illustrate import separation
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.comparison.curves import separating_directions
from experiments.values.comparison import ComparisonValues
from experiments.values.parameters import Parameters

MAX_FEATURES = 4


@dataclass(frozen=True)
class Source:
    """Something to draw: its name, what the legend says, its estimate, and how it may vary."""

    name: str
    label: str
    mixture: Parameters
    others: tuple[Parameters, ...] = ()

    @property
    def is_cloud(self) -> bool:
        """Whether each of `others` is drawn, not the estimate."""
        return self.name == "bayes" and bool(self.others)


@dataclass(frozen=True)
class View:
    """Points and mixtures in chosen coordinates.

    Attributes
    ----------
    points : ndarray of shape (n, d)
    names : tuple of str
        Of the coordinates, as they came from the data.
    sources : tuple of Source
        From the back to the front.
    """

    points: FloatArray
    names: tuple[str, ...]
    sources: tuple[Source, ...]

    def along(self, directions: FloatArray, names: Sequence[str]) -> View:
        """Look along other directions, the columns of a (D, d) matrix."""
        return View(
            self.points @ directions,
            tuple(names),
            tuple(
                Source(s.name, s.label, along(s.mixture, directions),
                       tuple(along(other, directions) for other in s.others))
                for s in self.sources
            ),
        )  # fmt: skip

    def of(self, features: Sequence[int]) -> View:
        """Keep some coordinates, in the order given."""
        chosen = list(features)
        return self.along(np.eye(self.points.shape[1])[:, chosen], [self.names[i] for i in chosen])

    def separated(self) -> View:
        """Look along the two directions that separate the components of the first fit best."""
        first = next(source for source in self.sources[::-1] if source.name != "truth")
        return self.along(separating_directions(first.mixture), PROJECTION_NAMES)


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
    )


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
    shown = comparison.illustration
    others = {"bayes": shown.posterior_mixtures, "em": shown.bootstrap_mixtures}
    names = sorted(comparison.engines, key=lambda name: (name != "bayes", name == "em"))
    for name in names:
        engine = comparison.engines[name]
        yield Source(
            name,
            engine.title,
            engine.mixture.arrays(),
            tuple(values.arrays() for values in others.get(name, [])),
        )
    if comparison.truth is not None:
        yield Source("truth", "truth", comparison.truth.arrays())
