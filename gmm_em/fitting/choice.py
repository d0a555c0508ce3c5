"""Which of the runs is the fit."""

from __future__ import annotations

from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.fitting.result import EMResult, Run, distinct_optima


def choose(runs: tuple[Run, ...], problem: Problem) -> EMResult:
    """Take the best sound maximum; failing that a spurious or, with reg_covar, any one."""
    n_rows = problem.n_rows
    candidates = [i for i, run in enumerate(runs) if run.n_rows == n_rows]
    usable = [i for i in candidates if not runs[i].degenerate]
    if not usable and not problem.smooth:
        usable = [i for i in candidates if runs[i].trace.size]
    if not usable:
        raise refusal([run.degenerate for run in runs])

    def merit(i: int) -> tuple[bool, float]:
        return not runs[i].spurious, runs[i].objective

    # Unfinished runs compete by what they reached, but are not examined for spuriousness.
    finished = [i for i in usable if runs[i].converged] or usable
    best = max(finished, key=merit)
    run = runs[best]
    tolerance = 1e-6 * problem.total_weight + 1e-10 * abs(run.objective)
    return EMResult(
        run.mixture,
        run.log_likelihood,
        run.trace,
        run.converged,
        run.n_iter,
        runs,
        best,
        distinct_optima(runs, n_rows, tolerance),
        problem.structure.name,
        problem.total_weight,
    )


def refusal(reasons: list[str]) -> DegenerateError:
    """Return the error that says why every run was refused."""
    found = "; ".join(sorted(set(reasons))[:3])
    return DegenerateError(
        "Fitting the mixture model failed because some components have ill-defined empirical "
        "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
        "number of components, increase reg_covar, or scale the input data. Every one of "
        f"{len(reasons)} runs was refused: {found}."
    )
