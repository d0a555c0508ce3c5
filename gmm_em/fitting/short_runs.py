"""The first steps of many runs at once.

Starts times components are one axis of the arrays, so that an iteration of all runs costs little
more than its arithmetic. A run that degenerates or converges leaves the batch, and never takes
another one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.e_step.batched import BatchedTotals
from gmm_em.fitting.ascent import Beginning, remaining_gain
from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.rows.samples import Parameters

# Called with the place of a run among the starts, its E-steps so far, and its log-likelihood.
Report = Callable[[int, int, float], None]

# Runs that are advanced at a time, so that their sums fit into memory and caches.
_BATCH_ELEMENTS = 1 << 22


def short_runs(
    problem: Problem,
    starts: Sequence[Parameters],
    n_steps: int,
    *,
    tol: float,
    keep_path: bool = False,
    report: Report | None = None,
) -> list[Beginning]:
    """Advance every start by up to `n_steps` steps of EM.

    Parameters
    ----------
    problem : Problem
    starts : sequence of Parameters
    n_steps : int
    tol : float
        A run whose estimated remaining gain, per unit of weight, is below this has converged.
    keep_path : bool, default False
    report : callable, optional

    Returns
    -------
    list of Beginning
        In the order of `starts`.
    """
    if not starts:
        return []
    k, d = starts[0].means.shape
    size = max(1, _BATCH_ELEMENTS // (k * (1 + d + d * d)))
    begun: list[Beginning] = []
    for first in range(0, len(starts), size):
        batch = _Batch(problem, starts[first : first + size], tol, keep_path, report, first)
        batch.advance(n_steps)
        begun += batch.runs
    return begun


class _Batch:
    """Runs that are advanced together, those that have not left."""

    def __init__(
        self,
        problem: Problem,
        starts: Sequence[Parameters],
        tol: float,
        keep_path: bool,
        report: Report | None,
        first: int,
    ) -> None:
        self.runs = [Beginning(start, start) for start in starts]
        self._problem, self._tol = problem, tol * problem.total_weight
        self._keep_path, self._report, self._first = keep_path, report, first
        self._active = np.arange(len(starts))
        self._parameters = Parameters(*(np.stack(arrays) for arrays in zip(*starts, strict=True)))
        # Where the runs were one step before: what is left of one that degenerates.
        self._sound = self._parameters

    def advance(self, n_steps: int) -> None:
        for step in range(n_steps + 1):
            totals, objectives = self._expect()
            if totals is None:
                return
            totals, objectives = self._leave_unsound(totals, objectives)
            self._note(totals, objectives, last=step == n_steps)
            if step == n_steps or not self._active.size:
                return
            totals = self._leave_converged(totals)
            totals = self._leave_empty(totals)
            if not self._active.size:
                return
            self._sound = self._parameters
            self._parameters = self._problem.maximize_each(totals)

    def _expect(self) -> tuple[BatchedTotals | None, FloatArray]:
        """E-step of all runs; those whose covariances are singular leave first."""
        try:
            return self._problem.expect_each(self._parameters)
        except DegenerateError:
            self._leave_singular()
        if not self._active.size:
            return None, np.empty(0)
        return self._problem.expect_each(self._parameters)

    def _leave_singular(self) -> None:
        sound = np.ones(self._active.size, dtype=bool)
        for i, run in enumerate(self._active):
            one = Parameters(*(array[i : i + 1] for array in self._parameters))
            try:
                self._problem.expect_each(one)
            except DegenerateError as error:
                sound[i] = False
                self._give_up(i, str(error))
        self._keep(sound)

    def _leave_unsound(
        self, totals: BatchedTotals, objectives: FloatArray
    ) -> tuple[BatchedTotals, FloatArray]:
        sound = np.isfinite(objectives)
        for i in np.flatnonzero(~sound):
            self._give_up(int(i), "the log-likelihood is not finite")
        return self._keep(sound, totals), objectives[sound]

    def _leave_converged(self, totals: BatchedTotals) -> BatchedTotals:
        going = np.ones(self._active.size, dtype=bool)
        for i, run in enumerate(self._active):
            begun = self.runs[run]
            if len(begun.trace) > 2 and remaining_gain(begun.trace[-3:]) < self._tol:
                begun.converged, going[i] = True, False
                self._hand_over(i, totals)
        return self._keep(going, totals)

    def _leave_empty(self, totals: BatchedTotals) -> BatchedTotals:
        empty = self._problem.empty(totals.counts)
        for i in np.flatnonzero(empty):
            component = int(totals.counts[i].argmin())
            self._hand_over(int(i), totals)
            self.runs[self._active[i]].degenerate = f"component {component} became empty"
        return self._keep(~empty, totals)

    def _note(self, totals: BatchedTotals, objectives: FloatArray, *, last: bool) -> None:
        smooth = self._problem.smooth
        for i, run in enumerate(self._active):
            begun, objective = self.runs[run], float(objectives[i])
            value = float(totals.log_likelihood[i])
            if smooth and begun.trace and not objective > begun.trace[-1]:
                # At the optimum, to rounding.
                objective, value = begun.trace[-1], begun.log_likelihoods[-1]
            begun.trace.append(objective)
            begun.log_likelihoods.append(value)
            if last or self._keep_path:
                self._hand_over(i, totals)
            if self._keep_path:
                begun.path.append(begun.parameters)
            if self._report is not None:
                self._report(self._first + int(run), len(begun.trace) - 1, value)

    def _hand_over(self, i: int, totals: BatchedTotals) -> None:
        """Write the state of a run where a climb can take it up."""
        begun = self.runs[self._active[i]]
        begun.parameters = Parameters(*(array[i].copy() for array in self._parameters))
        begun.totals = totals.of(i)
        begun.totals.objective = begun.trace[-1]

    def _give_up(self, i: int, reason: str) -> None:
        begun = self.runs[self._active[i]]
        begun.parameters = Parameters(*(array[i].copy() for array in self._sound))
        begun.degenerate = reason

    def _keep(self, which: IntArray, totals: BatchedTotals | None = None) -> BatchedTotals:
        if totals is None or not which.all():
            self._active = self._active[which]
            self._parameters = Parameters(*(array[which] for array in self._parameters))
            self._sound = Parameters(*(array[which] for array in self._sound))
            if totals is not None:
                totals = BatchedTotals(*(array[which] for array in totals))
        return totals  # type: ignore[return-value]
