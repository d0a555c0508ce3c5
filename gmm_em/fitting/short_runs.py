"""The first steps of many runs at once.

Starts times components are one axis of the arrays, so that an iteration of all runs costs little
more than its arithmetic. A run that degenerates or converges leaves the batch, and never takes
another one with it. Runs can be accelerated together, too, for the same reason: one accelerated
run after the other costs several times as much on few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.e_step.totals import BatchedTotals
from gmm_em.fitting.ascent import Beginning, remaining_gain
from gmm_em.fitting.extrapolation import extrapolated
from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.rows.samples import Parameters

# Called with the place of a run among the starts, its E-steps so far, and its log-likelihood.
Report = Callable[[int, int, float], None]


class _Jump(NamedTuple):
    """Where extrapolation leads R runs, how far, and the E-step there."""

    parameters: Parameters
    lengths: FloatArray
    totals: BatchedTotals
    objectives: FloatArray


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
        if self._totals is None and self.active.size:
            self._evaluate()
        for _ in range(n_steps):
            if not self.active.size:
                return
            self._leave_converged()
            self._leave_empty()
            if not self.active.size:
                return
            self._step()

    def leap(self, n_steps: int) -> None:
        """Make about so many E-steps with all runs that have not left, accelerated.

        Two steps of EM are extrapolated. Where that leads lower than the first of them, the
        second is taken; such a run makes three E-steps instead of two.
        """
        if self._totals is None and self.active.size:
            self._evaluate()
        for _ in range(n_steps // 2):
            if self.active.size:
                self._leave_empty()
            if self.active.size:
                self._leap_once()

    def _leap_once(self) -> None:
        runs, first, begun = self.active, self._parameters, self._heights()
        self._step()
        if self.active.size:
            self._leave_empty()
        if not self.active.size:
            return
        # Some may have left.
        stay = np.isin(runs, self.active)
        first, begun = Parameters(*(array[stay] for array in first)), begun[stay]
        gains = self._heights() - begun
        assert self._totals is not None
        self._sound = second = self._parameters
        third = self._problem.maximize_each(self._totals, second)
        runs = self.active
        lengths = self._jump(first, second, third)
        stay = np.isin(runs, self.active)
        # The slowest error makes the gain of one step shrink by half the length of the jump.
        left = np.maximum(gains[stay] * lengths[stay], self._heights() - begun[stay])
        self._leave_at_end(left < self._tol)

    def _jump(self, first: Parameters, second: Parameters, third: Parameters) -> FloatArray:
        """Extrapolate, and evaluate where that leads; return the lengths of the jumps."""
        try:
            jump = self._tried(first, second, third)
        except (DegenerateError, np.linalg.LinAlgError):
            jump = self._tried_each(first, second, third)
        trial, lengths, totals, objectives = jump
        self._parameters = trial
        failed = np.flatnonzero(~(objectives >= self._heights()))
        if failed.size:
            for i in failed:
                self._note_one(int(self.active[i]), -np.inf, -np.inf, second, int(i))
            plain = _some(third, failed)
            self._parameters = Parameters(*_put(trial, failed, plain))
            try:
                again, heights = self._problem.expect_each(plain)
            except DegenerateError:
                self._evaluate()
                return lengths
            totals = BatchedTotals(*_put(totals, failed, again))
            objectives = _put([objectives], failed, [heights])[0]
        self._take(totals, objectives)
        return lengths

    def _tried(self, first: Parameters, second: Parameters, third: Parameters) -> _Jump:
        trial, lengths = extrapolated(first, second, third)
        trial = self._problem.in_family_each(trial)
        return _Jump(trial, lengths, *self._problem.expect_each(trial))

    def _tried_each(self, first: Parameters, second: Parameters, third: Parameters) -> _Jump:
        """Try one run after the other, because one of them fails."""
        assert self._totals is not None
        each = []
        for i in range(third.weights.shape[0]):
            place = np.array([i])
            steps = [_some(parameters, place) for parameters in (first, second, third)]
            try:
                each.append(self._tried(*steps))
            except (DegenerateError, np.linalg.LinAlgError):
                before = BatchedTotals(*(array[place] for array in self._totals))
                each.append(_Jump(steps[-1], np.ones(1), before, np.array([-np.inf])))
        trials, lengths, totals, objectives = zip(*each, strict=True)
        return _Jump(
            Parameters(*(np.concatenate(arrays) for arrays in zip(*trials, strict=True))),
            np.concatenate(lengths),
            BatchedTotals(*(np.concatenate(arrays) for arrays in zip(*totals, strict=True))),
            np.concatenate(objectives),
        )

    def _heights(self) -> FloatArray:
        """Objectives of the runs that have not left."""
        return np.array([self.runs[run].trace[-1] for run in self.active])

    def _leave_at_end(self, ended: NDArray[np.bool_]) -> None:
        for i in np.flatnonzero(ended):
            self.runs[self.active[i]].converged = True
            self._hand_over(int(i))
        self._keep(~ended)

    def _step(self) -> None:
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
        """E-step of all runs; those with a singular covariance leave."""
        try:
            totals, objectives = self._problem.expect_each(self._parameters)
        except DegenerateError:
            self._leave_singular()
            if not self.active.size:
                return
            totals, objectives = self._problem.expect_each(self._parameters)
        self._take(totals, objectives)

    def _take(self, totals: BatchedTotals, objectives: FloatArray) -> None:
        """Note what an E-step of all runs says; those that turn out to be degenerate leave."""
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
        for i, run in enumerate(self.active):
            value = float(self._totals.log_likelihood[i])
            self._note_one(int(run), float(objectives[i]), value, self._parameters, i)

    def _note_one(
        self, run: int, objective: float, value: float, parameters: Parameters, place: int
    ) -> None:
        """Add an E-step to the record of a run; the trace holds the best objective so far."""
        begun = self.runs[run]
        if self._problem.smooth and begun.trace and not objective > begun.trace[-1]:
            # At the optimum, to rounding; or a step that is not taken.
            objective, value = begun.trace[-1], begun.log_likelihoods[-1]
        begun.trace.append(objective)
        begun.log_likelihoods.append(value)
        if self._keep_path:
            begun.path.append(Parameters(*(array[place].copy() for array in parameters)))
        if self._report is not None:
            self._report(run, len(begun.trace) - 1, value)

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


def _some(parameters: Parameters, runs: IntArray) -> Parameters:
    return Parameters(*(array[runs] for array in parameters))


def _put(
    arrays: Sequence[FloatArray], runs: IntArray, others: Sequence[FloatArray]
) -> list[FloatArray]:
    """Return arrays in which some runs have other values."""
    # Some of them repeat one matrix, and cannot be written to.
    out = [array.copy() for array in arrays]
    for array, other in zip(out, others, strict=True):
        array[runs] = other
    return out
