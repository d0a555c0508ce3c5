"""One chain of the telescoping sampler, and what all chains share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.samplers.contract import Task
from gmm_bayes.samplers.gibbs.setup import Setup
from gmm_bayes.samplers.gibbs.sweep import (
    ConjugateModel,
    draw_empty_components,
    draw_shared_scatter,
)
from gmm_bayes.samplers.starts import random_start
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import Structure, get_structure
from gmm_bayes.space.unconstrained import UnconstrainedSpace
from gmm_bayes.unknown_k.component_density import half_trace, log_precision_density
from gmm_bayes.unknown_k.state import ScatterPrior, Telescope, TelescopeTrace, UnknownK
from gmm_bayes.unknown_k.task import UnknownKTask
from gmm_bayes.unknown_k.telescope import iterate

_ROWS_AT_ONCE = 100_000
"""Rows that the compiled loop visits before the chain looks whether it is to stop."""

_VALUES_AT_ONCE = 5_000_000
"""Values of components that it keeps at a time, unless one draw has more."""

_LARGEST_START = 10
"""Most components that a chain starts with, where the prior allows fewer."""


class Kept(NamedTuple):
    """Draws of one chain, one array after another for the components of each draw.

    Parameters
    ----------
    n_components, n_filled : ndarray of int, shape (S,)
    weights : ndarray of shape (T,)
    means : ndarray of shape (T, D)
    whiteners : ndarray of shape (T, D, D)
    allocations : ndarray of int, shape (A, N)
        Of evenly spaced draws.
    """

    n_components: IntArray
    n_filled: IntArray
    weights: FloatArray
    means: FloatArray
    whiteners: FloatArray
    allocations: NDArray[np.uint16]


@dataclass(frozen=True)
class SharedSetup:
    """What all chains share.

    Parameters
    ----------
    scaling : Scaling
    structure : Structure
    model : ConjugateModel
        Data and prior on the standardised scale; each chain has its own copy of `psi`.
    unknown : UnknownK
    hyper : ScatterPrior
    thin : int
        Sweeps for each draw.
    """

    scaling: Scaling
    structure: Structure
    model: ConjugateModel
    unknown: UnknownK
    hyper: ScatterPrior
    thin: int

    @classmethod
    def of(cls, task: UnknownKTask) -> SharedSetup:
        """Return the setup for a task, whose prior is one that the Gibbs sampler takes."""
        of_one = Setup.of(
            Task(
                X=task.X,
                n_components=1,
                prior=task.prior,
                draws=task.draws,
                tune=task.tune,
                chains=task.chains,
                cores=task.cores,
                seed=task.seed,
                progress=task.progress,
                covariance_type=task.covariance_type,
            ),
            task.prior,
        )
        structure = get_structure(task.covariance_type)
        data = DataScale.of(task.X, 1, structure, of_one.scaling)
        terms = [
            task.prior.terms(data._replace(n_components=k), structure)
            for k in range(1, task.max_components + 1)
        ]
        d = task.X.shape[1]
        psi = np.stack([np.asarray(term.covariance.psi, dtype=np.float64) for term in terms])
        powers = [term.shared_scale.power for term in terms if term.shared_scale is not None]
        # The model's scatter is the one that a chain is at. What is known of it is kept apart.
        model = of_one.model._replace(scale_power=0.0)
        follows_from_k = not powers and not (psi == psi[0]).all()
        unknown = UnknownK(
            log_prior=task.components_prior.truncated(task.max_components),
            dynamic=task.dynamic,
            psi=psi if follows_from_k else np.zeros((0, d, d)),
            covariance_constant=_constants(model, psi) if follows_from_k else np.zeros(0),
        )
        hyper = ScatterPrior(np.array(powers), of_one.model.psi.copy())
        return cls(of_one.scaling, structure, model, unknown, hyper, task.thin)

    def start(self, rng: np.random.Generator) -> tuple[ConjugateModel, Telescope]:
        """Return a chain's own copy of the model, and a random plausible state.

        The number of components is one that the prior allows, at random, and small if possible.
        """
        model = self.model._replace(psi=self.model.psi.copy())
        largest, d = self.unknown.log_prior.size, self.scaling.loc.size
        n_rows = model.data.shape[1]
        allowed = np.flatnonzero(np.isfinite(self.unknown.log_prior)) + 1
        few = allowed[allowed <= min(_LARGEST_START, n_rows)]
        n = int(rng.choice(few)) if few.size else int(allowed[0])
        if self.unknown.psi.shape[0] > 0:
            model.psi[:] = self.unknown.psi[n - 1]
        n_found = min(n, n_rows)
        vector = random_start(np.ascontiguousarray(model.data.T), n_found, rng, self.structure)
        space = UnconstrainedSpace(n_found, d, self.structure)
        weights, means, covariances = space.to_mixtures(vector)
        state = Telescope(
            n_components=np.array([n, n_found], dtype=np.int64),
            weights=np.full(largest, 1.0 / n),
            means=np.zeros((largest, d)),
            whiteners=np.zeros((largest, d, d)),
            allocations=np.zeros(n_rows, dtype=np.int64),
            places=np.arange(largest, dtype=np.int64),
        )
        state.weights[:n_found] = weights * n_found / n
        state.means[:n_found] = means
        state.whiteners[:n_found] = np.linalg.inv(np.linalg.cholesky(covariances))
        if self.hyper.power.size:
            n_covariances = 1 if model.shared else n_found
            power = float(self.hyper.power[n_covariances - 1])
            draw_shared_scatter(
                rng, model, power, self.hyper.rate, state.whiteners, n_covariances, model.psi
            )
        draw_empty_components(rng, model, n_found, state.means[:n], state.whiteners[:n])
        return model, state


@dataclass
class TelescopingChain:
    """One chain: where it is, how far it is, and what it has kept.

    Parameters
    ----------
    setup : SharedSetup
    seed : numpy.random.SeedSequence
    every : int
        Of this many kept draws, one has its allocations kept, the first of all being the first.

    Attributes
    ----------
    done : int
        Draws so far, those of the tuning included.
    """

    setup: SharedSetup
    seed: np.random.SeedSequence
    every: int
    done: int = 0
    rng: np.random.Generator = field(init=False)
    model: ConjugateModel = field(init=False)
    state: Telescope = field(init=False)
    _kept: list[Kept] = field(init=False, default_factory=list)

    @property
    def kept(self) -> int:
        """Kept draws so far."""
        return sum(len(part.n_components) for part in self._kept)

    def begin(self, stop: threading.Event) -> None:
        """Find a start."""
        self.rng = np.random.default_rng(self.seed)
        self.model, self.state = self.setup.start(self.rng)

    def run(self, n: int, *, keep: bool, stop: threading.Event) -> None:
        """Make `n` draws, unless stopped before."""
        n_rows = self.model.data.shape[1]
        largest, d = self.state.means.shape
        at_once = min(
            _ROWS_AT_ONCE // (n_rows * self.setup.thin), _VALUES_AT_ONCE // (largest * (d + 1) ** 2)
        )
        at_once = max(1, at_once)
        trace = self._trace(min(at_once, n), n_rows)
        for start in range(0, n, at_once):
            if stop.is_set():
                return
            part = trace.first(min(at_once, n - start))
            setup = self.setup
            iterate(self.rng, self.model, setup.unknown, setup.hyper, self.state, part, setup.thin)
            self.done += len(part.n_components)
            if keep:
                self._kept.append(_packed(part, self.kept, self.every))

    def draws(self, n: int) -> Kept:
        """Return the first `n` kept draws."""
        joined = Kept(*(np.concatenate(values) for values in zip(*self._kept, strict=True)))
        end = joined.n_components[:n].sum()
        return Kept(
            joined.n_components[:n],
            joined.n_filled[:n],
            joined.weights[:end],
            joined.means[:end],
            joined.whiteners[:end],
            joined.allocations[: -(-n // self.every)],
        )

    def _trace(self, n: int, n_rows: int) -> TelescopeTrace:
        """Return a trace of `n` draws whose values are not set."""
        largest, d = self.state.means.shape
        return TelescopeTrace(
            n_components=np.empty(n, dtype=np.int64),
            n_filled=np.empty(n, dtype=np.int64),
            weights=np.empty((n, largest)),
            means=np.empty((n, largest, d)),
            whiteners=np.zeros((n, largest, d, d)),
            allocations=np.empty((n, n_rows), dtype=np.uint16),
        )


def _constants(model: ConjugateModel, psi: FloatArray) -> FloatArray:
    """Return the log constants (M,) of a covariance's prior density for each scatter (M, D, D)."""
    unit = np.eye(psi.shape[1])
    return np.array(
        [
            log_precision_density(model, 0.0, scatter.copy(), unit) + half_trace(scatter, unit)
            for scatter in psi
        ]
    )


def _packed(trace: TelescopeTrace, n_before: int, every: int) -> Kept:
    """Return copies of the components that are there, and of some draws' allocations."""
    there = np.arange(trace.weights.shape[1]) < trace.n_components[:, None]
    return Kept(
        trace.n_components.copy(),
        trace.n_filled.copy(),
        trace.weights[there],
        trace.means[there],
        trace.whiteners[there],
        trace.allocations[-n_before % every :: every].copy(),
    )
