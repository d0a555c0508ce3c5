"""One run: EM from one start, until the gain still to come is negligible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from gmm_em.core.threads import single_threaded_blas
from gmm_em.e_step.totals import Totals
from gmm_em.fitting.acceleration import InverseHessian, QuasiNewton, away_from_saddle
from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.rows.samples import Parameters

# Plain steps before acceleration: they leave the start's neighbourhood and settle in a basin.
# Short runs from many starts are as long, so that a run alone and one of many take the same path.
WARM_UP = 24
# Objectives this close, relatively, cannot be told apart from rounding.
_ROUNDING = 1e-14
# Trial steps along one direction before EM's own step is taken.
_MAX_TRIALS = 6
# How often a run may step off a saddle point.
_MAX_ESCAPES = 5
# Steps of EM that put right what the straight step off the point has upset.
_SETTLE = 3
# A run is looked at again after so many steps, and may rise by so many times what it did in those.
_STRIDE, _STRIDES = 8, 5.0

Report = Callable[[int, float], None]


@dataclass
class Beginning:
    """The first steps of a run, which were made elsewhere.

    Attributes
    ----------
    start, parameters : Parameters
        Where it began, and where it is.
    totals : Totals, optional
        The E-step at `parameters`; None where there was none.
    trace, log_likelihoods : list of float
    path : list of Parameters
    converged : bool
    degenerate : str
    """

    start: Parameters
    parameters: Parameters
    totals: Totals | None = None
    trace: list[float] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    path: list[Parameters] = field(default_factory=list)
    converged: bool = False
    degenerate: str = ""


class Climb:
    """A run that can be advanced, left, and advanced again.

    **When it stops.** EM converges linearly, so that with successive gains ``a`` and ``b`` the
    gain still to come is about ``b r / (1 - r)``, ``r = b / a`` (Aitken's estimate; Böhning et
    al. 1994, equation 9). Under acceleration it is the quadratic model's ``g^T H g / 2``. The run
    has converged when this estimate and the last gain, per unit of sample weight, are below
    `tol`. The gain of the last step alone, which other programs use,
    is small on a long plateau, too.

    **Every entry of the trace costs one E-step**, those of rejected trial steps included, and is
    the best objective so far: the trace never falls. (Adding to the diagonals of covariances is
    no maximisation; with it the trace is the path as it is.)

    Parameters
    ----------
    problem : Problem
    start : Parameters or Beginning
        A mixture, or the first steps of a run.
    tol : float
    accelerate : bool, default True
        Allow quasi-Newton steps after the first 24.
    keep_path : bool, default False
    warm_up : int, default 24
        Plain steps before the first accelerated one.
    report : callable, optional
        Called as ``report(n_iter, log_likelihood)`` after every E-step.

    Attributes
    ----------
    parameters : Parameters
        The best so far.
    trace, log_likelihoods : list of float
        Objective and log-likelihood after each E-step; equal where there is no prior.
    converged : bool
    degenerate : str
        Why the run was given up, where it was.
    """

    def __init__(
        self,
        problem: Problem,
        start: Parameters | Beginning,
        *,
        tol: float,
        accelerate: bool = True,
        keep_path: bool = False,
        report: Report | None = None,
        warm_up: int = WARM_UP,
    ) -> None:
        self._problem, self._warm_up = problem, warm_up
        self._tol = tol * problem.total_weight
        self._report = report
        self._keep_path = keep_path
        begun = start if isinstance(start, Beginning) else Beginning(start, start)
        k, d = begun.start.means.shape
        size = k + k * d + problem.structure.n_parameters(k, d)
        self._accelerate = accelerate and problem.smooth and InverseHessian.worthwhile(size)
        self._newton: QuasiNewton | None = None
        self._escapes = 0
        self.start, self.parameters = begun.start, begun.parameters
        self.trace = begun.trace
        self.log_likelihoods = begun.log_likelihoods
        self.path = begun.path
        self.converged = begun.converged
        self.degenerate = begun.degenerate
        self._totals = begun.totals
        if self._totals is None and not self.degenerate:
            self._try_first()

    @property
    def n_iter(self) -> int:
        """E-steps after the first."""
        return max(0, len(self.trace) - 1)

    @property
    def objective(self) -> float:
        """Best objective so far; minus infinity where there is none."""
        return self.trace[-1] if self.trace else -np.inf

    @property
    def finished(self) -> bool:
        """Whether advancing further would change nothing."""
        return self.converged or bool(self.degenerate)

    def advance(self, until: int) -> None:
        """Iterate until `n_iter` is `until`, or the run has finished."""
        try:
            # BLAS would wake its threads for every small matrix.
            with single_threaded_blas():
                self._climb_and_escape(until)
        except DegenerateError as error:
            self.degenerate = str(error)
        except np.linalg.LinAlgError:
            # The accelerator's factors see a collapse that the E-step still could evaluate.
            self.degenerate = "a component collapsed onto a point or a hyperplane"

    def rises_to(self, objective: float, until: int) -> bool:
        """Advance as long as the run may still come higher than this; return whether it does.

        A run that stays lower is left before its end is known, or where `n_iter` is `until`.
        """
        while self.objective < objective and not self.finished and self.n_iter < until:
            before = self.objective
            self.advance(min(self.n_iter + _STRIDE, until))
            if self.objective + _STRIDES * (self.objective - before) < objective:
                return False
        return self.objective >= objective

    def _try_first(self) -> None:
        try:
            totals = self._problem.expect(self.start)
        except DegenerateError as error:
            self.degenerate = str(error)
            return
        if not np.isfinite(totals.objective):
            self.degenerate = "the log-likelihood is not finite"
            return
        self._move(self.start, totals)

    def _move(self, parameters: Parameters, totals: Totals) -> None:
        self.parameters, self._totals = parameters, totals
        self._note()

    def _note(self) -> None:
        """Add the best objective so far to the trace."""
        assert self._totals is not None
        self.trace.append(self._totals.objective)
        self.log_likelihoods.append(self._totals.log_likelihood)
        if self._keep_path:
            self.path.append(self.parameters)
        if self._report is not None:
            self._report(self.n_iter, self._totals.log_likelihood)

    def _em_step(self) -> None:
        assert self._totals is not None
        parameters = self._problem.maximize(self._totals)
        totals = self._problem.expect(parameters)
        if self._problem.smooth and not totals.objective > self._totals.objective:
            # At the optimum, to rounding.
            self._note()
            self.converged = True
            return
        self._move(parameters, totals)
        remaining = remaining_gain(self.trace[-3:])
        if remaining < self._tol:
            self.converged = True

    def _climb_and_escape(self, until: int) -> None:
        self._climb(until)
        while self._at_end(until) and self._escape():
            self._climb(until)

    def _climb(self, until: int) -> None:
        while not self.finished and self.n_iter < until:
            if self._accelerate and self.n_iter >= self._warm_up:
                self._accelerated_step(until)
            else:
                self._em_step()

    def _at_end(self, until: int) -> bool:
        more = self._accelerate and self._escapes < _MAX_ESCAPES and self.n_iter < until
        return more and self.converged and not self.degenerate

    def _escape(self) -> bool:
        """Leave the point that the run has converged to, where it is a saddle point."""
        assert self._totals is not None
        if self._newton is not None and self._newton.at_maximum:
            return False
        for parameters in away_from_saddle(self._problem, self.parameters):
            try:
                totals = self._problem.expect(parameters)
                for _ in range(_SETTLE):
                    parameters = self._problem.maximize(totals)
                    totals = self._problem.expect(parameters)
            except DegenerateError:
                continue
            if totals.objective > self.objective + _noise(self.objective):
                self._escapes += 1
                self._newton, self.converged = None, False
                self._move(parameters, totals)
                return True
        return False

    def _accelerated_step(self, until: int) -> None:
        assert self._totals is not None
        if self._newton is None:
            self._newton = QuasiNewton(self._problem, self.parameters, self._totals)
        newton = self._newton
        for _ in range(_MAX_TRIALS):
            if self.n_iter >= until:
                return
            point, length = newton.trial()
            objective = -np.inf
            # A step far too long overflows: such a mixture has no objective.
            if all(np.isfinite(part).all() for part in point.parameters):
                with suppress(DegenerateError):
                    totals = self._problem.expect(point.parameters)
                    objective = totals.objective
            if np.isfinite(objective) and newton.sufficient(objective, length):
                gain = objective - self._totals.objective
                newton.accept(point, totals)
                if newton.outdated:
                    # The curvature is looked at again from here.
                    self._newton = None
                self._move(point.parameters, totals)
                expected = newton.predicted_gain * self._problem.total_weight
                # A model that has yet to learn the curvature expects too little.
                self.converged = expected < self._tol and gain < self._tol
                return
            self._note()
            newton.shorten(objective, length)
            if newton.predicted_gain * self._problem.total_weight < _noise(self.objective):
                break
        self._newton = None
        self._em_step()


def _noise(objective: float) -> float:
    return _ROUNDING * abs(objective)


def remaining_gain(trace: Sequence[float]) -> float:
    """Estimate the gain still to come from the last three objectives.

    Aitken's estimate if gains shrink geometrically; infinite where they do not. It is no less
    than the last gain, because a fast decline may hide a slow one that follows.
    """
    if len(trace) < 3:
        return np.inf
    before, last = abs(trace[-2] - trace[-3]), abs(trace[-1] - trace[-2])
    if last <= _noise(trace[-1]):
        return 0.0
    if last >= before:
        return np.inf
    ratio = last / before
    return last * max(1.0, ratio / (1.0 - ratio))
