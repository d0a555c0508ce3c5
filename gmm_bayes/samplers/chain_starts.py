"""Where the chains of a task start: at particles of a population where that can be afforded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from gmm_bayes.core.cores import processors
from gmm_bayes.core.missing import filled
from gmm_bayes.core.progress import Progress
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.conversion import own_draws
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.peaks import Peak, find_peaks, spread_of
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.samplers.contract import Task
from gmm_bayes.samplers.population import Population, populate
from gmm_bayes.samplers.starts import random_start

_MAX_ROWS = 1000
"""Rows that a population sees at most; of more rows it sees so many at random."""
_MOST_PARTICLES = 512
_LEAST_PARTICLES = 64
"""With fewer particles there is no population."""
_OPERATIONS = 1.2e9
"""Multiplications that a population may cost, roughly."""
_EVALUATIONS_PER_ITERATION = 100.0
"""Densities that a population may evaluate for each tuning iteration of the chains."""
_CLIMBS = 60
"""Climbs from the last particles, roughly."""
_CLIMB_OPERATIONS = 1e10
"""Multiplications that climbs on all rows may cost, roughly, where a population sees some only."""
_DENSITIES_OF_A_CLIMB = 250.0
_FEWEST_CLIMBS = 8
"""Particles that are climbed from on all rows at least."""
_HALVINGS = 12
"""Most times that a start comes closer to its peak."""
_SHARE_OF_TUNING = 0.25
"""The part of the tuning iterations that a population stands for in reports of progress."""


@dataclass(frozen=True)
class ChainStarts:
    """Where the chains of a task start.

    Parameters
    ----------
    target : LogPosterior
        Of all rows.
    Z : ndarray of shape (N, D)
        Standardised rows, with means in place of what is missing.
    population : Population or None
        Particles with their log densities under `target`.
    peaks : tuple of Peak
        The maxima that climbs from the population reach.
    exact : bool
        Whether the particles are draws of `target`, as far as they have come to rest.
    """

    target: LogPosterior
    Z: FloatArray
    population: Population | None = None
    peaks: tuple[Peak, ...] = ()
    exact: bool = True

    @property
    def mixtures(self) -> MixtureDraws | None:
        """What the population has found, as mixtures in the data's own units: its peaks' too."""
        if self.population is None:
            return None
        found = np.stack([peak.normal.mean for peak in self.peaks])
        return own_draws(self.target, np.concatenate([self.population.thetas[-1], found])[None])

    def above(self, lowest: float) -> FloatArray:
        """Return the particles of all times (n, P) whose log density is at least `lowest`."""
        if self.population is None or not self.exact:
            return np.empty((0, self.target.space.size))
        return np.asarray(self.population.thetas[self.population.lp >= lowest])

    @property
    def origin(self) -> str:
        """Where the starts come from, in words."""
        if self.population is None:
            return "k-means++ seeds and climbs from the prior"
        n = self.population.thetas.shape[1]
        return f"a maximum that a population of {n} particles from the prior has found"

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Return the start of a chain, an unconstrained vector (P,).

        A peak is chosen by its mass, and a point is drawn from the normal distribution there. It
        comes closer to the peak until its log density is about as far below the peak's as that of
        most draws of a normal distribution.
        """
        if self.population is None:
            return random_start(self.Z, self.target.n_components, rng, self.target.structure)
        chances = softmax([peak.log_mass for peak in self.peaks])
        peak = self.peaks[rng.choice(len(self.peaks), p=chances)]
        away = peak.normal.factor @ rng.standard_normal(self.target.space.size)
        lowest = peak.log_density - self.target.space.size
        for shrinkage in 0.5 ** np.arange(_HALVINGS):
            theta = peak.normal.mean + shrinkage * away
            if self.target(theta)[0] >= lowest:
                return np.asarray(theta)
        return peak.normal.mean


