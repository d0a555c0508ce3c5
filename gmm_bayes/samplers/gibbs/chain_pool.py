"""All chains of the Gibbs sampler, run on several threads and tuned together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.samplers.contract import Task
from gmm_bayes.samplers.gibbs.adaptation import (
    ENOUGH_INFORMATION,
    MIN_TUNE,
    NormalAtMode,
    Schedule,
    adapt_kicks,
    choose_moves,
    fit_jumps,
    last_draws,
    renumber,
    with_jumps,
    with_turns,
)
from gmm_bayes.samplers.gibbs.chain import Chain
from gmm_bayes.samplers.gibbs.moves import Trace
from gmm_bayes.samplers.threaded_chains import run_on_threads


@dataclass(frozen=True)
class ChainPool:
    """All chains, at work on as many threads as may be used.

    Parameters
    ----------
    chains : list of Chain
    task : Task
    threads : ThreadPoolExecutor
    stop : threading.Event
        Set to make the chains come to rest.
    seed : numpy.random.SeedSequence
        Of the fits to draws while tuning.
    """

    chains: list[Chain]
    task: Task
    threads: ThreadPoolExecutor
    stop: threading.Event
    seed: np.random.SeedSequence

    def run[Result](self, work: Callable[[Chain, threading.Event], Result]) -> list[Result]:
        """Let every chain do some work; return the results in the chains' order.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupted; every chain has come to rest.
        """
        return run_on_threads(self.chains, work, self.threads, self.stop, self._report)

    def _report(self) -> None:
        """Report the progress of all chains."""
        total = self.task.chains * (self.task.draws + self.task.tune)
        self.task.progress(sum(chain.done for chain in self.chains), total)

    def tune(self, marginal_moves: bool) -> None:
        """Use up the tuning iterations; afterwards the moves do not change any more."""
        self.run(Chain.begin)
        if marginal_moves and self.task.tune >= MIN_TUNE:
            schedule = Schedule.of(self.task.tune)
            self._iterate(schedule.sweeps)
            found = self.run(Chain.climb)
            if min(mode.information for mode in found) < ENOUGH_INFORMATION:
                self._fit_moves(found, schedule.windows)
        self._iterate(self.task.tune - self.chains[0].done)

    def _iterate(self, n: int) -> list[Trace]:
        """Run `n` iterations of every chain and return what happened."""
        return self.run(lambda chain, stop: chain.tune(n, stop))

    def _fit_moves(self, found: list[NormalAtMode], sizes: tuple[int, ...]) -> None:
        """Fit the moves to the draws of each window in turn.

        Chains turn around their own modes, but jump to wherever any of them has been.
        """
        coordinates = self.chains[0].setup.coordinates
        for chain, mode in zip(self.chains, found, strict=True):
            chain.moves = with_turns(coordinates, chain.moves, mode)
        pivot = self.chains[0].moves
        windows: list[list[FloatArray]] = []
        for size, seed in zip(sizes, self.seed.spawn(len(sizes)), strict=True):
            traces = self._iterate(size)
            turned = mean_chance([trace.turned for trace in traces])
            jumped = mean_chance([trace.jumped for trace in traces])
            window = []
            for chain, trace in zip(self.chains, traces, strict=True):
                chain.moves, order = renumber(coordinates, chain.moves, pivot)
                window.append(coordinates.permute(trace.thetas, order))
            windows.append(window)
            fitted = fit_jumps(pivot, last_draws(windows), seed)
            for chain in self.chains:
                chain.moves = adapt_kicks(with_jumps(chain.moves, fitted), turned)
        for chain in self.chains:
            chain.moves = choose_moves(chain.moves, turned, jumped)


def mean_chance(chances: list[FloatArray]) -> float:
    """Return the mean acceptance probability, 0 where no such move was made."""
    return float(np.nan_to_num(np.concatenate(chances)).mean())
