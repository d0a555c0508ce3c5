"""The closed-form density as a PyMC model, which PyMC's algorithms take without compiling it.

PyMC's variational inference and sequential Monte Carlo call a model's density through functions
that PyTensor compiles. For the graph of :func:`gmm_bayes.build_model` that takes up to a minute or
more on a new machine. Here the whole density is one node of the graph, which calls the compiled
:class:`gmm_bayes.density.log_posterior.LogPosterior`; the few nodes around it are interpreted.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior

MODE = Mode(linker="py", optimizer="fast_compile")
"""No C, no numba: a graph of a few nodes costs less to interpret than to compile."""


class PosteriorNode(Op):  # type: ignore[misc]  # PyTensor has no types
    """Log posterior densities (n,) and their gradients (n, size) at rows of unconstrained vectors.

    Parameters
    ----------
    target : LogPosterior
    origin : ndarray of shape (size,)
    scale : ndarray of shape (size, size)
        The rows are ``eta`` in ``theta = origin + scale @ eta``.
    """

    def __init__(self, target: LogPosterior, origin: FloatArray, scale: FloatArray) -> None:
        self.target, self.origin, self.scale = target, origin, scale

    def make_node(self, eta: Any) -> Apply:
        """Return the node that applies the density to `eta`."""
        eta = pt.as_tensor(eta)
        return Apply(self, [eta], [pt.dvector(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the density row by row."""
        thetas = self.origin + inputs[0] @ self.scale.T
        pairs = [self.target(theta) for theta in thetas]
        output_storage[0][0] = np.array([value for value, _ in pairs])
        output_storage[1][0] = np.stack([slope for _, slope in pairs]) @ self.scale

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the gradient with respect to `eta`."""
        return [cotangents[0][:, None] * outputs[1]]


class LogPriorNode(Op):  # type: ignore[misc]  # PyTensor has no types
    """The log prior density at one unconstrained vector."""

    def __init__(self, target: LogPosterior) -> None:
        self.target = target

    def make_node(self, theta: Any) -> Apply:
        """Return the node that applies the density to `theta`."""
        return Apply(self, [pt.as_tensor(theta)], [pt.dscalar()])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the density."""
        output_storage[0][0] = np.asarray(self.target.log_prior(inputs[0]))


class LogLikelihoodNode(LogPriorNode):
    """The log-likelihood of the data at one unconstrained vector."""

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate the density."""
        posterior, prior = self.target(inputs[0])[0], self.target.log_prior(inputs[0])
        # Off the support both are -inf, and the prior says so.
        output_storage[0][0] = np.asarray(posterior - prior if np.isfinite(prior) else 0.0)


def prior_and_likelihood(target: LogPosterior) -> pm.Model:
    """Return a model of ``theta`` (size,) whose prior and likelihood can be told apart."""
    size = target.space.size
    node = LogPriorNode(target)
    with pm.Model() as model:
        theta = pm.CustomDist(
            "theta",
            np.zeros(size),  # gives the shape, and is otherwise unused
            logp=lambda value, _: node(value),
            signature="(d)->(d)",
            initval=np.zeros(size),
        )
        pm.Potential("log_likelihood", LogLikelihoodNode(target)(theta))
    return model


def whitened_posterior(target: LogPosterior, origin: FloatArray, factor: FloatArray) -> pm.Model:
    """Return a model of ``eta`` (size,) whose density is that of ``origin + factor @ eta``.

    But for a constant, the log determinant of `factor` (size, size).
    """
    with pm.Model() as model:
        eta = pm.Flat("eta", shape=(target.space.size,))
        pm.Potential("log_posterior", PosteriorNode(target, origin, factor)(eta[None, :])[0][0])
    return model


@contextmanager
def interpreting() -> Iterator[None]:
    """Interpret every graph that is compiled in the block, and silence PyMC's warnings.

    :mod:`gmm_bayes.evaluation.diagnostics` judges convergence instead, on aligned draws.
    """
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), pytensor.config.change_flags(mode=MODE):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
