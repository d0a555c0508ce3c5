"""Weights, means and covariances side by side: estimates, errors and bounds have this one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np

from experiments.core.types import FloatArray
from gmm_em.parameter_names import HasParameters, ParameterLayout, ParameterName


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

    def to_lists(self) -> dict[str, Any]:
        """Return plain nested lists."""
        return {name: values.tolist() for name, values in self._asdict().items()}


def combine(function: Callable[..., FloatArray], *sets: Parameters) -> Parameters:
    """Apply a function to the weights, the means and the covariances of several sets."""
    return Parameters(*(function(*values) for values in zip(*sets, strict=True)))


def by_name(layout: ParameterLayout, parameters: HasParameters) -> dict[str, float]:
    """Return the value of each of a layout's parameters under its machine name."""
    names = map(str, layout.names)
    return dict(zip(names, layout.values(parameters).tolist(), strict=True))


def full_label(
    layout: ParameterLayout, name: ParameterName | str, feature_names: Sequence[str] | None = None
) -> str:
    """Write a parameter's name for people: ``mean[1, 2]`` as ``mean 1, waiting``.

    The tables, the figures and the verdict call a parameter by this name.

    Parameters
    ----------
    layout : ParameterLayout
        Of the mixture that the parameter belongs to.
    name : ParameterName or str
        One of the layout's names, or the machine name of one, as files hold it.
    feature_names : sequence of str, optional
        By default ``x1``, ``x2``, ...
    """
    found = _by_machine_name(layout)[name] if isinstance(name, str) else name
    return f"{found.kind} {layout.label(found, feature_names)}"


@lru_cache(maxsize=8)
def _by_machine_name(layout: ParameterLayout) -> dict[str, ParameterName]:
    return {str(name): name for name in layout.names}
