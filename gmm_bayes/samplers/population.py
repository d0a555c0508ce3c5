"""A population: particles drawn from the prior and carried to the posterior as data count more.

Each particle is drawn from the prior and follows ``prior x likelihood ** beta`` for beta rising to
one (sequential Monte Carlo; Del Moral, Doucet & Jasra 2006). Nothing in it knows of EM or of its
starts. Where the posterior has several modes, the particles fall into them about as often as the
modes have mass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.copying import set_vector
from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.conversion import standardised_draws, vectors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import packed_log_density
from gmm_bayes.density.peaks import spread_of
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.labels.relabelling import relabel

_BLOCK = 32
"""Particles that a thread moves at a time. Each block has its own source of randomness."""
_THRESHOLD = 0.5
"""Effective share of particles that each rise of beta leaves."""
_MOVES = 3
"""Hamiltonian trajectories of a particle at each beta."""
_LEAPS = 5
"""Steps of a trajectory."""
_ACCEPTANCE = 0.75
"""Share of trajectories to be accepted, to which their step adapts."""
_FIRST_STEP = 0.5
"""In units of the cloud's standard deviations."""
_TIMES = 4
"""How often the particles are looked at once they have arrived, with moves in between."""
_STOPS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)
"""Values of beta at which some particles are kept."""
_ONE_IN = 2
"""Of so many particles, one is kept. Climbs from them cost little."""
_LEAST_RISE = 1e-4
"""Beta rises at least by this share of what is left, so that it arrives."""


class _Tempered(NamedTuple):
    """The density ``prior ** (1 - beta) x posterior ** beta``, and how particles move on it.

    Parameters
    ----------
    packed, packed_prior : ndarray
        Those of :class:`gmm_bayes.density.log_posterior.LogPosterior`.
    beta, step : float
    factor : ndarray of shape (P, P)
        Lower Cholesky factor of the metric.
    """

    packed: FloatArray
    packed_prior: FloatArray
    beta: float
    step: float
    factor: FloatArray


@dataclass(frozen=True)
class Population:
    """Particles on the posterior.

    Parameters
    ----------
    thetas : ndarray of shape (m, n, P)
        Unconstrained vectors, with components in one order: all particles at m times after they
        have arrived.
    lp : ndarray of shape (m, n)
        Their log densities.
    on_the_way : ndarray of shape (l, P)
        Some particles from earlier temperatures. They are more diverse than the last ones: a mode
        that is narrow but high gains its mass late, when few particles are near it.
    """

    thetas: FloatArray
    lp: FloatArray
    on_the_way: FloatArray


def populate(
    target: LogPosterior,
    n_particles: int,
    seed: np.random.SeedSequence,
    cores: int,
    progress: Callable[[float], None],
) -> Population:
    """Return particles that went from the prior to the posterior.

    Parameters
    ----------
    target : LogPosterior
    n_particles : int
    seed : numpy.random.SeedSequence
    cores : int
        Threads. The particles do not depend on their number.
    progress : callable
        Called with the share that is done, from the calling thread.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts; every thread has come to rest.
    """
    with ThreadPoolExecutor(cores) as threads:
        cloud = _Cloud.of_prior(target, n_particles, seed, threads)
        on_the_way: list[FloatArray] = []
        for_stop = list(_STOPS)
        while cloud.beta < 1.0:
            cloud.rise()
            cloud.move()
            if for_stop and cloud.beta >= for_stop[0]:
                on_the_way.append(cloud.thetas[::_ONE_IN].copy())
                for_stop = [stop for stop in for_stop if stop > cloud.beta]
            progress(cloud.beta**0.25)
        thetas, lp = [cloud.thetas.copy()], [cloud.values[:, 1].copy()]
        for _ in range(_TIMES - 1):
            cloud.move()
            thetas.append(cloud.thetas.copy())
            lp.append(cloud.values[:, 1].copy())
    return Population(np.stack(thetas), np.stack(lp), np.concatenate(on_the_way))


