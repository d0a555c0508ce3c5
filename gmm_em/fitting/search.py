"""The search for the best maximum on one set of rows.

Rounds of starts of different kinds are advanced a few steps together; what does not end where
others have ended is carried to convergence, and told from what is known by the distance between
the mixtures (:mod:`gmm_em.fitting.maxima`). Then one component of the best maximum is split and
two are merged (:mod:`gmm_em.fitting.splits`). A search without a given number of starts ends when
several kinds agree, or when one more start is unlikely to find anything new, or at its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import FloatArray
from gmm_em.fitting.acceleration import Chart
from gmm_em.fitting.ascent import WARM_UP, Climb
from gmm_em.fitting.maxima import Atlas, Maximum, Unseen, unseen
from gmm_em.fitting.options import Options, Plan
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.seeds import Streams
from gmm_em.fitting.short_runs import Batch
from gmm_em.fitting.splits import split_merge
from gmm_em.fitting.spurious import why_spurious
from gmm_em.fitting.starts.base import Rows, Start
from gmm_em.fitting.starts.strategy import kinds, propose
from gmm_em.rows.samples import Parameters

# The kind of a start that splits and merges components of a maximum.
SPLIT = "split and merge"
# Rows whose log-densities tell maxima apart.
_PROBE_ROWS = 256
# Rows that starts look at.
_START_ROWS = 2_000
# Starts in the first round, and in every later one.
_FIRST_ROUND, _ROUND = 10, 18
# The search ends after this many starts, on few rows and on many.
_FEW_ROWS, MOST_STARTS_FEW, MOST_STARTS_MANY = 2_000, 154, 46
# It ends earlier where the best maximum was reached so often, by so many kinds, ...
_HITS, _KINDS = 4, 3
# ... and one more start finds a new maximum with less than this probability.
_UNSEEN = 0.1
# The first round is enough where so large a part of its kinds agrees, or where every other maximum
# is lower by so much per unit of weight.
_MOST, _CLEAR = 0.6, 0.05
# With more rows than this the first round may be enough by a glance at its short runs: a run may
# still come higher by so many times its last gain, and is close to a maximum where the mean squared
# log-ratio is below this, and N times it below three times the number of parameters. Half of the
# kinds are enough, because all that may come higher are followed.
_GLANCE_ROWS, _PROMISE, _CLOSE, _PER_PARAMETER, _HALF = 800, 20.0, 0.02, 3.0, 0.5
# How often components of a maximum are split and merged, as long as it helps.
_IMPROVEMENTS = 5
# So many starts without a maximum are enough.
_HOPELESS = 40
# On many rows a run is given up where it is lower than the best by so much per unit of weight, and
# by so many times its last gain.
_GIVE_UP, _GAINS = 0.005, 20.0
# Attempts to split and merge, on few rows and on many.
_SPLITS_FEW, _SPLITS_MANY = 12, 6
# How much closer than converged runs, in squared distance, a short run must come: loosely.
_LOOSE_FEW, _LOOSE_MANY = 1.0, 10.0
# Steps between two looks at which runs have met.
_STAGE = 12


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
    """

    kind: str
    random: bool
    climb: Climb
    maximum: Maximum | None = None
    resolved: bool = False


