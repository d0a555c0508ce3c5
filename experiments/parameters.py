"""Weights, means and covariances side by side: estimates, errors and bounds have this one shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class HasParameters(Protocol):
    """A mixture, or numbers laid out like one."""

    @property
    def weights(self) -> Floats:
        """Of shape (..., K)."""

    @property
    def means(self) -> Floats:
        """Of shape (..., K, D)."""

    @property
    def covariances(self) -> Floats:
        """Of shape (..., K, D, D)."""


class Parameters(NamedTuple):
    """One number for every parameter of a mixture.

    Unlike a `Mixture` these need not be a valid distribution: they hold standard errors, bounds
    of intervals and z-scores as well as estimates.

    Attributes
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    covariances : ndarray of shape (K, D, D)
    """

    weights: Floats
    means: Floats
    covariances: Floats

    @classmethod
    def of(cls, values: HasParameters) -> Self:
        """Take the arrays of anything that has them: a mixture, its errors, many draws."""
        return cls(values.weights, values.means, values.covariances)

    def permute(self, order: Sequence[int]) -> Parameters:
        """Reorder the components: component ``i`` of the result is ``order[i]`` of this."""
        index = np.asarray(order, dtype=np.intp)
        return combine(lambda values: values[index], self)

    def free(self) -> Iterator[tuple[str, float]]:
        """Yield name and value of each entry once: of a covariance the lower triangle.

        Components and features are counted from 1: ``weight[1]``, ``mean[1, 2]``,
        ``covariance[1, 2, 1]``.
        """
        for k, weight in enumerate(self.weights, start=1):
            yield f"weight[{k}]", float(weight)
        for k, mean in enumerate(self.means, start=1):
            for i, value in enumerate(mean, start=1):
                yield f"mean[{k}, {i}]", float(value)
        for k, covariance in enumerate(self.covariances, start=1):
            for i, row in enumerate(covariance, start=1):
                for j, value in enumerate(row[:i], start=1):
                    yield f"covariance[{k}, {i}, {j}]", float(value)

    def to_lists(self) -> dict[str, Any]:
        """Return plain nested lists."""
        return {name: values.tolist() for name, values in self._asdict().items()}


def combine(function: Callable[..., Floats], *sets: Parameters) -> Parameters:
    """Apply a function to the weights, the means and the covariances of several sets."""
    return Parameters(*(function(*values) for values in zip(*sets, strict=True)))


def parameter_label(name: str, feature_names: Sequence[str]) -> str:
    """Write ``mean[1, 2]``, a name of `Parameters.free`, with its feature: ``1, waiting``."""
    component, *features = name.partition("[")[2].removesuffix("]").split(", ")
    return ", ".join([component, *(feature_names[int(i) - 1] for i in features)])


def with_uncertainty(value: float, uncertainty: float) -> str:
    """Write a value and its uncertainty, both to the uncertainty's second significant digit."""
    shown = in_digits_of(uncertainty, value)
    return f"{shown} ± {in_digits_of(uncertainty, uncertainty)}"


def in_digits_of(uncertainty: float, value: float) -> str:
    """Write a value to the second significant digit of its uncertainty."""
    decimals = 3 if not uncertainty > 0 else min(12, 1 - math.floor(math.log10(uncertainty)))
    return f"{round(value, decimals):.{max(0, decimals)}f}"
