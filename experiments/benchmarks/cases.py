"""What a benchmark fits, and how it is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.core.types import FloatArray


@dataclass(frozen=True)
class Case:
    """One row of the table: data, structure, and what is asked of the ratio."""

    n_samples: int
    n_features: int
    n_components: int
    covariance_type: str = "full"
    target: float = 5.0
    aim: float | None = None

    @property
    def label(self) -> str:
        """The numbers that name it."""
        return f"{self.n_samples:>9,} {self.n_features:>3} {self.n_components:>3}"

    @property
    def elements(self) -> int:
        """How much there is to do: rows times features times components."""
        return self.n_samples * self.n_features * self.n_components


def make_data(case: Case, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Draw the data of a case, and the true means."""
    rng = np.random.default_rng(seed)
    k, d = case.n_components, case.n_features
    means = rng.normal(size=(k, d)) * 3
    labels = rng.integers(k, size=case.n_samples)
    factors = [np.tril(0.3 * rng.normal(size=(d, d))) + np.eye(d) for _ in range(k)]
    X = rng.normal(size=(case.n_samples, d))
    for j in range(k):
        X[labels == j] = means[j] + X[labels == j] @ factors[j].T
    return X, means


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds by the clock that some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
