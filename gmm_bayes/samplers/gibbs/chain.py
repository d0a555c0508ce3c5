"""One chain of the Gibbs sampler."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gmm_bayes.samplers.gibbs.adaptation import NormalAtMode, no_moves, normal_at_mode
from gmm_bayes.samplers.gibbs.moves import Moves, Trace, iterate, new_trace
from gmm_bayes.samplers.gibbs.setup import Setup
from gmm_bayes.samplers.gibbs.sweep import State

_ROWS_AT_ONCE = 100_000
"""Rows that the compiled loop visits before the chain looks whether it is to stop."""


@dataclass
class Chain:
    """One chain: where it is, how it moves, how far it is, and what it has kept.

    Parameters
    ----------
    setup : Setup
    seed : numpy.random.SeedSequence
    n_kept : int
        Iterations to keep.

    Attributes
    ----------
    trace : Trace
        Of the kept iterations; the first `kept` rows are filled.
    kept : int
        Kept iterations so far.
    done : int
        Iterations so far, tuning included.
    """

    setup: Setup
    seed: np.random.SeedSequence
    n_kept: int
    done: int = 0
    kept: int = 0
    trace: Trace = field(init=False)
    rng: np.random.Generator = field(init=False)
    state: State = field(init=False)
    moves: Moves = field(init=False)

    def __post_init__(self) -> None:
        self.trace = self._new_trace(self.n_kept)

    def begin(self, stop: threading.Event) -> None:
        """Find a start."""
        self.rng = np.random.default_rng(self.seed)
        self.state = self.setup.start(self.rng)
        self.moves = no_moves(self.setup.coordinates)

    def climb(self, stop: threading.Event) -> NormalAtMode:
        """Return the normal distribution at the mode that a climb from here reaches."""
        return normal_at_mode(self.setup.model, self.setup.coordinates, self.state)

    def tune(self, n: int, stop: threading.Event) -> Trace:
        """Run `n` iterations and return what happened."""
        trace = self._new_trace(n)
        for n_made in self._iterate(trace, stop):
            self.done += n_made
        return trace

    def draw(self, stop: threading.Event) -> None:
        """Run the iterations that are kept."""
        for n_made in self._iterate(self.trace, stop):
            self.done += n_made
            self.kept += n_made

    def _new_trace(self, n: int) -> Trace:
        """Return a trace of `n` iterations whose values are not set."""
        return new_trace(n, self.setup.coordinates.size, self.setup.coordinates.n_components)

    def _iterate(self, trace: Trace, stop: threading.Event) -> Iterator[int]:
        """Fill the trace, yielding the number of iterations made at a time."""
        model, total = self.setup.model, len(trace.n_empty)
        at_once = max(1, _ROWS_AT_ONCE // model.n_rows)
        for start in range(0, total, at_once):
            if stop.is_set():
                return
            end = min(start + at_once, total)
            iterate(self.rng, model, self.state, self.moves, trace.rows(start, end))
            yield end - start
