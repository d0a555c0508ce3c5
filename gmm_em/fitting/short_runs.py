"""The first steps of many runs at once.

Starts times components are one axis of the arrays, so that an iteration of all runs costs little
more than its arithmetic. A run that degenerates or converges leaves the batch, and never takes
another one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.e_step.totals import BatchedTotals
from gmm_em.fitting.ascent import Beginning, remaining_gain
from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.rows.samples import Parameters

# Called with the place of a run among the starts, its E-steps so far, and its log-likelihood.
Report = Callable[[int, int, float], None]


class Batch:
    """Runs that are advanced together.

    Parameters
    ----------
    problem : Problem
    starts : sequence of Parameters
        Not empty.
    tol : float
        A run whose estimated remaining gain, per unit of weight, is below this has converged.
    keep_path : bool, default False
    report : callable, optional

    Attributes
    ----------
    runs : list of Beginning
        In the order of `starts`.
    active : ndarray of int
        The runs that have not left.
    """

    def __init__(
        self,
        problem: Problem,
        starts: Sequence[Parameters],
        *,
        tol: float,
        keep_path: bool = False,
        report: Report | None = None,
    ) -> None:
        self.runs = [Beginning(start, start) for start in starts]
        self.active = np.arange(len(starts))
        self._problem, self._tol = problem, tol * problem.total_weight
        self._keep_path, self._report = keep_path, report
        self._parameters = Parameters(*(np.stack(arrays) for arrays in zip(*starts, strict=True)))
        # Where the runs were one step before: what is left of one that degenerates.
        self._sound = self._parameters
        self._totals: BatchedTotals | None = None

    def advance(self, n_steps: int) -> None:
        """Make so many more steps of EM with all runs that have not left."""
        if self._totals is None:
            self._evaluate()
        for _ in range(n_steps):
            if not self.active.size:
                return
            self._leave_converged()
            self._leave_empty()
            if not self.active.size:
                return
            assert self._totals is not None
            self._sound = self._parameters
            self._parameters = self._problem.maximize_each(self._totals, self._parameters)
            self._evaluate()

    def log_density(self, index: IntArray) -> FloatArray:
        """Log-density of chosen rows under the mixture of every active run, shape (R, n)."""
        return self._problem.log_density(self._parameters, index)

    def leave(self, runs: Sequence[int]) -> None:
        """Take runs out of the batch, as they are."""
        stay = ~np.isin(self.active, runs)
        for i in np.flatnonzero(~stay):
            self._hand_over(int(i))
        self._keep(stay)

    def _evaluate(self) -> None:
        """E-step of all runs; those that turn out to be degenerate leave."""
        try:
            totals, objectives = self._problem.expect_each(self._parameters)
        except DegenerateError:
            self._leave_singular()
            if not self.active.size:
                return
            totals, objectives = self._problem.expect_each(self._parameters)
        self._totals = totals
        sound = np.isfinite(objectives)
        for i in np.flatnonzero(~sound):
            self._give_up(int(i), "the log-likelihood is not finite")
        self._keep(sound)
        self._note(objectives[sound])

    def _leave_singular(self) -> None:
        sound = np.ones(self.active.size, dtype=bool)
        for i in range(self.active.size):
            one = Parameters(*(array[i : i + 1] for array in self._parameters))
            try:
                self._problem.expect_each(one)
            except DegenerateError as error:
                sound[i] = False
                self._give_up(i, str(error))
        self._totals = None
        self._keep(sound)

    def _leave_converged(self) -> None:
        going = np.ones(self.active.size, dtype=bool)
        for i, run in enumerate(self.active):
            begun = self.runs[run]
            if len(begun.trace) > 2 and remaining_gain(begun.trace[-3:]) < self._tol:
                begun.converged, going[i] = True, False
                self._hand_over(i)
        self._keep(going)

    def _leave_empty(self) -> None:
        assert self._totals is not None
        empty = self._problem.empty(self._totals.counts)
        for i in np.flatnonzero(empty):
            component = int(self._totals.counts[i].argmin())
            self._hand_over(int(i))
            self.runs[self.active[i]].degenerate = f"component {component} became empty"
        self._keep(~empty)

    def _note(self, objectives: FloatArray) -> None:
        assert self._totals is not None
        smooth = self._problem.smooth
        for i, run in enumerate(self.active):
            begun, objective = self.runs[run], float(objectives[i])
            value = float(self._totals.log_likelihood[i])
            if smooth and begun.trace and not objective > begun.trace[-1]:
                # At the optimum, to rounding.
                objective, value = begun.trace[-1], begun.log_likelihoods[-1]
            begun.trace.append(objective)
            begun.log_likelihoods.append(value)
            if self._keep_path:
                begun.path.append(Parameters(*(array[i].copy() for array in self._parameters)))
            if self._report is not None:
                self._report(int(run), len(begun.trace) - 1, value)

    def _hand_over(self, i: int) -> None:
        """Write the state of a run where a climb can take it up."""
        assert self._totals is not None
        begun = self.runs[self.active[i]]
        begun.parameters = Parameters(*(array[i].copy() for array in self._parameters))
        begun.totals = self._totals.of(i)
        begun.totals.objective = begun.trace[-1]

    def _give_up(self, i: int, reason: str) -> None:
        begun = self.runs[self.active[i]]
        begun.parameters = Parameters(*(array[i].copy() for array in self._sound))
        begun.degenerate = reason

    def _keep(self, which: NDArray[np.bool_]) -> None:
        if which.all():
            return
        self.active = self.active[which]
        self._parameters = Parameters(*(array[which] for array in self._parameters))
        self._sound = Parameters(*(array[which] for array in self._sound))
        if self._totals is not None:
            self._totals = BatchedTotals(*(array[which] for array in self._totals))
