"""The search for the best maximum on one set of rows.

Rounds of starts of different kinds are advanced a few steps together; what does not end where
others have ended is carried to convergence, and told from what is known by the distance between
the mixtures (:mod:`gmm_em.fitting.maxima`). Then one component of the best maximum is split and
two are merged (:mod:`gmm_em.fitting.splits`). A search without a given number of starts ends when
several kinds agree, or when one more start is unlikely to find anything new, or at its limit. On
many rows a look at a few short runs comes first, and may be enough.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gmm_em.core.threads import single_threaded_blas
from gmm_em.fitting.crowding import crowded
from gmm_em.fitting.maxima import Maximum
from gmm_em.fitting.moves import Moves
from gmm_em.fitting.options import Options, Plan
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.rivals import rivals
from gmm_em.fitting.seeds import Streams
from gmm_em.fitting.starts.base import Rows
from gmm_em.fitting.starts.strategy import kinds, propose
from gmm_em.fitting.trails import CLEAR, SPLIT, Trails, to_come

# Rows that starts look at.
_START_ROWS = 2_000
# Starts of a first look, of the first round, and of every later one.
_LOOK = 7
_FIRST_ROUND = 10
_ROUND = 18
# The search ends after this many starts, on few rows and on many.
MOST_STARTS_FEW = 154
MOST_STARTS_MANY = 46
# It ends earlier where the best maximum was reached so often, by so many kinds, ...
_HITS = 4
_KINDS = 3
_KINDS_ALONE = 2
# ... and one more start finds a new maximum with less than this probability.
_UNSEEN = 0.1
# Kinds of starts that look closely at a few rows, or at none: they find what clustering misses.
_LOCAL = {"neighbourhoods", "tight_rows", "random"}
# The first round is enough where so large a part of its kinds agrees.
_MOST = 0.6
# With more rows than this a glance at its short runs may show it: then half of the kinds are
# enough, because all that may come higher are followed.
_GLANCE_ROWS = 800
_HALF = 0.5
# Runs that are higher than a maximum to which they are close by less than this are at it.
_LEVEL = 1e-5
# On fewer rows a start costs little, and maxima that few starts find are many: at least so many.
_FEWEST = 100
# How often components of a maximum are split and merged, as long as it helps.
_IMPROVEMENTS = 5
# Attempts to split and merge, on few rows, and on many or at a glance.
_SPLITS_FEW = 12
_SPLITS_MANY = 6
# Where most kinds of starts agree, moves are made that change the log-likelihood by this or more,
# per unit of weight, before EM's first step.
_CLOSE = -0.005
# So many starts without a maximum are enough, where some were only too short.
_HOPELESS = 40


class Search(Trails):
    """A search on one problem.

    Parameters
    ----------
    problem : Problem
    plan : Plan
    options : Options
    streams : Streams
    sampled : bool, default False
        Whether there are more rows than the problem has.
    thorough : bool, default False
        Whether to make as many starts as are allowed, even where the first agree.
    sample : callable, optional
        Poses the same problem for so many of the rows, on which moves are screened.

    Attributes
    ----------
    plan : Plan
    stopped : str
        Why the search ended.
    agreed : bool
        Whether the first starts were enough.
    """

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        options: Options,
        streams: Streams,
        *,
        sampled: bool = False,
        thorough: bool = False,
        sample: Callable[[int], Problem] | None = None,
    ) -> None:
        super().__init__(problem, options, plan.n_final, sampled=sampled)
        self.plan, self._streams, self._thorough = plan, streams, thorough
        self.stopped = ""
        self.agreed = False
        self._rows = Rows.of(problem.samples, problem.structure, _START_ROWS)
        self._moves = Moves(problem, self._rows, options, sample)
        self._drawn = 0

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
        most = MOST_STARTS_FEW if self.few and self.problem.by_row else MOST_STARTS_MANY
        if self._thorough:
            self._round(most)
            self._improve()
            self.stopped = f"the limit of {most} starts was reached"
            return
        if self.problem.n_rows > _GLANCE_ROWS and self.problem.smooth:
            if (self.problem.plain and self.problem.by_row and self.look()) or self._glance():
                self.agreed = True
                self.stopped = "most kinds of starts agree"
                return
        else:
            self._round(_FIRST_ROUND)
        self._improve()
        if self.problem.n_rows > _GLANCE_ROWS and self._agreed():
            self.stopped = "most kinds of starts agree"
            return
        while self._drawn < most:
            if self._drawn >= _HOPELESS and not self.atlas.maxima and not self._all_degenerate:
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

    @property
    def _all_degenerate(self) -> bool:
        return all(trail.climb.degenerate for trail in self.trails)

    def look(self) -> bool:
        """Make a few starts of different kinds, and return whether they agree.

        They do where half of the kinds, or three, come close to one maximum, and a split and merge
        of its components leads nowhere higher; where half of the kinds do, only moves that lose
        little are made. Where the first kinds do not agree, a few more are asked; then two are
        enough if all other runs are much lower. Nothing is enough where some rows are closer
        together than rows of the best mixture would be.
        """
        with single_threaded_blas():
            self.wait = True
            self._round(_LOOK)
            agreed = self._seen_enough()
            if not agreed or (self.sampled and len(rivals(self)) > 1):
                before = self.atlas.best
                self._round(_FIRST_ROUND - _LOOK)
                agreed = (agreed and self._carry_promising(0) is before) or self._seen_enough()
            if not agreed or self._crowded():
                return False
            self.wait, self.agreed = False, True
            self.stopped = "most kinds of starts agree"
            return True

    def _crowded(self) -> bool:
        """Whether some rows are closer together than what the starts agree on would have them."""
        best = self.atlas.best
        assert best is not None
        mixture = self.trails[best.run].climb.parameters
        return crowded(self._rows, mixture, self._streams.check())

    def _seen_enough(self) -> bool:
        best = self._carry_promising(0)
        if best is None:
            return False
        n_kinds = len(self._kinds_near(best))
        if self._drawn > _LOOK:
            # Two of ten kinds are enough where no other run comes nearly as high.
            enough = n_kinds >= _KINDS_ALONE and self._alone(best, self._met(best))
        else:
            enough = n_kinds >= self._enough_kinds
        most = self._most_kinds_near(best)
        if not (most or enough):
            return False
        offset = len(self.trails)
        self._split_and_merge(best, _CLOSE if most else -np.inf)
        if self._carry_promising(offset) is not best:
            return False
        self._count_near(best)
        return True

    def _glance(self) -> bool:
        """Make the first round, and return whether its short runs show that it is enough.

        Only the best run is carried to convergence, and those that may still come higher. Where
        most of the others are as close to its maximum as the data could tell, and a split and
        merge of its components leads nowhere higher, their ends are not looked at.
        """
        self.wait = True
        self._round(_FIRST_ROUND - self._drawn)
        best = self._carry_promising(0)
        if self.few:
            best = self._carry_undecided(best)
        for _ in range(_IMPROVEMENTS):
            if best is None or not self._near(best):
                break
            before, offset = best, len(self.trails)
            self._split_and_merge(before)
            best = self._carry_promising(offset)
            if best is before and self._near(best):
                self.wait = False
                return True
        self.resolve_waiting()
        return False

    def _carry_undecided(self, best: Maximum | None) -> Maximum | None:
        """Carry on the other runs of a glance, the highest first, until most kinds are near."""
        for index in sorted(range(len(self.trails)), key=lambda i: -self.trails[i].climb.objective):
            trail = self.trails[index]
            if best is None or self._near(best):
                break
            if not (trail.resolved or trail.climb.degenerate or index in self.left):
                self.carry(trail, index)
                best = self.atlas.best
        return best

    def _most_kinds_near(self, best: Maximum) -> bool:
        """Whether half of the kinds came close, one that looks closely among them."""
        kinds_met = self._kinds_near(best)
        return len(kinds_met) >= _HALF * self._drawn and bool(kinds_met & _LOCAL)

    def _carry_promising(self, offset: int) -> Maximum | None:
        """Carry on the runs from number `offset` that may come higher than the best maximum."""
        order = range(offset, len(self.trails))
        for index in sorted(order, key=lambda i: -self.trails[i].climb.objective):
            trail, best = self.trails[index], self.atlas.best
            climb = trail.climb
            if trail.resolved or climb.degenerate or index in self.left:
                continue
            if best is not None and not best.spurious:
                if climb.objective + to_come(climb.trace) < best.objective:
                    continue
                level = climb.objective < best.objective + _LEVEL
                if level and self.distance(trail, best) < 1.0:
                    continue
                if not self.rises_to(trail, best.objective):
                    continue
            self.carry(trail, index)
        return self.atlas.best

    def _near(self, best: Maximum) -> bool:
        """Whether most kinds of starts came close to a maximum; their runs then count for it."""
        if best.spurious:
            return False
        drawn = [i for i, trail in enumerate(self.trails) if trail.kind != SPLIT]
        met = self._met(best)
        kinds_met = {self.trails[i].kind for i in drawn if i in met}
        enough = len(kinds_met) >= _HALF * len({self.trails[i].kind for i in drawn})
        if len(kinds_met) < self._enough_kinds or not (enough or self._alone(best, met)):
            return False
        self._count_near(best)
        return True

    def _alone(self, best: Maximum, met: set[int]) -> bool:
        """Whether all runs but those that came close to a maximum are much lower."""
        margin = CLEAR * self.problem.total_weight
        others = [i for i, trail in enumerate(self.trails) if trail.kind != SPLIT and i not in met]
        return all(self.trails[i].climb.objective < best.objective - margin for i in others)

    def _kinds_near(self, best: Maximum) -> set[str]:
        """Return the kinds of starts that came close to a maximum which is to be trusted."""
        met = set() if best.spurious else self._met(best)
        return {self.trails[i].kind for i in met}.difference({SPLIT})

    def _met(self, best: Maximum) -> set[int]:
        """Return the runs that came close to a maximum."""
        met = set(best.hits)
        for i, trail in enumerate(self.trails):
            if trail.climb.degenerate or trail.carried:
                continue
            if self.left.get(i) in met or self.distance(trail, best) < 1.0:
                met.add(i)
        return met

    def _count_near(self, best: Maximum) -> None:
        """Count the runs that came close to a maximum for it."""
        for i in sorted(self._met(best).difference(best.hits)):
            trail = self.trails[i]
            if trail.maximum is not None:
                trail.maximum.hits.remove(i)
            trail.maximum, trail.resolved = best, True
            best.hits.append(i)

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
        # A run that was given up may lead higher than it is.
        others = [maximum.objective for maximum in self.atlas.maxima if maximum is not best]
        others += [trail.climb.objective for trail in drawn if trail.given_up]
        margin = CLEAR * self.problem.total_weight
        return all(other < best.objective - margin for other in others)

    def _settled(self) -> bool:
        best = self.atlas.best
        if best is None or best.spurious:
            return False
        found = [trail for trail in self.trails if trail.maximum is best and trail.kind != SPLIT]
        if len(found) < _HITS or len({t.kind for t in found}) < self._enough_kinds:
            return False
        if self.problem.n_rows <= _GLANCE_ROWS and self._drawn < _FEWEST:
            return False
        n_starts, n_once = self._counts()
        return n_once < _UNSEEN * n_starts

    def _counts(self) -> tuple[int, int]:
        each = self.unseen().values()
        return sum(one.n_starts for one in each), sum(one.n_once for one in each)

    # Rounds --------------------------------------------------------------------------------------

    def _round(self, n: int) -> None:
        """Make `n` more starts."""
        first = self._drawn
        self._drawn += n
        look = self.plan.open and self.problem.n_rows > _GLANCE_ROWS
        starts = kinds(self.plan.init_params, first, n, look=look)
        rngs = [self._streams.start(i) for i in range(first, first + n)]
        k, structure = self.problem.n_components, self.problem.structure
        proposals = propose(self._rows, k, structure, starts, rngs)
        if self.plan.partial is not None:
            proposals = self.plan.partial.complete(self.problem.samples, structure, proposals)
        self.follow(proposals, starts)

    def _improve(self) -> None:
        """Split and merge components of the best maximum, and again where that helped."""
        for _ in range(_IMPROVEMENTS):
            before = self.atlas.best
            if before is None:
                return
            self._split_and_merge(before)
            if self.atlas.best is before:
                self._look_further(before)
            if self.atlas.best is before:
                return

    def _split_and_merge(self, best: Maximum, least: float = -np.inf) -> None:
        """Make starts of one maximum, by moves that change the log-likelihood by `least` or more.

        That is per unit of weight, and before EM's first step.
        """
        limit = _SPLITS_MANY if self.wait or not self.few else _SPLITS_FEW
        self.follow(self._moves.first(self.trails[best.run].climb.parameters, limit, least), None)

    def _look_further(self, best: Maximum) -> None:
        """Make starts by those of many moves from a maximum that may lead higher."""
        self.follow(self._moves.screened(self.trails[best.run].climb.parameters), None)
