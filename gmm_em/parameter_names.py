"""The parameters of a mixture in one named order, and how to write their names.

A parameter has a machine name, which stands in files and never changes: ``weight[1]``,
``mean[1, 2]``, ``covariance[1, 2, 1]``. Components and features are counted from 1 there. It also
has a label for people, in which features have their names: ``1, waiting``. Code passes
`ParameterName` values around, so that no name ever has to be taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure

Kind = Literal["weight", "mean", "covariance"]

_ARRAYS: dict[Kind, str] = {"weight": "weights", "mean": "means", "covariance": "covariances"}


class HasParameters(Protocol):
    """A mixture, or numbers that are laid out like one: errors, interval ends, many draws."""

    @property
    def weights(self) -> FloatArray:
        """Of shape (..., K)."""

    @property
    def means(self) -> FloatArray:
        """Of shape (..., K, D)."""

    @property
    def covariances(self) -> FloatArray:
        """Of shape (..., K, D, D)."""


@dataclass(frozen=True, order=True)
class ParameterName:
    """The name of one number among a mixture's parameters.

    Attributes
    ----------
    kind : {"weight", "mean", "covariance"}
    component : int
        Counted from 0.
    features : tuple of int
        Counted from 0: none for a weight, one for a mean, row and column for a covariance.
    """

    kind: Kind
    component: int
    features: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the machine name, such as ``mean[1, 2]``; it counts from 1."""
        return f"{self.kind}[{', '.join(str(i + 1) for i in self.index)}]"

    @property
    def array(self) -> str:
        """Name of the array that holds the number: ``weights``, ``means`` or ``covariances``."""
        return _ARRAYS[self.kind]

    @property
    def index(self) -> tuple[int, ...]:
        """Where the number stands in that array, after any leading dimensions."""
        return (self.component, *self.features)

    def of_component(self, component: int) -> ParameterName:
        """Return the name of the same parameter of another component, counted from 0."""
        return replace(self, component=component)

    def value(self, parameters: HasParameters) -> Any:
        """Return the number, or one for each of the leading dimensions, shape (...)."""
        return getattr(parameters, self.array)[(..., *self.index)]


def all_names(n_components: int, n_features: int) -> Iterator[ParameterName]:
    """Yield the names of all entries: weights, means, and lower triangles of the covariances.

    Parameters
    ----------
    n_components, n_features : int
        K and D.

    Yields
    ------
    ParameterName
        Weights by component; means by component, then feature; covariances by component, then
        row, then column, with column <= row.
    """
    yield from _weights_and_means(n_components, n_features)
    for k in range(n_components):
        for i in range(n_features):
            for j in range(i + 1):
                yield ParameterName("covariance", k, (i, j))


def _weights_and_means(n_components: int, n_features: int) -> Iterator[ParameterName]:
    for k in range(n_components):
        yield ParameterName("weight", k)
    for k in range(n_components):
        for i in range(n_features):
            yield ParameterName("mean", k, (i,))


@dataclass(frozen=True)
class ParameterLayout:
    """The free parameters of a mixture with one covariance structure, in one order.

    An entry that the structure fixes at zero is no parameter. A number that several entries have
    in common is one parameter, and has the name of the first of them.

    Attributes
    ----------
    n_components, n_features : int
        K and D.
    covariance_type : str or CovarianceStructure
        By default "full".
    """

    n_components: int
    n_features: int
    covariance_type: str | CovarianceStructure = "full"

    @property
    def shared(self) -> bool:
        """Whether several components have one covariance matrix in common."""
        count = get_structure(self.covariance_type).n_parameters
        one, all_of_them = count(1, self.n_features), count(self.n_components, self.n_features)
        return self.n_components > 1 and one == all_of_them

    @cached_property
    def names(self) -> tuple[ParameterName, ...]:
        """Names of the parameters, in the order of `all_names`; every weight is among them."""
        components = range(1 if self.shared else self.n_components)
        covariances = (
            ParameterName("covariance", k, entries[0])
            for k in components
            for entries in self._entries
        )
        return (*_weights_and_means(self.n_components, self.n_features), *covariances)

    @cached_property
    def _entries(self) -> list[list[tuple[int, int]]]:
        """For each free number of a covariance matrix, the rows and columns where it stands."""
        rows, columns = np.tril_indices(self.n_features)
        basis = get_structure(self.covariance_type).basis(self.n_features)
        places = [np.flatnonzero(coordinate) for coordinate in basis.T]
        return [[(int(rows[at]), int(columns[at])) for at in place] for place in places]

    @property
    def n_free(self) -> int:
        """Number of free parameters: the last weight is what the others leave.

        A structure whose entries are not linear in what it leaves free has more names.
        """
        k, d = self.n_components, self.n_features
        return k - 1 + k * d + get_structure(self.covariance_type).n_parameters(k, d)

    def values(self, parameters: HasParameters) -> FloatArray:
        """Lay the values of `names` side by side.

        Parameters
        ----------
        parameters : Mixture, or numbers laid out like one
            Leading dimensions, such as those of many draws, are kept.

        Returns
        -------
        ndarray, shape (..., number of names)
        """
        weights, means, covariances = (getattr(parameters, name) for name in _ARRAYS.values())
        index = [name.index for name in self.names if name.kind == "covariance"]
        k, i, j = np.array(index, dtype=np.intp).T
        flat_means = means.reshape(*means.shape[:-2], -1)
        return np.concatenate([weights, flat_means, covariances[..., k, i, j]], axis=-1)

    def label(self, name: ParameterName, feature_names: Sequence[str] | None = None) -> str:
        """Write a name for people, without its kind: ``mean[1, 2]`` as ``1, waiting``.

        Parameters
        ----------
        name : ParameterName
        feature_names : sequence of str, optional
            Of length D; by default ``x1``, ``x2``, ...

        Returns
        -------
        str
            The component, counted from 1, then the features. The component is ``all`` for a
            covariance that all components share; ``every feature`` stands for the features where
            one number is the variance of all of them.
        """
        component = str(name.component + 1)
        features = [feature_names[i] if feature_names else f"x{i + 1}" for i in name.features]
        if name.kind == "covariance":
            component = "all" if self.shared else component
            if any(len(places) > 1 and name.features in places for places in self._entries):
                features = ["every feature"]
        return ", ".join([component, *features])
