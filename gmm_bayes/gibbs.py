"""The blocked Gibbs sampler for the conjugate prior (Diebolt & Robert 1994), made to mix."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.draws import MixtureDraws
from gmm_bayes.gibbs_coordinates import Coordinates, prior_powers
from gmm_bayes.priors import NIWPrior
from gmm_bayes.scaling import Scaling
from gmm_bayes.structures import get_structure
from gmm_bayes.unconstrained import UnconstrainedSpace
from gmm_em.core.threads import single_threaded_blas

if TYPE_CHECKING:
    from gmm_bayes.gibbs_adaptation import Laplace
    from gmm_bayes.gibbs_kernels import Model, State
    from gmm_bayes.gibbs_moves import Moves
    from gmm_bayes.sampling import Sampled, Task

T = TypeVar("T")
FloatArray = NDArray[np.float64]

_ROWS_AT_ONCE = 100_000  # rows visited between looks at whether to stop
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Gibbs:
    """Draw all allocations given the parameters, then all parameters given the allocations.

    Needs an :class:`gmm_bayes.NIWPrior`. A sweep costs about as much as one EM step and cannot
    diverge. But it moves as slowly as EM converges, so that where components overlap the draws are
    worth little. There, every sweep is followed by moves on the posterior with the allocations
    integrated out (:mod:`gmm_bayes.gibbs_moves`). They are fitted to the posterior while tuning and
    frozen before the first draw is kept, and are Metropolis-Hastings steps: the chain is exactly
    stationary whatever was fitted. Where they would be refused, the sweeps go on alone.

    Chains start apart and find their modes independently; while tuning, each learns of the places
    where the others have been, and may jump there if the posterior has it so.

    Parameters
    ----------
    marginal_moves : bool, default True
        Whether to make such moves where they help. They need 40 iterations of tuning at least.

    References
    ----------
    Diebolt & Robert (1994), J. R. Statist. Soc. B 56, 363-375.
    Sahu & Roberts (1999), Statistics and Computing 9, 55-64.
    Shahbaba, Lan, Johnson & Neal (2014), Statistics and Computing 24, 339-349.
    Tierney (1994), Annals of Statistics 22, 1701-1728.
    """

    marginal_moves: bool = True

    def default_prior(self) -> NIWPrior:
        """Return ``NIWPrior()``."""
        return NIWPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for.

        Per-draw statistics are ``n_empty``, the number of components without a row, and, where
        such moves are made, the chances with which they were accepted: ``chance_turned`` and
        ``chance_jumped``.

        Raises
        ------
        ValueError
            If the prior is not conjugate.
        KeyboardInterrupt
            If the user interrupts before every chain has a draw to keep.
        """
        from gmm_bayes.sampling import usable_cores

        if not isinstance(task.prior, NIWPrior):
            raise ValueError(
                f"the Gibbs sampler needs an NIWPrior, but the prior is {task.prior!r}; "
                "sampler 'nuts' takes it"
            )
        problem = Problem.of(task, task.prior)
        *seeds, seed_of_fits = task.seed.spawn(task.chains + 1)
        chains = [
            _Chain(problem, seed, _Record.of(task.draws, problem.coordinates)) for seed in seeds
        ]
        interrupted = False
        # The matrices here are small: BLAS threads would only be in the chains' way.
        with single_threaded_blas(), ThreadPoolExecutor(usable_cores(task)) as pool:
            crew = _Crew(chains, task, pool, threading.Event(), seed_of_fits)
            try:
                crew.tune(self.marginal_moves)
                crew.all(_Chain.draw)
            except KeyboardInterrupt:
                interrupted = True
        kept = min(chain.kept for chain in chains)
        if interrupted and kept == 0:
            raise KeyboardInterrupt
        return self._collect(problem, chains, kept, interrupted)

    def _collect(
        self, problem: Problem, chains: list[_Chain], kept: int, interrupted: bool
    ) -> Sampled:
        from gmm_bayes.sampling import Sampled

        def kept_of(name: str) -> NDArray[Any]:
            return np.stack([getattr(chain.record, name)[:kept] for chain in chains])

        weights, means, covariances = problem.coordinates.to_mixtures(kept_of("thetas"))
        loc, scale = problem.scaling.loc, problem.scaling.scale
        in_order = MixtureDraws(
            weights, loc + scale * means, covariances * scale[:, None] * scale[None, :]
        )
        stats = {"n_empty": kept_of("n_empty")}
        for name in ("turned", "jumped"):
            if np.isfinite(chances := kept_of(name)).all():
                stats[f"chance_{name}"] = chances
        moves = chains[0].moves
        return Sampled(
            in_order.permute(np.argsort(kept_of("labels"), axis=-1)),
            stats,
            interrupted,
            {"sampler": "gibbs", "kicks_per_turn": moves.n_kicks, "jumps": moves.n_jumps},
        )


