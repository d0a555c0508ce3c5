"""What a search for the best mixture found, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.mixture import Mixture


@dataclass(frozen=True, eq=False)
class Run:
    """One restart.

    Attributes
    ----------
    start : Mixture
        Where it began.
    mixture : Mixture
        Where it ended; for a refused run, the last mixture before it degenerated.
    trace : ndarray, shape (n_iter + 1,)
        Best objective so far after each E-step, the first being the start's: the total
        log-likelihood, plus the log-prior where there is one. It never falls.
    log_likelihood : float
        Total log-likelihood at `mixture`.
    converged : bool
        False for short runs that were not among the best few.
    n_iter : int
        E-steps after the first.
    degenerate : str
        Why the run was refused; empty where it was not.
    spurious : str
        Why its optimum, though a maximum, is not to be trusted; empty where it is.
    snapshots : tuple of Mixture
        The mixture at each entry of `trace`, where asked for; otherwise empty.
    n_rows : int
        Rows the trace speaks of: fewer than in the data for short runs on a sample of them.
    """

    start: Mixture
    mixture: Mixture
    trace: FloatArray
    log_likelihood: float
    converged: bool
    n_iter: int
    degenerate: str = ""
    spurious: str = ""
    snapshots: tuple[Mixture, ...] = ()
    n_rows: int = 0

    @property
    def objective(self) -> float:
        """Last entry of the trace; minus infinity where the run never began."""
        return float(self.trace[-1]) if self.trace.size else -np.inf


@dataclass(frozen=True, eq=False)
class Optimum:
    """One distinct maximum.

    Attributes
    ----------
    objective : float
    runs : tuple of int
        Which runs reached it.
    """

    objective: float
    runs: tuple[int, ...]

    @property
    def n_runs(self) -> int:
        """How many runs reached it."""
        return len(self.runs)


@dataclass(frozen=True, eq=False)
class EMResult:
    """What :func:`fit_em` found.

    Attributes
    ----------
    mixture : Mixture
        The best maximum that is not degenerate, components by decreasing weight.
    log_likelihood : float
        Its total log-likelihood.
    trace : ndarray
        Path of the run that found it, see :class:`Run`.
    converged : bool
    n_iter : int
    runs : tuple of Run
        One record per restart.
    best : int
        Which of `runs` is the best.
    optima : tuple of Optimum
        The distinct maxima that converged runs on all rows reached, best first.
    covariance_type : str
    total_weight : float
        Sum of the row weights: the number of rows, where none were given.
    """

    mixture: Mixture
    log_likelihood: float
    trace: FloatArray
    converged: bool
    n_iter: int
    runs: tuple[Run, ...] = field(repr=False)
    best: int
    optima: tuple[Optimum, ...] = field(repr=False)
    covariance_type: str
    total_weight: float

    @property
    def n_reached(self) -> int:
        """How many runs reached the best maximum."""
        for optimum in self.optima:
            if self.best in optimum.runs:
                return optimum.n_runs
        return 1

    @property
    def spurious(self) -> str:
        """Why the best maximum is not to be trusted; empty where it is."""
        return self.runs[self.best].spurious

    @property
    def n_degenerate(self) -> int:
        """How many runs were refused."""
        return sum(bool(run.degenerate) for run in self.runs)


def distinct_optima(runs: tuple[Run, ...], n_rows: int, tolerance: float) -> tuple[Optimum, ...]:
    """Group converged runs on `n_rows` rows whose objectives differ by at most `tolerance`."""
    reached = [
        i
        for i, run in enumerate(runs)
        if run.converged and not run.degenerate and run.n_rows == n_rows
    ]
    groups: list[list[int]] = []
    for i in sorted(reached, key=lambda i: -runs[i].objective):
        if groups and runs[groups[-1][0]].objective - runs[i].objective <= tolerance:
            groups[-1].append(i)
        else:
            groups.append([i])
    return tuple(Optimum(runs[group[0]].objective, tuple(group)) for group in groups)
