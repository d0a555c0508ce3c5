"""What a search for the best mixture found, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.fitting.maxima import Unseen
from gmm_em.matching import distance_between
from gmm_em.mixture import Mixture

# Matched components closer than this, on average, are the same.
_SAME = 0.01


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
    kind : str
        How it began: a name of `init_params`, "split and merge" where it was made from a maximum
        that was found before, "given" for a start of the user's, "sample" for the maximum of a
        sample of the rows.
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
    kind: str = ""

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
        Which runs reached it, the one that stands for it first. A run that had come close to a
        maximum which was known already was left there, and counts.
    hits : dict of str to int
        How many of the starts of each kind led to it. Starts that looked at a sample of the rows
        count for the maximum on all rows that their own led to.
    """

    objective: float
    runs: tuple[int, ...]
    hits: dict[str, int] = field(default_factory=dict)

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
    unseen : dict of str to Unseen
        For each random kind of start, how likely one more start of it finds a maximum that this
        search has not met: the Good-Turing estimate, with its interval. Where the search saw a
        sample of the rows, the estimate is of that sample's maxima. On more than 2000 rows runs
        that are clearly lower than the best are left before their end is known, and do not count.
    stopped : str
        Why the search made no more starts.
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
    unseen: dict[str, Unseen] = field(default_factory=dict, repr=False)
    stopped: str = ""

    @property
    def hits(self) -> dict[str, int]:
        """How many of the starts of each kind led to the best maximum."""
        for optimum in self.optima:
            if self.best in optimum.runs:
                return optimum.hits
        return {}

    @property
    def n_starts(self) -> dict[str, int]:
        """How many starts of each kind the search made."""
        return dict(Counter(run.kind for run in self.runs if run.kind != "sample"))

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
    """Group converged runs on `n_rows` rows by the maximum that they reached.

    Two runs reached the same one where their objectives differ by at most `tolerance` and their
    mixtures are close: :func:`gmm_em.matching.distance_between` them is below 0.01.
    """
    reached = [
        i
        for i, run in enumerate(runs)
        if run.converged and not run.degenerate and run.n_rows == n_rows
    ]
    groups: list[list[int]] = []
    for i in sorted(reached, key=lambda i: -runs[i].objective):
        for group in groups:
            first = runs[group[0]]
            near = runs[group[-1]].objective - runs[i].objective <= tolerance
            if near and distance_between(first.mixture, runs[i].mixture) < _SAME:
                group.append(i)
                break
        else:
            groups.append([i])
    return tuple(
        Optimum(runs[group[0]].objective, tuple(group), dict(Counter(runs[i].kind for i in group)))
        for group in groups
    )