@dataclass(frozen=True)
class Problem:
    """What all chains share."""

    scaling: Scaling
    coordinates: Coordinates
    model: Model

    @classmethod
    def of(cls, task: Task, prior: NIWPrior) -> Problem:
        """Set up what the task and its prior fix once."""
        from gmm_bayes.gibbs_kernels import Model

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
        from gmm_bayes.gibbs_kernels import State
        from gmm_bayes.starts import random_start

        k, d, structure = (
            self.coordinates.n_components, self.coordinates.n_features, self.coordinates.structure
        )  # fmt: skip
        vector = random_start(np.ascontiguousarray(self.model.data.T), k, rng, structure)
        mixture = UnconstrainedSpace(k, d, structure).to_mixtures(vector)
        whiteners = np.linalg.inv(np.linalg.cholesky(mixture[2]))
        return State(mixture[0], mixture[1], whiteners, np.arange(k, dtype=np.int64))


@dataclass(frozen=True)
class _Record:
    """What happened in some iterations, a row each, on the standardised scale."""

    thetas: FloatArray
    labels: NDArray[np.int64]
    n_empty: NDArray[np.int64]
    turned: FloatArray
    jumped: FloatArray

    @classmethod
    def of(cls, n: int, coordinates: Coordinates) -> _Record:
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
class _Chain:
    """One chain: where it is, how it moves, how far it is, and what it has kept."""

    problem: Problem
    seed: np.random.SeedSequence
    record: _Record
    done: int = 0
    kept: int = 0
    rng: np.random.Generator = field(init=False)
    state: State = field(init=False)
    moves: Moves = field(init=False)

    def begin(self, stop: threading.Event) -> None:
        """Find a start."""
        from gmm_bayes.gibbs_adaptation import no_moves

        self.rng = np.random.default_rng(self.seed)
        self.state = self.problem.start(self.rng)
        self.moves = no_moves(self.problem.coordinates)

    def climb(self, stop: threading.Event) -> Laplace:
        """Return the Gaussian at the mode above."""
        from gmm_bayes.gibbs_adaptation import laplace

        return laplace(self.problem.model, self.problem.coordinates, self.state)

    def tune(self, n: int, stop: threading.Event) -> _Record:
        """Run `n` iterations and return what happened."""
        record = _Record.of(n, self.problem.coordinates)
        for end in self._iterate(record, stop):
            self.done += end
        return record

    def draw(self, stop: threading.Event) -> None:
        """Run the iterations that are kept."""
        for end in self._iterate(self.record, stop):
            self.done += end
            self.kept += end

    def _iterate(self, record: _Record, stop: threading.Event) -> Iterator[int]:
        """Fill the record, yielding the number of iterations made at a time."""
        from gmm_bayes.gibbs_moves import iterate

        model, total = self.problem.model, len(record.n_empty)
        at_once = max(1, _ROWS_AT_ONCE // model.data.shape[1])
        for start in range(0, total, at_once):
            if stop.is_set():
                return
            end = min(start + at_once, total)
            iterate(self.rng, model, self.state, self.moves, *record.rows(start, end))
            yield end - start


@dataclass(frozen=True)
class _Crew:
    """All chains, at work on as many threads as may be used."""

    chains: list[_Chain]
    task: Task
    pool: ThreadPoolExecutor
    stop: threading.Event
    seed: np.random.SeedSequence

    def all(self, work: Callable[[_Chain, threading.Event], T]) -> list[T]:
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
        from gmm_bayes import gibbs_adaptation as adaptation

        self.all(_Chain.begin)
        if marginal_moves and self.task.tune >= adaptation.MIN_TUNE:
            schedule = adaptation.Schedule.of(self.task.tune)
            self._run(schedule.sweeps)
            found = self.all(_Chain.climb)
            if min(mode.information for mode in found) < adaptation.ENOUGH_INFORMATION:
                self._learn(found, schedule.windows)
        self._run(self.task.tune - self.chains[0].done)

    def _run(self, n: int) -> list[_Record]:
        return self.all(lambda chain, stop: chain.tune(n, stop))

    def _learn(self, found: list[Laplace], sizes: tuple[int, ...]) -> None:
        """Fit the moves to draws made with ever better moves.

        Chains turn around their own modes, but jump to wherever any of them has been.
        """
        from gmm_bayes import gibbs_adaptation as adaptation

        coordinates = self.chains[0].problem.coordinates
        for chain, mode in zip(self.chains, found, strict=True):
            chain.moves = adaptation.turning(coordinates, chain.moves, mode)
        pivot = self.chains[0].moves
        windows = []
        for size, seed in zip(sizes, self.seed.spawn(len(sizes)), strict=True):
            records = self._run(size)
            turned = _mean_chance([record.turned for record in records])
            jumped = _mean_chance([record.jumped for record in records])
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


def _mean_chance(chances: list[FloatArray]) -> float:
    """Return the mean acceptance probability, 0 where no such move was made."""
    return float(np.nan_to_num(np.concatenate(chances)).mean())
