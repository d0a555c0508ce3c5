"""What a planted situation is, and how the verdict on it is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from experiments.api.comparing import compare_fits
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset, from_arrays
from experiments.engines.contract import Fit
from experiments.values.comparison import ComparisonValues, Level
from experiments.values.headline import Believe
from gmm_em import Mixture

LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")
Planted = tuple[Dataset, Mapping[str, Fit]]


@dataclass(frozen=True)
class Situation:
    """Something that is planted, and what must and must not be said of it.

    Attributes
    ----------
    kind, name : str
        The name is told apart from others of the kind.
    make : callable
        From a generator of random numbers, and a seed for the fits, to a data set and its fits.
    demands : {"ok", "warn", "fail"}
        The level that the gravest finding must reach; "ok" is a healthy situation, in which no
        finding may be worse.
    believe : frozenset of str
        Answers that are right.
    must : tuple of str
        Findings of which at least one must be a warning or a failure.
    must_not : tuple of str
        Findings whose good word must not be said.
    """

    kind: str
    name: str
    make: Callable[[np.random.Generator, int], Planted]
    demands: Level
    believe: frozenset[Believe]
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()

    def compare(self, seed: int) -> ComparisonValues:
        """Plant it, and compare."""
        rng = np.random.default_rng(stream(seed, f"{self.kind}: {self.name}"))
        dataset, fits = self.make(rng, seed)
        return compare_fits(dataset, fits, seed=seed, illustrated=False)

    def judge(self, found: ComparisonValues) -> dict[str, object]:
        """Return what was said, and what is wrong with it, as plain values."""
        assert found.headline is not None
        levels = {finding.id: finding.level for finding in found.verdict}
        gravest = max(levels.values(), key=LEVELS.index)
        bad = [name for name, level in levels.items() if level != "ok"]
        wrong = [name for name in self.must_not if levels.get(name) == "ok"]
        missing = list(self.must) if self.must and not set(self.must) & set(bad) else []
        return {
            "kind": self.kind,
            "name": self.name,
            "demands": self.demands,
            "found": gravest,
            "believed": found.headline.believe,
            "reason": found.headline.reason,
            "right": found.headline.believe in self.believe,
            "bad": bad,
            "false_green": self.demands != "ok" and gravest == "ok",
            "too_mild": LEVELS.index(gravest) < LEVELS.index(self.demands),
            "missing": missing,
            "wrongly_good": wrong,
        }


def clusters(
    rng: np.random.Generator, n_components: int, n_features: int, gap: float = 6.0
) -> Mixture:
    """Return a mixture of components of about unit size whose centres are `gap` apart."""
    means = np.zeros((n_components, n_features))
    for k in range(n_components):
        # Along each axis in turn, then farther out.
        means[k, k % n_features] = gap * (1 + k // n_features) if k else 0.0
    factors = np.eye(n_features) + 0.2 * rng.normal(size=(n_components, n_features, n_features))
    weights = 1.0 + 0.3 * rng.uniform(size=n_components)
    return Mixture(weights / weights.sum(), means, factors @ factors.transpose(0, 2, 1))


def data_of(rows: FloatArray, truth: Mixture | None = None, name: str = "planted") -> Dataset:
    """Make a data set of rows."""
    return from_arrays(rows, None, truth, name)