class Search:
    """A search on one problem.

    Parameters
    ----------
    problem : Problem
    plan : Plan
    options : Options
    streams : Streams

    Attributes
    ----------
    problem, plan
        As given.
    probe : ndarray of int
        The rows whose log-densities tell maxima apart.
    trails : list of Trail
        Every start.
    atlas : Atlas
        The maxima that they led to.
    stopped : str
        Why the search ended.
    agreed : bool
        Whether a glance at the first round was enough.
    """

    def __init__(
        self, problem: Problem, plan: Plan, options: Options, streams: Streams
    ) -> None:
        self.problem, self.plan, self._options, self._streams = problem, plan, options, streams
        self.trails: list[Trail] = []
        self.atlas = Atlas(problem.total_weight)
        self.stopped = ""
        self.agreed = False
        self._rows = Rows.of(problem.samples, problem.structure, _START_ROWS)
        n = problem.samples.n_samples
        self.probe = np.unique(np.linspace(0, n - 1, _PROBE_ROWS).astype(np.int64))
        self._few = n <= _FEW_ROWS
        self._loose = _LOOSE_FEW if self._few else _LOOSE_MANY
        self._drawn = 0
        # Runs whose ends are not looked at yet, and for which other run some of them have left.
        self._wait = False
        self._waiting: list[tuple[int, dict[int, int | Maximum]]] = []
        self._left: dict[int, int] = {}

    # How long it goes on -----------------------------------------------------------------------

    def run(self) -> None:
        """Search."""
        # BLAS would wake its threads for every small matrix; the E-steps have threads of their own.
        with single_threaded_blas():
            self._run()

    def _run(self) -> None:
        plan = self.plan
        if self.problem.n_components == 1 or (plan.partial and plan.partial.decides):
            # One maximum, which EM reaches in one step from anywhere; or one start.
            self._round(1)
            self.stopped = "there is one start only"
        elif plan.n_init is not None:
            self._round(plan.n_init)
            self.stopped = f"{plan.n_init} starts were asked for"
        else:
            self._adapt()

    def _adapt(self) -> None:
        most = MOST_STARTS_FEW if self._few and self.problem.by_row else MOST_STARTS_MANY
        if self.problem.n_rows > _GLANCE_ROWS and self.problem.smooth:
            if self._glance():
                self.agreed = True
                self.stopped = "most kinds of starts agree"
                return
        else:
            self._round(_FIRST_ROUND)
        self._improve()
        if self._agreed():
            self.stopped = "most kinds of starts agree"
            return
        while self._drawn < most:
            if self._drawn >= _HOPELESS and not self.atlas.maxima:
                self.stopped = f"none of {self._drawn} starts converged"
                return
            before = self.atlas.best
            self._round(min(_ROUND, most - self._drawn))
            if self.atlas.best is not before:
                self._improve()
            elif self._settled():
                self.stopped = "one more start is unlikely to find another maximum"
                return
        self.stopped = f"the limit of {most} starts was reached"

    def _glance(self) -> bool:
        """Make the first round, and return whether its short runs show that it is enough.

        Only the best run is carried to convergence, and those that may still come higher. Where
        most of the others are as close to its maximum as the data could tell, and a split and
        merge of its components leads nowhere higher, their ends are not looked at.
        """
        self._wait = True
        self._round(_FIRST_ROUND)
        best = self._carry_promising(0)
        for _ in range(_IMPROVEMENTS):
            if best is None or not self._near(best):
                break
            before, offset = best, len(self.trails)
            self._split_and_merge(before)
            best = self._carry_promising(offset)
            if best is before and self._near(best):
                self._wait = False
                return True
        self._wait = False
        waiting, self._waiting = self._waiting, []
        for offset, followers in waiting:
            self._resolve(offset, followers)
        return False

    def _carry_promising(self, offset: int) -> Maximum | None:
        """Carry on the runs from number `offset` that may come higher than the best maximum."""
        order = range(offset, len(self.trails))
        for index in sorted(order, key=lambda i: -self.trails[i].climb.objective):
            trail, best = self.trails[index], self.atlas.best
            climb = trail.climb
            if trail.resolved or climb.degenerate or index in self._left:
                continue
            close = best is not None and not best.spurious
            if close and climb.objective + _to_come(climb.trace) < best.objective:
                continue
            if close and climb.objective < best.objective and self._distance(trail, best) < 1.0:
                continue
            self._carry(trail, index)
        return self.atlas.best

    def _distance(self, trail: Trail, maximum: Maximum) -> float:
        """How far a run is from a maximum, in units of what the data could not tell apart."""
        problem = self.problem
        profile = problem.log_density(
            Parameters(*(array[None] for array in trail.climb.parameters)), self.probe
        )[0]
        square = problem.total_weight * float(np.mean((profile - maximum.profile) ** 2))
        size = _PER_PARAMETER * (Chart.size_of(problem) - 1)
        return square / min(size, _CLOSE * problem.total_weight)

    def _near(self, best: Maximum) -> bool:
        """Whether most kinds of starts came close to a maximum; their runs then count for it."""
        if best.spurious:
            return False
        drawn = [i for i, trail in enumerate(self.trails) if trail.kind != SPLIT]
        met = set(best.hits)
        for i, trail in enumerate(self.trails):
            if trail.climb.degenerate or trail.climb.converged:
                continue
            leader = self._left.get(i)
            if leader in met or self._distance(trail, best) < 1.0:
                met.add(i)
        kinds_met = {self.trails[i].kind for i in drawn if i in met}
        enough = len(kinds_met) >= _HALF * len({self.trails[i].kind for i in drawn})
        margin = _CLEAR * self.problem.total_weight
        others = [self.trails[i].climb.objective for i in drawn if i not in met]
        alone = all(value < best.objective - margin for value in others)
        if len(kinds_met) < self._enough_kinds or not (enough or alone):
            return False
        for i in sorted(met.difference(best.hits)):
            trail = self.trails[i]
            if trail.maximum is not None:
                trail.maximum.hits.remove(i)
            trail.maximum, trail.resolved = best, True
            best.hits.append(i)
        return True

    @property
    def _enough_kinds(self) -> int:
        return min(_KINDS, len({trail.kind for trail in self.trails if trail.kind != SPLIT}))

    def _agreed(self) -> bool:
        """Whether most kinds led to the best maximum, or none to another that is nearly as high."""
        best = self.atlas.best
        if best is None or best.spurious:
            return False
        drawn = [trail for trail in self.trails if trail.kind != SPLIT]
        agreeing = {trail.kind for trail in drawn if trail.maximum is best}
        if len(agreeing) < self._enough_kinds:
            return False
        if len(agreeing) >= _MOST * len({trail.kind for trail in drawn}):
            return True
        margin = _CLEAR * self.problem.total_weight
        others = [maximum for maximum in self.atlas.maxima if maximum is not best]
        return all(other.objective < best.objective - margin for other in others)

    def _settled(self) -> bool:
        best = self.atlas.best
        if best is None or best.spurious:
            return False
        found = [trail for trail in self.trails if trail.maximum is best and trail.kind != SPLIT]
        if len(found) < _HITS or len({t.kind for t in found}) < self._enough_kinds:
            return False
        n_starts, n_once = self._counts()
        return n_once < _UNSEEN * n_starts

    def _counts(self) -> tuple[int, int]:
        each = self.unseen().values()
        return sum(one.n_starts for one in each), sum(one.n_once for one in each)

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

    # Rounds --------------------------------------------------------------------------------------

    def _round(self, n: int) -> None:
        """Make `n` more starts."""
        first = self._drawn
        self._drawn += n
        starts = kinds(self.plan.init_params, first, n)
        rngs = [self._streams.start(i) for i in range(first, first + n)]
        k, structure = self.problem.n_components, self.problem.structure
        proposals = propose(self._rows, k, structure, starts, rngs)
        if self.plan.partial is not None:
            proposals = self.plan.partial.complete(self.problem.samples, structure, proposals)
        self._follow(proposals, starts)

    def _improve(self) -> None:
        """Split and merge components of the best maximum, and again where that helped."""
        for _ in range(_IMPROVEMENTS):
            before = self.atlas.best
            if before is None:
                return
            self._split_and_merge(before)
            if self.atlas.best is before:
                return

    def _split_and_merge(self, best: Maximum) -> None:
        """Make starts of one maximum."""
        if self.problem.by_row:
            mixture = self.trails[best.run].climb.parameters
            joint = self.problem.responsibilities(mixture)
            proposals = split_merge(
                self._rows.seen(mixture), joint, self.problem.structure, _SPLITS_FEW if self._few else _SPLITS_MANY
            )
            self._follow([self._rows.inner(one) for one in proposals], None)

    def _follow(self, proposals: Sequence[Parameters], starts: Sequence[Start] | None) -> None:
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
        followers = self._advance(batch)
        for i, beginning in enumerate(batch.runs):
            climb = options.climb(problem, beginning, offset + i)
            start = None if starts is None else starts[i]
            name, random = (SPLIT, False) if start is None else (start.name, start.random)
            self.trails.append(Trail(name, random, climb))
        if self._wait:
            self._waiting.append((offset, followers))
            self._left |= {
                offset + i: offset + goal for i, goal in followers.items() if isinstance(goal, int)
            }
        else:
            self._resolve(offset, followers)

    def _advance(self, batch: Batch) -> dict[int, int | Maximum]:
        """Make the first steps; return the runs that left for another run, or a maximum."""
        followers: dict[int, int | Maximum] = {}
        batch.advance(0)
        left = min(WARM_UP, self._options.max_iter)
        while left > 0 and batch.active.size:
            batch.advance(min(_STAGE, left))
            left -= _STAGE
            if self.plan.n_final is None and batch.active.size:
                followers |= self._meet(batch)
        batch.leave(batch.active.tolist())
        return followers

    def _meet(self, batch: Batch) -> dict[int, int | Maximum]:
        """Let runs leave that have come close to a known maximum, or to a higher run."""
        met: dict[int, int | Maximum] = {}
        profiles = batch.log_density(self.probe)
        active = batch.active.tolist()
        heights = [batch.runs[run].trace[-1] for run in active]
        order = sorted(range(len(active)), key=lambda i: -heights[i])
        leaders = Atlas(self.problem.total_weight)
        for i in order:
            known = self.atlas.find(heights[i], profiles[i], self._loose)
            leader = leaders.find(heights[i], profiles[i], self._loose)
            if known is not None:
                met[active[i]] = known
            elif leader is not None:
                met[active[i]] = leader.run
            else:
                leaders.add(active[i], heights[i], profiles[i], "")
        low: list[int] = []
        if self._wait:
            # Their first steps are made later, if they are wanted.
            top = max(heights) - _CLEAR * self.problem.total_weight
            traces = {run: batch.runs[run].trace for run in active}
            low = [run for run, trace in traces.items() if trace[-1] + _to_come(trace) < top]
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
            elif trail.climb.degenerate or self._given_up(trail.climb):
                trail.resolved = True
            elif self.plan.n_final is None or carried < self.plan.n_final:
                carried += self._carry(trail, offset + i)

    def _given_up(self, climb: Climb) -> bool:
        """Whether a run, on many rows, is too low to matter."""
        best = self.atlas.best
        if self._few or best is None or self.plan.n_final is not None or len(climb.trace) < 2:
            return False
        gain = climb.trace[-1] - climb.trace[-2]
        missing = best.objective - climb.objective
        return missing > max(_GIVE_UP * self.problem.total_weight, _GAINS * gain)

    def _carry(self, trail: Trail, index: int) -> bool:
        """Carry a run to convergence; return whether it found a maximum to be trusted."""
        climb = trail.climb
        climb.advance(self._options.max_iter)
        trail.resolved = True
        if climb.degenerate or not climb.converged:
            return False
        reason = why_spurious(self.problem, climb.parameters)
        stack = Parameters(*(array[None] for array in climb.parameters))
        profile = self.problem.log_density(stack, self.probe)[0]
        trail.maximum = self.atlas.add(index, climb.objective, profile, reason)
        return not reason


def _to_come(trace: Sequence[float]) -> float:
    """A generous estimate of what a run will still gain."""
    if len(trace) < 3:
        return np.inf
    before, last = trace[-2] - trace[-3], trace[-1] - trace[-2]
    most = _PROMISE * last
    # Aitken's estimate where gains shrink geometrically, twice over.
    return min(most, 2.0 * last * last / (before - last)) if before > last else most