def find_starts(task: Task, target: LogPosterior) -> tuple[ChainStarts, Task]:
    """Return where chains start, and the task that is left, whose progress goes on from there.

    A population is sampled under the task's prior where that is an InverseWishartPrior, and under
    the default one otherwise: half-normal standard deviations would let particles fall into the
    likelihood's singularities. There is no population for a single component, with little tuning,
    where it would take too long, or where components share some of volume, shape and orientation:
    some coordinates of such a vector have no meaning, and particles would collapse in them.

    On more than 1000 rows the population sees a sample of them. Where climbs on all rows from sixty
    particles would take long, the maxima of the sample and a few particles are climbed from.

    Parameters
    ----------
    task : Task
    target : LogPosterior
        Its posterior.
    """
    Z = filled(target.scaling.standardise(task.X))
    n = _affordable(task, target.space.size)
    if n < _LEAST_PARTICLES or target.structure.decomposed:
        return ChainStarts(target, Z), task
    total = task.chains * (task.draws + task.tune)
    share = int(_SHARE_OF_TUNING * task.chains * task.tune)
    seed_of_rows, seed = task.seed.spawn(2)
    rows = _subset(task.X, np.random.default_rng(seed_of_rows))
    prior = task.prior if isinstance(task.prior, InverseWishartPrior) else InverseWishartPrior()
    exact = len(rows) == len(task.X)
    of_rows = (
        target
        if exact and prior is task.prior
        else LogPosterior(task.X[rows], task.n_components, prior, target.structure)
    )
    cores = task.cores or processors()
    found = populate(of_rows, n, seed, cores, lambda done: task.progress(int(share * done), total))
    own = found
    if of_rows is not target:
        found = Population(
            _carried(found.thetas, of_rows, target),
            found.lp,
            _carried(found.on_the_way, of_rows, target),
        )
    points = _points(found)
    if not exact and len(points) > (most := _climbs_on_all_rows(target)):
        tops = [peak.normal.mean for peak in _peaks(of_rows, own, _points(own), cores)]
        some = points[np.linspace(0, len(points) - 1, most).astype(np.intp)]
        points = np.concatenate([_carried(np.stack(tops), of_rows, target), some]) if tops else some
    peaks = tuple(_peaks(target, found, points, cores))
    starts = ChainStarts(target, Z, found, peaks, of_rows is target)
    left = replace(task, progress=_resumed(task.progress, share))
    return (starts if peaks else ChainStarts(target, Z)), left


def _points(population: Population) -> FloatArray:
    """Return the points (n, P) of a population that are climbed from."""
    last = population.thetas[-1]
    return np.concatenate([last[:: max(1, len(last) // _CLIMBS)], population.on_the_way])


def _peaks(
    target: LogPosterior, population: Population, points: FloatArray, cores: int
) -> list[Peak]:
    """Return the maxima that climbs from those points reach which are on the support."""
    points = points[[np.isfinite(target(theta)[0]) for theta in points]]
    if not len(points):
        return []
    return find_peaks(target, points, spread_of(population.thetas[-1]), cores)


def _climbs_on_all_rows(target: LogPosterior) -> int:
    """Return from how many particles to climb on all rows, where the population saw some only.

    The maxima of the rows that it saw, which cost little to find, are climbed from as well.
    """
    n, d = target.X.shape
    density = n * target.n_components * (4.0 + d * d) + target.space.size**2
    return max(_FEWEST_CLIMBS, int(_CLIMB_OPERATIONS / (density * _DENSITIES_OF_A_CLIMB)))


def _carried(thetas: FloatArray, source: LogPosterior, target: LogPosterior) -> FloatArray:
    """Return vectors of one posterior as those of another one, whose data have other units."""
    weights, means, covariances = source.space.to_mixtures(thetas)
    own = source.scaling.to_own_units(means, covariances)
    return target.space.from_mixture(weights, *target.scaling.standardise_parameters(*own))


def _affordable(task: Task, size: int) -> int:
    """Return how many particles a population may have."""
    n_rows, d = min(len(task.X), _MAX_ROWS), task.X.shape[1]
    if task.n_components == 1:
        return 0
    # The number of temperatures grows with the number of parameters; 15 densities at each.
    evaluations = 15.0 * (10.0 + 0.5 * size)
    operations = evaluations * (n_rows * task.n_components * (4.0 + d * d) + size * size)
    most = min(
        _OPERATIONS / operations,
        _EVALUATIONS_PER_ITERATION * task.chains * task.tune / evaluations,
    )
    return int(min(most, _MOST_PARTICLES))


def _subset(X: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return the numbers of rows at random, with the lowest and the highest of each feature."""
    n = len(X)
    if n <= _MAX_ROWS:
        return np.arange(n)
    extremes = np.concatenate([np.nanargmin(X, axis=0), np.nanargmax(X, axis=0)])
    return np.unique(np.concatenate([extremes, rng.choice(n, size=_MAX_ROWS, replace=False)]))


def _resumed(progress: Progress, before: int) -> Callable[[int, int], None]:
    """Return a progress that goes from `before` to the total while its caller's goes from 0."""
    return lambda done, total: progress(before + (total - before) * done // total, total)
