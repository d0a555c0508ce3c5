"""The nodes that the PyMC model's graph consists of: few, because each costs time to compile.

PyTensor compiles every node of a graph before PyMC's first draw. So the model's densities are nodes
that call the compiled :mod:`gmm_bayes.density.packed`, with their slopes in closed form.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import (
    generate_fallback_impl,
    numba_funcify,
    register_funcify_default_op_cache_key,
)

from gmm_bayes.core import jit
from gmm_bayes.core.jit import njit
from gmm_bayes.density.loading import (
    Needs,
    load_density,
    packed_decomposed_mixture,
    packed_mixture,
)
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import (
    AT_LAST_LENGTH,
    AT_SIZE,
    DECOMPOSED,
    N_SIZES,
    weighted_log_density,
)
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.pymc_model.symbolic import mixture_of
from gmm_bayes.space.spaces import Space


class DrawNode(Op):  # type: ignore[misc]  # PyTensor has no types
    """One unconstrained vector (size,) from the prior, for a seed. The interpreter draws it."""

    def __init__(self, target: LogPosterior) -> None:
        self.target = target

    def make_node(self, seed: Any) -> Apply:
        """Return the node that draws for `seed`."""
        return Apply(self, [seed], [pt.tensor(dtype="float64", shape=(self.target.space.size,))])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Draw from the prior."""
        rng = np.random.default_rng(np.random.SeedSequence(int(inputs[0])))
        output_storage[0][0] = prior_vectors(self.target, 1, rng)[0]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that a draw has no slope."""
        return [[False]]


class MixtureNode(Op):  # type: ignore[misc]  # PyTensor has no types
    """From an unconstrained vector to weights, means and covariances on the standardised scale."""

    __props__ = ("space",)

    def __init__(self, space: Space) -> None:
        self.space = space

    def make_node(self, theta: Any, packed: Any) -> Apply:
        """Return the node that maps `theta`; `packed` tells it the sizes."""
        k, d = self.space.n_components, self.space.n_features
        shapes = [(k,), (k, d), (k, d, d)]
        outputs = [pt.tensor(dtype="float64", shape=shape) for shape in shapes]
        return Apply(self, [theta, packed], outputs)

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Map the vector."""
        for storage, value in zip(output_storage, _mixture_of(self.space)(*inputs), strict=True):
            storage[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that all outputs have a slope in the vector."""
        return [[True] * 3, [False] * 3]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the slope in the vector, from the same map in PyTensor's own nodes.

        They are part of a graph only where a model adds something about the mixture's parameters.
        """
        mapped = mixture_of(self.space, inputs[0])
        cost = sum(
            (output * cotangent).sum()
            for output, cotangent in zip(mapped, cotangents, strict=True)
            if not isinstance(cotangent.type, DisconnectedType)
        )
        slope = pt.grad(cost, inputs[0], consider_constant=list(cotangents))
        return [slope, DisconnectedType()()]


class DensityNode(Op):  # type: ignore[misc]  # PyTensor has no types
    """A node that calls a compiled density.

    Parameters
    ----------
    needs : Needs
        What of the compiled code the density needs.
    """

    __props__ = ("needs",)

    def __init__(self, needs: Needs) -> None:
        self.needs = needs


class PriorNode(DensityNode):
    """The log prior density at an unconstrained vector, and its slope (size,)."""

    def make_node(self, theta: Any, packed: Any) -> Apply:
        """Return the node that reads `packed`."""
        return Apply(self, [theta, packed], [pt.dscalar(), pt.dvector()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the density."""
        load_density(self.needs)
        output_storage[0][0], output_storage[1][0] = _prior(*inputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that the value has a slope in the vector."""
        return [[True, False], [False, False]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the slope in the vector."""
        return [cotangents[0] * outputs[1], DisconnectedType()()]


class RowsNode(DensityNode):
    """Log densities (N,) of rows (N, D) in their own units."""

    def make_node(self, theta: Any, X: Any, packed: Any, loc: Any, scale: Any) -> Apply:
        """Return the node for the mixture of `theta` on the scale of the standardised rows."""
        return Apply(self, [theta, X, packed, loc, scale], [pt.dvector()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the densities."""
        load_density(self.needs)
        output_storage[0][0] = _rows(*inputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that the densities have slopes in the vector."""
        return [[True], [False], [False], [False], [False]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the slope in the vector."""
        slope = RowsSlopeNode(self.needs)(*inputs, cotangents[0])
        return [slope, *(DisconnectedType()() for _ in inputs[1:])]


class RowsSlopeNode(DensityNode):
    """The slope (size,) of a weighted sum of the rows' log densities."""

    def make_node(self, *inputs: Any) -> Apply:
        """Return the node for the inputs of a :class:`RowsNode` and the rows' weights (N,)."""
        return Apply(self, list(inputs), [inputs[0].type()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the slope."""
        load_density(self.needs)
        output_storage[0][0] = _rows_slope(*inputs)


# What the nodes call ------------------------------------------------------------------------------


@njit()
def _prior(theta, packed):  # type: ignore[no-untyped-def]
    """Return the log density and its slope."""
    gradient = np.empty(theta.shape[0])
    vector, data = np.ascontiguousarray(theta), np.ascontiguousarray(packed)
    none = np.empty(0)
    value = weighted_log_density(vector, data, gradient, none, none)
    return np.asarray(value), gradient


@njit()
def _mixture(theta, packed):  # type: ignore[no-untyped-def]
    """Return weights, means and covariances."""
    return packed_mixture(np.ascontiguousarray(theta), np.ascontiguousarray(packed))


@njit()
def _decomposed_mixture(theta, packed):  # type: ignore[no-untyped-def]
    """Return weights, means and covariances that share volume, shape or orientation."""
    return packed_decomposed_mixture(np.ascontiguousarray(theta), np.ascontiguousarray(packed))


def _mixture_of(space: Space) -> Any:
    """Return the compiled function for the mixtures of a space."""
    return _decomposed_mixture if space.structure.decomposed else _mixture


@njit()
def _flat(X, packed, loc, scale):  # type: ignore[no-untyped-def]
    """Return what the density reads for the rows `X` and a prior that is flat."""
    n_samples, n_features = X.shape
    n_head = packed.shape[0]
    data = np.zeros(n_head + n_samples * n_features)
    data[0] = n_samples
    for i in range(1, N_SIZES):
        data[i] = packed[i]
    data[AT_SIZE] = data.shape[0]
    if packed[2] == DECOMPOSED:
        # Of such covariances the prior's last array says what they consist of.
        for i in range(n_head - int(packed[AT_LAST_LENGTH]), n_head):
            data[i] = packed[i]
    for d in range(n_features):
        for i in range(n_samples):
            data[n_head + d * n_samples + i] = (X[i, d] - loc[d]) / scale[d]
    return data


@njit()
def _rows(theta, X, packed, loc, scale):  # type: ignore[no-untyped-def]
    """Return the rows' log densities, -inf where the covariances are off the support."""
    n = X.shape[0]
    rows, gradient = np.full(n, -np.inf), np.empty(theta.shape[0])
    data = _flat(X, packed, loc, scale)
    weighted_log_density(np.ascontiguousarray(theta), data, gradient, np.zeros(n), rows)
    constant = -0.5 * scale.shape[0] * math.log(2.0 * math.pi)
    for d in range(scale.shape[0]):
        constant -= math.log(scale[d])
    return rows + constant


@njit()
def _rows_slope(theta, X, packed, loc, scale, weights):  # type: ignore[no-untyped-def]
    """Return the slope of the weighted sum."""
    gradient, rows = np.empty(theta.shape[0]), np.empty(X.shape[0])
    data = _flat(X, packed, loc, scale)
    by_row = np.ascontiguousarray(weights)
    weighted_log_density(np.ascontiguousarray(theta), data, gradient, by_row, rows)
    return gradient


def _compiled(op_type: type, function: Callable[[Any], Any]) -> None:
    """Let PyTensor's compiled code call for a node what `function` returns for its operation.

    PyTensor keeps machine code on disk, and would take that of another version of this package for
    its own. So the key of what it keeps has a number that depends on the package's sources.
    """

    @register_funcify_default_op_cache_key(op_type)  # type: ignore[untyped-decorator]
    def funcify(op: Op, **_: Any) -> Any:
        return function(op), int(jit.SOURCES, 16)


def _with_density(function: Any) -> Callable[[DensityNode], Any]:
    """Return what gives `function` for a node, whose density it loads before."""

    def loaded(op: DensityNode) -> Any:
        load_density(op.needs)
        return function

    return loaded


_compiled(MixtureNode, lambda op: _mixture_of(op.space))
_compiled(PriorNode, _with_density(_prior))
_compiled(RowsNode, _with_density(_rows))
_compiled(RowsSlopeNode, _with_density(_rows_slope))


@numba_funcify.register(DrawNode)  # type: ignore[untyped-decorator]
def _left_to_the_interpreter(op: Op, node: Any = None, **options: Any) -> Any:
    """Do what PyTensor does for a node that it cannot compile, without its warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba will use object mode")
        return generate_fallback_impl(op, node, **options)
