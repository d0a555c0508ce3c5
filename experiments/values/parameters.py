"""Weights, means and covariances side by side: estimates, errors and bounds have this one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from experiments.core.types import FloatArray
from gmm_em.covariance.registry import get_structure


class HasParameters(Protocol):
    """A mixture, or numbers laid out like one."""

    @property
    def weights(self) -> FloatArray:
        """Of shape (..., K)."""

    @property
    def means(self) -> FloatArray:
        """Of shape (..., K, D)."""

    @property
    def covariances(self) -> FloatArray:
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

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

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


@dataclass(frozen=True)
class Layout:
    """Which parameters of a mixture are free, and their names, by covariance structure.

    A structural zero is no parameter, and a number that several entries share is one parameter,
    named by the first of them.

    Attributes
    ----------
    n_components, n_features : int
    covariance_type : {"full", "tied", "diag", "spherical"}
    """

    n_components: int
    n_features: int
    covariance_type: str = "full"

    @property
    def shared(self) -> bool:
        """Whether all components have one covariance."""
        return self.n_components > 1 and self._count(self.n_components) == self._count(1)

    def _count(self, n_components: int) -> int:
        return get_structure(self.covariance_type).n_parameters(n_components, self.n_features)

    @property
    def _entries(self) -> list[tuple[int, int, int]]:
        """Component, row and column of every covariance parameter."""
        rows, columns = np.tril_indices(self.n_features)
        basis = get_structure(self.covariance_type).basis(self.n_features)
        firsts = [int(np.flatnonzero(column)[0]) for column in basis.T]
        components = range(1 if self.shared else self.n_components)
        return [(k, int(rows[at]), int(columns[at])) for k in components for at in firsts]

    @property
    def names(self) -> list[str]:
        """Names as in `Parameters.free`, those of the free entries alone; every weight counts."""
        weights = [f"weight[{k + 1}]" for k in range(self.n_components)]
        means = [
            f"mean[{k + 1}, {i + 1}]"
            for k in range(self.n_components)
            for i in range(self.n_features)
        ]
        covariances = [f"covariance[{k + 1}, {i + 1}, {j + 1}]" for k, i, j in self._entries]
        return [*weights, *means, *covariances]

    @property
    def n_free(self) -> int:
        """Number of free parameters: the last of several weights is what the others leave."""
        return len(self.names) - 1

    def values(self, parameters: Parameters) -> FloatArray:
        """Lay the values of `names` side by side; shape (..., number of names)."""
        weights, means, covariances = parameters
        k, i, j = np.array(self._entries).T
        batch = weights.shape[:-1]
        return np.concatenate(
            [weights, means.reshape(*batch, -1), covariances[..., k, i, j]], axis=-1
        )

    def independent(self, parameters: Parameters) -> FloatArray:
        """Return the same without the last weight; shape (..., `n_free`)."""
        return np.delete(self.values(parameters), self.n_components - 1, axis=-1)

    def by_name(self, parameters: Parameters) -> dict[str, float]:
        """Return one value under each of `names`."""
        return dict(zip(self.names, self.values(parameters).tolist(), strict=True))

    def fits(self, covariances: FloatArray) -> bool:
        """Whether some covariances of shape (K, D, D) have this structure, up to rounding."""
        structure = get_structure(self.covariance_type)
        rebuilt = structure.expand(structure.compact(covariances), *covariances.shape[:2])
        return bool(np.allclose(rebuilt, covariances, rtol=1e-9, atol=0.0))

    def label(self, name: str, feature_names: Sequence[str]) -> str:
        """Write a name for people: ``mean[1, 2]`` as ``1, waiting``."""
        component, *features = parameter_label(name, feature_names).split(", ", 1)
        if name.startswith("covariance"):
            component = "all" if self.shared else component
            if self.covariance_type == "spherical" and self.n_features > 1:
                features = ["every feature"]
        return ", ".join([component, *features])


def combine(function: Callable[..., FloatArray], *sets: Parameters) -> Parameters:
    """Apply a function to the weights, the means and the covariances of several sets."""
    return Parameters(*(function(*values) for values in zip(*sets, strict=True)))


def parameter_label(name: str, feature_names: Sequence[str]) -> str:
    """Write ``mean[1, 2]``, a name of `Parameters.free`, with its feature: ``1, waiting``."""
    component, *features = name.partition("[")[2].removesuffix("]").split(", ")
    return ", ".join([component, *(feature_names[int(i) - 1] for i in features)])
