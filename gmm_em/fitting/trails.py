"""Runs from given starts, and where they lead.

The first steps of all runs are made together. Runs that meet are followed as one, runs that come
close to a maximum that is known are left there, and the others are carried to convergence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.fitting.acceleration import Chart
from gmm_em.fitting.ascent import WARM_UP, Climb
from gmm_em.fitting.maxima import Atlas, Maximum, Unseen, unseen
from gmm_em.fitting.options import Options
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.short_runs import Batch
from gmm_em.fitting.spurious import why_spurious
from gmm_em.fitting.starts.base import Start
from gmm_em.rows.samples import Parameters

# The kind of a start that splits and merges components of a maximum.
SPLIT = "split and merge"
# Rows whose log-densities tell maxima apart.
_PROBE_ROWS = 256
# Up to so many rows, runs cost little: every one is followed to its end.
FEW_ROWS = 2_000
# How much closer than converged runs, in squared distance, a short run must come: loosely.
# Maxima that all rows tell apart are close to each other on a sample of them.
_LOOSE_FEW, _LOOSE_MANY, _LOOSE_LOOK, _LOOSE_SAMPLE = 1.0, 10.0, 30.0, 10.0
# Steps between two looks at which runs have met, the second where runs are left after them.
_STAGE, _STAGE_LOOK = 12, 8
# Accelerated E-steps between such looks, after the first steps of runs that are left after them.
_LEAPS = (8, 8, 10, 10)
# On many rows a run is given up where it is lower than the best by so much per unit of weight, and
# by so many times its last gain.
_GIVE_UP, _GAINS = 0.005, 20.0
# A maximum or a run that is lower by so much per unit of weight is no rival.
CLEAR = 0.05
# A run may still come higher by so many times its last gain.
_PROMISE = 20.0
# A run is close to a maximum where the mean squared log-ratio is below the first, and N times it
# below the second for every parameter.
_CLOSE, _PER_PARAMETER = 0.02, 3.0


@dataclass(eq=False)
class Trail:
    """One start, and where it led.

    Attributes
    ----------
    kind : str
    random : bool
    climb : Climb
    maximum : Maximum or None
        None where the run degenerated, or was left before its end was known.
    resolved : bool
        Whether its end is known.
    given_up : bool
        Whether it was too low to be followed to its end.
    carried : bool
        Whether it was carried to its end by itself.
    profile : ndarray, shape (n,), or None
        Log-density of the probe rows where the run was left, where it has been looked at.
    """

    kind: str
    random: bool
    climb: Climb
    maximum: Maximum | None = None
    resolved: bool = False
    given_up: bool = False
    carried: bool = False
    profile: FloatArray | None = None


class Trails:
    """The runs of a search on one problem.

    Parameters
    ----------
    problem : Problem
    options : Options
    n_final : int, optional
        Carry at most so many runs of a round to convergence, and every one by itself.
    sampled : bool, default False
        Whether there are more rows than the problem has.

    Attributes
    ----------
    problem : Problem
    probe : ndarray of int
        The rows whose log-densities tell maxima apart.
    trails : list of Trail
        Every start.
    atlas : Atlas
        The maxima that they led to.
    wait : bool
        Whether new runs are left after their first steps, until `resolve_waiting` is called.
    sampled : bool
    left : dict of int to int
        For which other run a run has left, while it waits.
    """

    def __init__(
        self, problem: Problem, options: Options, n_final: int | None, *, sampled: bool = False
    ) -> None:
        self.problem, self._options, self._n_final = problem, options, n_final
        self.trails: list[Trail] = []
        self.atlas = Atlas(problem.total_weight)
        n = problem.samples.n_samples
        self.probe = np.unique(np.linspace(0, n - 1, _PROBE_ROWS).astype(np.int64))
        self.few = n <= FEW_ROWS
        self._loose = _LOOSE_FEW if self.few else _LOOSE_MANY
        self.wait = False
        self.sampled = sampled
        self.left: dict[int, int] = {}
        self._waiting: list[tuple[int, dict[int, int | Maximum]]] = []

    def follow(self, proposals: Sequence[Parameters], starts: Sequence[Start] | None) -> None:
        """Run from the proposals until their ends are known."""
        if not proposals:
            return
        problem, options = self.problem, self._options
        proposals = [problem.safe_start(start) for start in proposals]
        offset = len(self.trails)
        report = None
        if options.callback is not None:
            callback = options.callback

            def report(run: int, n_iter: int, value: float) -> None:
                callback(offset + run, n_iter, value)

        batch = Batch(
            problem, proposals, tol=options.tol, keep_path=options.snapshots, report=report
        )
        profiles: dict[int, tuple[int, FloatArray]] = {}
        followers = self._advance(batch, profiles)
        for i, beginning in enumerate(batch.runs):
            climb = options.climb(problem, beginning, offset + i)
            start = None if starts is None else starts[i]
            name, random = (SPLIT, False) if start is None else (start.name, start.random)
            seen, profile = profiles.get(i, (0, None))
            # A look at an earlier step says nothing of where the run is.
            profile = profile if seen == len(climb.trace) else None
            self.trails.append(Trail(name, random, climb, profile=profile))
        if self.wait:
            self._waiting.append((offset, followers))
            self.left |= {
                offset + i: offset + goal for i, goal in followers.items() if isinstance(goal, int)
            }
        else:
            self._resolve(offset, followers)

    def _advance(
        self, batch: Batch, profiles: dict[int, tuple[int, FloatArray]]
    ) -> dict[int, int | Maximum]:
        """Make the first steps; return the runs that left for another run, or a maximum."""
        followers: dict[int, int | Maximum] = {}
        batch.advance(0)
        for advance, n_steps in self._stages(batch):
            if not batch.active.size:
                break
            advance(n_steps)
            if self._n_final is None and batch.active.size:
                followers |= self._meet(batch, profiles)
            if self.wait and batch.active.size == 1 and len(batch.runs) > 1:
                # The others have left: it is carried on by itself, where it is wanted.
                break
        batch.leave(batch.active.tolist())
        return followers

    def _stages(self, batch: Batch) -> list[tuple[Callable[[int], None], int]]:
        """Return how the first steps are made between two looks at them, and how many."""
        options = self._options
        leaps = options.accelerate and 2 * sum(_LEAPS) + _STAGE_LOOK <= options.max_iter
        if self.wait and self.sampled and leaps and self.problem.smooth:
            return [(batch.advance, _STAGE_LOOK), *((batch.leap, n_steps) for n_steps in _LEAPS)]
        stage = _STAGE_LOOK if self.wait else _STAGE
        n_steps = min(WARM_UP, options.max_iter)
        return [(batch.advance, min(stage, n_steps - i)) for i in range(0, n_steps, stage)]

    def _meet(
        self, batch: Batch, seen: dict[int, tuple[int, FloatArray]]
    ) -> dict[int, int | Maximum]:
        """Let runs leave that have come close to a known maximum, or to a higher run."""
        met: dict[int, int | Maximum] = {}
        profiles = batch.log_density(self.probe)
        active = batch.active.tolist()
        heights = [batch.runs[run].trace[-1] for run in active]
        seen |= {
            run: (len(batch.runs[run].trace), profile)
            for run, profile in zip(active, profiles, strict=True)
        }
        order = sorted(range(len(active)), key=lambda i: -heights[i])
        leaders = Atlas(self.problem.total_weight)
        loose = self._loose
        if self.wait:
            loose = _LOOSE_SAMPLE if self.sampled else _LOOSE_LOOK
        if self.wait:
            for run, begun in enumerate(batch.runs):
                if begun.converged and not begun.degenerate:
                    if seen.get(run, (0,))[0] != len(begun.trace):
                        seen[run] = len(begun.trace), self._profile(begun.parameters)
                    leaders.add(run, begun.trace[-1], seen[run][1], "")
        for i in order:
            known = self.atlas.find(heights[i], profiles[i], loose)
            leader = leaders.find(heights[i], profiles[i], loose)
            if known is not None:
                met[active[i]] = known
            elif leader is not None:
                met[active[i]] = leader.run
            else:
                leaders.add(active[i], heights[i], profiles[i], "")
        low: list[int] = []
        if self.wait:
            # Their first steps are made later, if they are wanted.
            best = self.atlas.best
            floor = -np.inf if best is None or best.spurious else best.objective
            top = max(*heights, floor) - CLEAR * self.problem.total_weight
            traces = {run: batch.runs[run].trace for run in active}
            low = [run for run, trace in traces.items() if trace[-1] + to_come(trace) < top]
        batch.leave([*met, *low])
        return met

    def _resolve(self, offset: int, followers: dict[int, int | Maximum]) -> None:
        """Find out where new runs end, the highest first."""
        fresh = self.trails[offset:]
        order = sorted(range(len(fresh)), key=lambda i: -fresh[i].climb.objective)
        carried = 0
        for i in order:
            trail = fresh[i]
            if trail.resolved:
                continue
            goal = followers.get(i)
            if isinstance(goal, int):
                # The one it left for was higher, and has been followed to its end.
                goal = fresh[goal].maximum
            if goal is not None:
                trail.maximum, trail.resolved = goal, True
                goal.hits.append(offset + i)
            elif trail.climb.degenerate:
                trail.resolved = True
            elif self._too_low(trail.climb):
                trail.given_up = True
            elif self._n_final is None or carried < self._n_final:
                carried += self.carry(trail, offset + i)

    def _too_low(self, climb: Climb) -> bool:
        """Whether a run, on many rows, is too low to matter."""
        best = self.atlas.best
        if self.few or best is None or self._n_final is not None or len(climb.trace) < 2:
            return False
        gain = climb.trace[-1] - climb.trace[-2]
        missing = best.objective - climb.objective
        return missing > max(_GIVE_UP * self.problem.total_weight, _GAINS * gain)

    def rises_to(self, trail: Trail, objective: float) -> bool:
        """Advance a run as long as it may still come higher than this; return whether it does.

        A run that stays lower is left before its end is known.
        """
        trail.profile = None
        return trail.climb.rises_to(objective, self._options.max_iter)

    def carry(self, trail: Trail, index: int) -> bool:
        """Carry a run to convergence; return whether it found a maximum to be trusted."""
        climb = trail.climb
        climb.advance(self._options.max_iter)
        trail.profile = None
        trail.resolved = trail.carried = True
        if climb.degenerate or not climb.converged:
            return False
        reason = why_spurious(self.problem, climb.parameters)
        trail.profile = profile = self._profile(climb.parameters)
        trail.maximum = self.atlas.add(index, climb.objective, profile, reason)
        return not reason

    def _profile(self, parameters: Parameters) -> FloatArray:
        """Log-density of the probe rows."""
        stack = Parameters(*(array[None] for array in parameters))
        return np.asarray(self.problem.log_density(stack, self.probe)[0])

    def led_to(self, index: int) -> int:
        """Return the run for which a run was left, at last; its own number if there is none."""
        while index in self.left:
            index = self.left[index]
        return index

    def resolve_waiting(self) -> None:
        """Find out where the runs end that were left after their first steps."""
        waiting, self._waiting, self.wait = self._waiting, [], False
        for offset, followers in waiting:
            self._resolve(offset, followers)

    def profile(self, trail: Trail) -> FloatArray:
        """Log-density of the probe rows where a run has been left."""
        if trail.profile is None:
            trail.profile = self._profile(trail.climb.parameters)
        return trail.profile

    def distance(self, trail: Trail, maximum: Maximum) -> float:
        """How far a run is from a maximum, in units of what the data could not tell apart."""
        problem, profile = self.problem, self.profile(trail)
        square = problem.total_weight * float(np.mean((profile - maximum.profile) ** 2))
        size = _PER_PARAMETER * (Chart.size_of(problem) - 1)
        return square / min(size, _CLOSE * problem.total_weight)

    def unseen(self) -> dict[str, Unseen]:
        """How likely one more start of each random kind finds a new maximum."""
        number = {id(maximum): i for i, maximum in enumerate(self.atlas.maxima)}
        ends = [
            (trail.kind, None if trail.maximum is None else number[id(trail.maximum)])
            for trail in self.trails
            if trail.resolved
        ]
        random = {trail.kind for trail in self.trails if trail.random}
        return {kind: value for kind, value in unseen(ends).items() if kind in random}


def to_come(trace: Sequence[float]) -> float:
    """Estimate, generously, what a run will still gain."""
    if len(trace) < 3:
        return np.inf
    before, last = trace[-2] - trace[-3], trace[-1] - trace[-2]
    most = _PROMISE * last
    # Aitken's estimate where gains shrink geometrically, twice over.
    return min(most, 2.0 * last * last / (before - last)) if before > last else most