@dataclass
class _Cloud:
    """Particles on their way.

    Parameters
    ----------
    target : LogPosterior
    thetas : ndarray of shape (n, P)
    values : ndarray of shape (n, 2)
        Their log prior and log posterior densities.
    rng : numpy.random.Generator
        Of the resampling.
    generators : list of numpy.random.Generator
        One for each block of particles.
    threads : ThreadPoolExecutor
    beta : float
        Exponent of the likelihood.
    log_step : float
        Of the trajectories.
    """

    target: LogPosterior
    thetas: FloatArray
    values: FloatArray
    rng: np.random.Generator
    generators: list[np.random.Generator]
    threads: ThreadPoolExecutor
    beta: float = 0.0
    log_step: float = math.log(_FIRST_STEP)

    @classmethod
    def of_prior(
        cls,
        target: LogPosterior,
        n_particles: int,
        seed: np.random.SeedSequence,
        threads: ThreadPoolExecutor,
    ) -> _Cloud:
        """Return particles drawn from the prior."""
        own, *others = seed.spawn(1 + -(-n_particles // _BLOCK))
        rng = np.random.default_rng(own)
        thetas, values = prior_vectors(target, n_particles, rng), np.empty((n_particles, 2))
        _evaluate(target.packed, target.packed_prior, thetas, values)
        generators = [np.random.default_rng(other) for other in others]
        return cls(target, thetas, values, rng, generators, threads)

    def rise(self) -> None:
        """Let the data count more, resample, and renumber components into one order."""
        self.beta, chosen = _rise(self.beta, self.values[:, 1] - self.values[:, 0], self.rng)
        aligned, _ = relabel(standardised_draws(self.target, self.thetas[None, chosen]))
        self.thetas = np.ascontiguousarray(vectors(self.target, aligned)[0])
        self.values = self.values[chosen]

    def move(self) -> None:
        """Make a few trajectories of every particle, and adapt their step."""
        factor = spread_of(self.thetas)
        for _ in range(_MOVES):
            path = _Tempered(
                self.target.packed,
                self.target.packed_prior,
                self.beta,
                math.exp(self.log_step),
                factor,
            )
            jobs = [
                self.threads.submit(self._move_block, block, path)
                for block in range(len(self.generators))
            ]
            try:
                chances = [job.result() for job in jobs]
            finally:
                for job in jobs:
                    job.cancel()
            self.log_step += float(np.mean(chances)) - _ACCEPTANCE

    def _move_block(self, block: int, path: _Tempered) -> float:
        """Make one trajectory of each particle of a block; return the mean acceptance."""
        rows = slice(block * _BLOCK, (block + 1) * _BLOCK)
        generator = self.generators[block]
        return float(_move(generator, path, _LEAPS, self.thetas[rows], self.values[rows]))


def _rise(
    beta: float, log_likelihood: FloatArray, rng: np.random.Generator
) -> tuple[float, IntArray]:
    """Return the next beta, and the particles that survive the rise, by systematic resampling."""

    def weights(rise: float) -> FloatArray:
        logs = np.where(np.isfinite(log_likelihood), rise * log_likelihood, -np.inf)
        w = np.exp(logs - logs.max())
        return np.asarray(w / w.sum())

    n = log_likelihood.size
    low, high = 0.0, 1.0 - beta
    if 1.0 / (weights(high) ** 2).sum() < _THRESHOLD * n:
        for _ in range(60):
            middle = 0.5 * (low + high)
            enough = 1.0 / (weights(middle) ** 2).sum() >= _THRESHOLD * n
            low, high = (middle, high) if enough else (low, middle)
        rise = max(low, _LEAST_RISE * beta)
    else:
        rise = high
    points = (rng.random() + np.arange(n)) / n
    chosen = np.searchsorted(np.cumsum(weights(rise)), points).clip(max=n - 1)
    return (1.0 if rise >= 1.0 - beta else beta + rise), chosen


@njit()
def _evaluate(packed, packed_prior, thetas, values):  # type: ignore[no-untyped-def]
    """Write the log prior and the log posterior density of each vector to `values` (n, 2)."""
    slopes = np.empty(thetas.shape[1])
    for i in range(thetas.shape[0]):
        values[i, 0] = packed_log_density(thetas[i], packed_prior, slopes)
        values[i, 1] = packed_log_density(thetas[i], packed, slopes)


@njit()
def _tempered(path, theta, slopes, other, value):  # type: ignore[no-untyped-def]
    """Return the tempered log density; write its slopes, and log prior and posterior to `value`."""
    value[0] = packed_log_density(theta, path.packed_prior, other)
    value[1] = packed_log_density(theta, path.packed, slopes)
    for i in range(theta.shape[0]):
        slopes[i] = (1.0 - path.beta) * other[i] + path.beta * slopes[i]
    return (1.0 - path.beta) * value[0] + path.beta * value[1]


@inlined()
def _push(half, path, slopes, momentum):  # type: ignore[no-untyped-def]
    """Add ``half F' slopes`` to the momentum."""
    for j in range(slopes.shape[0]):
        push = half * slopes[j]
        for i in range(j + 1):
            momentum[i] += push * path.factor[j, i]


@njit()
def _move(rng, path, n_leaps, thetas, values):  # type: ignore[no-untyped-def]
    """Make one Hamiltonian trajectory for each particle; return the mean acceptance probability."""
    n, p = thetas.shape
    theta, slopes, other = np.empty(p), np.empty(p), np.empty(p)
    momentum, value = np.empty(p), np.empty(2)
    chances = 0.0
    for row in range(n):
        set_vector(theta, thetas[row])
        energy = -_tempered(path, theta, slopes, other, value)
        for i in range(p):
            momentum[i] = rng.standard_normal()
            energy += 0.5 * momentum[i] * momentum[i]
        step = path.step * (0.5 + rng.random())
        there = 0.0
        for _ in range(n_leaps):
            _push(0.5 * step, path, slopes, momentum)
            for i in range(p):
                acc = 0.0
                for j in range(i + 1):
                    acc += path.factor[i, j] * momentum[j]
                theta[i] += step * acc
            there = _tempered(path, theta, slopes, other, value)
            if not math.isfinite(there):
                break
            _push(0.5 * step, path, slopes, momentum)
        energy += there
        for i in range(p):
            energy -= 0.5 * momentum[i] * momentum[i]
        chance = math.exp(min(0.0, energy)) if math.isfinite(there) and energy == energy else 0.0
        chances += chance
        if rng.random() < chance:
            set_vector(thetas[row], theta)
            set_vector(values[row], value)
    return chances / n
