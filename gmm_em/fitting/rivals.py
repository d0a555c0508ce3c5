"""Which ends of a look may lead to the best maximum of all rows.

Maxima that differ by tens in the log-likelihood of all rows differ by a few units on a sample of
a tenth of them, and a sample may put them in the wrong order. All that the sample cannot tell from
the best are therefore advanced on more rows, together, until those can tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.fitting.options import Options
from gmm_em.fitting.problem import ConstantFeatureError, Problem
from gmm_em.fitting.short_runs import Batch
from gmm_em.fitting.spurious import why_spurious
from gmm_em.fitting.trails import Trails
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters

# Runs are at one maximum where the squared distance between their mixtures is below this. Short
# runs have not arrived, so that it is larger than for runs that have converged.
_TOGETHER = 1.0
# A run is no rival that is lower than the best by more than so many standard errors of the
# difference, and by more than what a short run may still gain; or by so much per unit of weight.
_ERRORS, _TO_GAIN = 4.0, 2.0
_CLEAR = 0.05
# At most so many rivals are advanced on more rows, and at most so many climb on all rows.
_MOST, _MOST_CLIMBS = 8, 5
# Times the rows of a look, if they are at most such a share of all rows.
_MORE_ROWS, _SHARE = 3, 0.5
# Accelerated E-steps on more rows, between two looks at which rivals are left.
_LEAPS = (10, 10)
# Rows that tell rivals apart.
_PROBE_ROWS = 512


def rivals(search: Trails) -> list[int]:
    """Return the runs of a look that may lead to the best maximum of all rows.

    Parameters
    ----------
    search : Trails
        Whose starts agree.

    Returns
    -------
    list of int
        Numbers of trails, that of the best maximum first.
    """
    best = search.atlas.best
    assert best is not None
    open_ = [
        i
        for i, trail in enumerate(search.trails)
        if i != best.run
        and i not in search.left
        and not trail.climb.degenerate
        and not (trail.maximum is not None and trail.maximum.spurious)
    ]
    open_.sort(key=lambda i: -search.trails[i].climb.objective)
    order = [best.run, *open_]
    trails = [search.trails[i] for i in order]
    heights = np.array([trail.climb.objective for trail in trails])
    profiles = np.stack([search.profile(trail) for trail in trails])
    chosen = [order[i] for i in told_apart(search.problem, heights, profiles)[:_MOST]]
    return [
        i
        for i in chosen
        if i == best.run or not why_spurious(search.problem, search.trails[i].climb.parameters)
    ]


def narrowed(
    mixtures: Sequence[Mixture], sample: Callable[[int], Problem], search: Trails, options: Options
) -> list[tuple[int, Mixture]]:
    """Advance rivals on more rows than a look has seen, and return which are left.

    Parameters
    ----------
    mixtures : sequence of Mixture
        The first is the best on the rows of the look.
    sample : callable
        Poses the problem for so many of all rows.
    search : Trails
    options : Options

    Returns
    -------
    list of (int, Mixture)
        At most five, the best first: the place among those given, and where it has come to.
    """
    left = list(enumerate(mixtures))
    if len(left) == 1 or not options.accelerate:
        return left[:_MOST_CLIMBS]
    n_rows = _MORE_ROWS * search.problem.n_rows
    try:
        problem = sample(n_rows)
    except ConstantFeatureError:
        return left[:_MOST_CLIMBS]
    n = problem.samples.n_samples
    probe = np.unique(np.linspace(0, n - 1, _PROBE_ROWS).astype(np.int64))
    starts = [Parameters(*problem.samples.inner(mixture)) for mixture in mixtures]
    places = list(range(len(starts)))
    for n_steps in _LEAPS:
        batch = Batch(problem, starts, tol=options.tol)
        batch.advance(1)
        batch.leap(n_steps)
        batch.leave(batch.active.tolist())
        sound = [i for i, run in enumerate(batch.runs) if not run.degenerate]
        if not sound:
            return left[:_MOST_CLIMBS]
        sound.sort(key=lambda i: -batch.runs[i].trace[-1])
        runs = [batch.runs[i] for i in sound]
        stack = Parameters(
            *(np.stack(arrays) for arrays in zip(*(run.parameters for run in runs), strict=True))
        )
        heights = np.array([run.trace[-1] for run in runs])
        kept = told_apart(problem, heights, problem.log_density(stack, probe))
        places = [places[sound[i]] for i in kept]
        starts = [runs[i].parameters for i in kept]
        if len(kept) == 1:
            break
    ended = [problem.samples.outer(*parameters) for parameters in starts]
    return list(zip(places, ended, strict=True))[:_MOST_CLIMBS]


def worthwhile(search: Trails, problem: Problem) -> bool:
    """Whether all rows are so many that rivals are first compared on a part of them."""
    return _MORE_ROWS * search.problem.n_rows <= _SHARE * problem.n_rows


def told_apart(problem: Problem, heights: FloatArray, profiles: FloatArray) -> list[int]:
    """Return the runs that may be the best, one for each maximum.

    Parameters
    ----------
    problem : Problem
    heights : ndarray, shape (R,)
        Objectives; the first is that of the best.
    profiles : ndarray, shape (R, n)
        Log-densities of some rows.
    """
    weight, root = problem.total_weight, np.sqrt(problem.n_rows)
    chosen = [0]
    for i in range(1, len(heights)):
        behind = heights[0] - heights[i]
        error = root * float(np.std(profiles[i] - profiles[0]))
        if behind > min(_ERRORS * error + _TO_GAIN, _CLEAR * weight):
            continue
        squares = ((profiles[chosen] - profiles[i]) ** 2).mean(axis=1)
        if weight * squares.min() >= _TOGETHER:
            chosen.append(i)
    return chosen
