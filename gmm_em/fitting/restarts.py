"""The search for the best maximum: many short runs, the best few to convergence.

Restarts are first advanced a few steps, and only the most promising are carried to convergence
(Biernacki, Celeux & Govaert 2003). On long data sets the short runs see a random sample of the
rows, and their best mixtures are where the runs on all rows begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_em.fitting.ascent import Climb, Report
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.result import Run
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters

SHORT_RUN = 15
# Beyond this many rows, short runs see a sample of as many.
PILOT_ROWS = 5_000
# Runs on all rows after short runs on a sample.
FULL_RUNS = 3
# A component narrower than this fraction of the data's own rounding noise fits the rounding.
_RESOLVED = 0.1
# Rows beyond the fewest that make a covariance non-singular.
_SPARE_ROWS = 0.5


# So many runs in the same maximum, and none in another, are enough; on few rows runs cost little.
_AGREEING = 5
_AGREEING_ROWS = 2_000


@dataclass(frozen=True)
class Options:
    """How runs are carried out."""

    tol: float
    max_iter: int
    accelerate: bool
    snapshots: bool
    callback: Callable[[int, int, float], None] | None

    def climb(self, problem: Problem, start: Parameters, index: int) -> Climb:
        """Begin run number `index`."""
        return Climb(
            problem,
            start,
            tol=self.tol,
            accelerate=self.accelerate,
            keep_path=self.snapshots,
            report=self._report(index),
        )

    def _report(self, index: int) -> Report | None:
        if self.callback is None:
            return None
        callback = self.callback
        return lambda n_iter, value: callback(index, n_iter, value)


def run_all_starts(
    problem: Problem, starts: list[Parameters], n_final: int, options: Options
) -> list[Climb]:
    """Short runs from all starts; the best `n_final` go on to convergence.

    Runs that degenerate on the way, or end in a spurious maximum, are replaced by the next best.
    When on many rows several have reached the same maximum, and none another, the rest are left
    short.
    """
    climbs = [options.climb(problem, start, i) for i, start in enumerate(starts)]
    if n_final < len(climbs):
        for climb in climbs:
            climb.advance(min(SHORT_RUN, options.max_iter))
    waiting = sorted(climbs, key=lambda climb: -climb.objective)
    finished = 0
    reached: list[float] = []
    for climb in waiting:
        if finished == n_final:
            break
        climb.advance(options.max_iter)
        if climb.degenerate or why_spurious(problem, climb.parameters):
            continue
        finished += 1
        reached.append(climb.objective)
        if problem.n_rows >= _AGREEING_ROWS and _agreed(reached, 1e-6 * problem.total_weight):
            break
    return climbs


def _agreed(reached: list[float], tolerance: float) -> bool:
    return len(reached) >= _AGREEING and max(reached) - min(reached) <= tolerance


def record(
    problem: Problem,
    climb: Climb,
    *,
    examine: bool,
    keep_order: bool = False,
    start: Mixture | None = None,
) -> Run:
    """Turn the climb into a value.

    Parameters
    ----------
    problem : Problem
    climb : Climb
    examine : bool
        Whether to look if its maximum is spurious.
    keep_order : bool, default False
        Whether components keep the start's order, as users expect of a start of their own;
        otherwise they are put in the order of decreasing weight, all along the run.
    start : Mixture, optional
        The start in the data's own units, where the caller has it.
    """
    samples = problem.samples
    spurious = why_spurious(problem, climb.parameters) if examine else ""

    def outer(parameters: Parameters) -> Mixture:
        return samples.outer(*(array[order] for array in parameters))

    order: Any = slice(None)
    if not keep_order:
        order = np.argsort(-climb.parameters.weights, kind="stable")
    return Run(
        outer(climb.start) if start is None else start,
        outer(climb.parameters),
        np.array(climb.trace),
        climb.log_likelihoods[-1] if climb.log_likelihoods else -np.inf,
        climb.converged,
        climb.n_iter,
        climb.degenerate,
        spurious,
        tuple(outer(parameters) for parameters in climb.path),
        problem.n_rows,
    )


def why_spurious(problem: Problem, parameters: Parameters) -> str:
    """Say why a maximum is an accident of a few rows or of rounding; empty where it is not.

    The likelihood has many maxima where a component fits a handful of rows that happen to lie
    close to a hyperplane (McLachlan & Peel 2000, section 3.10), or a feature's rounding grid.
    They are bounded, but say nothing about the population.
    """
    if not problem.smooth or problem.penalty is not None or parameters.weights.shape[0] == 1:
        return ""
    samples = problem.samples
    support = problem.support(parameters)
    needed = problem.structure.min_count(samples.n_features) + _SPARE_ROWS
    if support.min() < needed:
        k = int(support.argmin())
        return f"component {k} rests on {support[k]:.1f} rows only"
    noise = samples.resolution() / np.sqrt(12.0)
    rounded = noise > 0
    if rounded.all():
        # Rounding spreads every direction by a little; no component can be narrower.
        scaled = parameters.covariances / (noise[:, None] * noise)
        smallest = np.linalg.eigvalsh(scaled)[:, 0]
    else:
        variances = np.diagonal(parameters.covariances, axis1=1, axis2=2)[:, rounded]
        smallest = (variances / noise[rounded] ** 2).min(axis=1, initial=np.inf)
    if smallest.min() < _RESOLVED**2:
        return f"component {int(smallest.argmin())} is narrower than the data's rounding"
    return ""
