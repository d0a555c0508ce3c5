"""One chain of the Gibbs sampler, and the crew that runs all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.priors.niw import NIWPrior
from gmm_bayes.samplers.gibbs.coordinates import Coordinates, prior_powers
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import get_structure
from gmm_bayes.space.unconstrained import UnconstrainedSpace

if TYPE_CHECKING:
    from gmm_bayes.samplers.contract import Task
    from gmm_bayes.samplers.gibbs.adaptation import Laplace
    from gmm_bayes.samplers.gibbs.moves import Moves
    from gmm_bayes.samplers.gibbs.sweep import Model, State
from gmm_bayes.core.types import FloatArray

T = TypeVar("T")


_ROWS_AT_ONCE = 100_000  # rows visited between looks at whether to stop


_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Problem:
    """What all chains share."""

    scaling: Scaling
    coordinates: Coordinates
    model: Model

    @classmethod
    def of(cls, task: Task, prior: NIWPrior) -> Problem:
        """Set up what the task and its prior fix once."""
        from gmm_bayes.samplers.gibbs.sweep import Model

        structure = get_structure(task.covariance_type)
        scaling = Scaling.from_data(task.X, structure)
        terms = prior.terms(scaling.loc, scaling.scale, structure)
        d = task.X.shape[1]
        dof = prior.standardised(scaling.loc, scaling.scale)[2] - d + 1.0
        model = Model(
            data=np.ascontiguousarray(scaling.standardise(task.X).T),
            concentration=prior.concentration,
            mean_loc=np.ascontiguousarray(terms.mean.loc, dtype=np.float64),
            kappa=terms.mean.kappa,
            dof=dof,
            psi=np.ascontiguousarray(terms.covariance.psi, dtype=np.float64),
            powers=prior_powers(structure, dof, d),
            shared=structure.shared,
            correlated=structure.correlated,
            isotropic=structure.isotropic,
        )
        return cls(scaling, Coordinates(task.n_components, d, structure), model)

    def start(self, rng: np.random.Generator) -> State:
        """Return a random plausible state."""
        from gmm_bayes.samplers.gibbs.sweep import State
        from gmm_bayes.samplers.starts import random_start

        k, d, structure = (
            self.coordinates.n_components, self.coordinates.n_features, self.coordinates.structure
        )  # fmt: skip
        vector = random_start(np.ascontiguousarray(self.model.data.T), k, rng, structure)
        mixture = UnconstrainedSpace(k, d, structure).to_mixtures(vector)
        whiteners = np.linalg.inv(np.linalg.cholesky(mixture[2]))
        return State(mixture[0], mixture[1], whiteners, np.arange(k, dtype=np.int64))


@dataclass(frozen=True)
class Record:
    """What happened in some iterations, a row each, on the standardised scale."""

    thetas: FloatArray
    labels: NDArray[np.int64]
    n_empty: NDArray[np.int64]
    turned: FloatArray
    jumped: FloatArray

    @classmethod
    def of(cls, n: int, coordinates: Coordinates) -> Record:
        """Return room for `n` iterations."""
        return cls(
            np.empty((n, coordinates.size)),
            np.empty((n, coordinates.n_components), dtype=np.int64),
            np.empty(n, dtype=np.int64),
            np.empty(n),
            np.empty(n),
        )

    def rows(self, start: int, stop: int) -> tuple[NDArray[Any], ...]:
        """Return views of some rows, in the order in which the compiled loop wants them."""
        arrays = (self.thetas, self.labels, self.n_empty, self.turned, self.jumped)
        return tuple(array[start:stop] for array in arrays)


@dataclass
class Chain:
    """One chain: where it is, how it moves, how far it is, and what it has kept."""

    problem: Problem
    seed: np.random.SeedSequence
    record: Record
    done: int = 0
    kept: int = 0
    rng: np.random.Generator = field(init=False)
    state: State = field(init=False)
    moves: Moves = field(init=False)

    def begin(self, stop: threading.Event) -> None:
        """Find a start."""
        from gmm_bayes.samplers.gibbs.adaptation import no_moves

        self.rng = np.random.default_rng(self.seed)
        self.state = self.problem.start(self.rng)
        self.moves = no_moves(self.problem.coordinates)

    def climb(self, stop: threading.Event) -> Laplace:
        """Return the Gaussian at the mode above."""
        from gmm_bayes.samplers.gibbs.adaptation import laplace

        return laplace(self.problem.model, self.problem.coordinates, self.state)

    def tune(self, n: int, stop: threading.Event) -> Record:
        """Run `n` iterations and return what happened."""
        record = Record.of(n, self.problem.coordinates)
        for end in self._iterate(record, stop):
            self.done += end
        return record

    def draw(self, stop: threading.Event) -> None:
        """Run the iterations that are kept."""
        for end in self._iterate(self.record, stop):
            self.done += end
            self.kept += end

    def _iterate(self, record: Record, stop: threading.Event) -> Iterator[int]:
        """Fill the record, yielding the number of iterations made at a time."""
        from gmm_bayes.samplers.gibbs.moves import iterate

        model, total = self.problem.model, len(record.n_empty)
        at_once = max(1, _ROWS_AT_ONCE // model.data.shape[1])
        for start in range(0, total, at_once):
            if stop.is_set():
                return
            end = min(start + at_once, total)
            iterate(self.rng, model, self.state, self.moves, *record.rows(start, end))
            yield end - start


@dataclass(frozen=True)
class Crew:
    """All chains, at work on as many threads as may be used."""

    chains: list[Chain]
    task: Task
    pool: ThreadPoolExecutor
    stop: threading.Event
    seed: np.random.SeedSequence

    def all(self, work: Callable[[Chain, threading.Event], T]) -> list[T]:
        """Let every chain do some work; return what came of it, in the chains' order.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupted; every chain has come to rest.
        """
        jobs = [self.pool.submit(work, chain, self.stop) for chain in self.chains]
        try:
            self._watch(jobs)
        except BaseException:
            self.stop.set()
            wait(jobs)
            raise
        return [job.result() for job in jobs]

    def _watch(self, jobs: list[Future[T]]) -> None:
        total = self.task.chains * (self.task.draws + self.task.tune)
        unfinished: set[Future[T]] = set(jobs)
        while unfinished:
            _, unfinished = wait(jobs, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
            if any(job.done() and job.exception() for job in jobs):
                self.stop.set()
            self.task.progress(sum(chain.done for chain in self.chains), total)

    def tune(self, marginal_moves: bool) -> None:
        """Use up the tuning iterations; the moves are frozen from here on."""
        from gmm_bayes.samplers.gibbs import adaptation as adaptation

        self.all(Chain.begin)
        if marginal_moves and self.task.tune >= adaptation.MIN_TUNE:
            schedule = adaptation.Schedule.of(self.task.tune)
            self._run(schedule.sweeps)
            found = self.all(Chain.climb)
            if min(mode.information for mode in found) < adaptation.ENOUGH_INFORMATION:
                self._learn(found, schedule.windows)
        self._run(self.task.tune - self.chains[0].done)

    def _run(self, n: int) -> list[Record]:
        return self.all(lambda chain, stop: chain.tune(n, stop))

    def _learn(self, found: list[Laplace], sizes: tuple[int, ...]) -> None:
        """Fit the moves to draws made with ever better moves.

        Chains turn around their own modes, but jump to wherever any of them has been.
        """
        from gmm_bayes.samplers.gibbs import adaptation as adaptation

        coordinates = self.chains[0].problem.coordinates
        for chain, mode in zip(self.chains, found, strict=True):
            chain.moves = adaptation.turning(coordinates, chain.moves, mode)
        pivot = self.chains[0].moves
        windows = []
        for size, seed in zip(sizes, self.seed.spawn(len(sizes)), strict=True):
            records = self._run(size)
            turned = mean_chance([record.turned for record in records])
            jumped = mean_chance([record.jumped for record in records])
            window = []
            for chain, record in zip(self.chains, records, strict=True):
                chain.moves, order = adaptation.renumbered(coordinates, chain.moves, pivot)
                window.append(coordinates.permute(record.thetas, order))
            windows.append(window)
            fitted = adaptation.jumping(pivot, adaptation.together(windows), seed)
            for chain in self.chains:
                chain.moves = adaptation.kicked(adaptation.with_jumps(chain.moves, fitted), turned)
        for chain in self.chains:
            chain.moves = adaptation.chosen(chain.moves, turned, jumped)


def mean_chance(chances: list[FloatArray]) -> float:
    """Return the mean acceptance probability, 0 where no such move was made."""
    return float(np.nan_to_num(np.concatenate(chances)).mean())
