"""From what a search found to the result: the best maxima on all rows, and which one is the fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gmm_em.fitting.acceleration import Chart
from gmm_em.fitting.ascent import WARM_UP
from gmm_em.fitting.curvature import affordable
from gmm_em.fitting.maxima import Atlas, Maximum
from gmm_em.fitting.options import Options
from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.fitting.records import record
from gmm_em.fitting.result import EMResult, Optimum, Run
from gmm_em.fitting.rivals import narrowed, rivals, worthwhile
from gmm_em.fitting.search import Search
from gmm_em.fitting.spurious import why_spurious
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters

# Plain steps from the maximum of a sample, before steps that know the curvature there.
_SETTLED = 2
# Steps after which a maximum of a sample may be seen to lead to a lower one on all rows.
_TRIAL = 6
# At most so many maxima of a sample are carried to convergence on all rows, ...
_FULL_RUNS = 3
# ... those that the sample cannot tell from the best: by so many standard errors.
_ERRORS = 4.0
# A step on all rows costs little beside the search where they are at most so many times those of
# the sample. Twice as many maxima are then carried.
_FEW_TIMES = 4


def from_start(problem: Problem, init: Mixture, options: Options) -> EMResult:
    """One run, from the user's mixture."""
    expected = (problem.n_components, problem.samples.n_features)
    if (init.n_components, init.n_features) != expected:
        raise ValueError(
            f"init has {init.n_components} components in {init.n_features} dimensions, but "
            f"{expected[0]} in {expected[1]} are asked for"
        )
    given = Parameters(*problem.samples.inner(init))
    begun = problem.in_family(given)
    climb = options.climb(problem, begun, 0)
    if not climb.trace:
        raise refusal([climb.degenerate])
    climb.advance(options.max_iter)
    run = record(
        problem,
        climb,
        spurious=why_spurious(problem, climb.parameters) if climb.converged else "",
        kind="given",
        keep_order=True,
        start=init if begun is given else None,
    )
    optima: tuple[Optimum, ...] = ()
    if run.converged and not run.degenerate:
        optima = (Optimum(run.objective, (0,), {"given": 1}),)
    return choose((run,), optima, problem)


def finish(
    search: Search,
    problem: Problem,
    options: Options,
    sample: Callable[[int], Problem] | None = None,
) -> EMResult:
    """Carry the best maxima of a search to convergence on all rows, where it saw a sample only.

    Parameters
    ----------
    search : Search
        That has run.
    problem : Problem
        With all rows; the search's own where it saw them all.
    options : Options
    sample : callable, optional
        Poses the same problem for so many of all rows.
    """
    partial = search.plan.partial
    keep_order = partial is not None and partial.decides
    # A start that is singular from the first has not run.
    begun = [i for i, trail in enumerate(search.trails) if trail.climb.trace]
    if not begun:
        raise refusal([trail.climb.degenerate for trail in search.trails])
    runs = [
        record(
            search.problem,
            trail.climb,
            spurious="" if trail.maximum is None else trail.maximum.spurious,
            kind=trail.kind,
            keep_order=keep_order,
        )
        for trail in search.trails
        if trail.climb.trace
    ]
    place = {trail: run for run, trail in enumerate(begun)}
    contest: list[_Candidate] = []
    if search.agreed and problem is not search.problem:
        contest = _contest(search, problem, options, runs, place, sample)
    for maximum in search.atlas.maxima:
        maximum.run = place[maximum.run]
        maximum.hits = [place[trail] for trail in maximum.hits]
    if problem is search.problem:
        optima = _optima(search.atlas.maxima, runs)
    else:
        others: list[_Candidate] = []
        if not contest:
            contest, others = _promising(search, runs, problem)
        more, optima = _on_all_rows(search, problem, options, runs, contest, others, keep_order)
        runs += more
    return choose(tuple(runs), optima, problem, search)


def _optima(maxima: Sequence[Maximum], runs: Sequence[Run]) -> tuple[Optimum, ...]:
    out = []
    for maximum in sorted(maxima, key=lambda maximum: -maximum.objective):
        others = [i for i in maximum.hits if i != maximum.run]
        hits = dict(Counter(runs[i].kind for i in maximum.hits if runs[i].kind != "sample"))
        out.append(Optimum(maximum.objective, (maximum.run, *others), hits))
    return tuple(out)


class _Candidate(NamedTuple):
    """Where a run on all rows begins, and the runs of the search that led there."""

    mixture: Mixture
    hits: list[int]


def _on_all_rows(
    search: Search,
    problem: Problem,
    options: Options,
    runs: list[Run],
    candidates: Sequence[_Candidate],
    others: Sequence[_Candidate],
    keep_order: bool,
) -> tuple[list[Run], tuple[Optimum, ...]]:
    """Climb on all rows from the best maxima of a sample, then from others until one is sound."""
    out: list[Run] = []
    problem.pilot = problem.pilot or search.problem
    size = Chart.size_of(problem)
    warm_up = _SETTLED if affordable(problem, size) else WARM_UP
    atlas = Atlas(problem.total_weight)
    for candidate in (*candidates, *others):
        if len(out) >= len(candidates) and not all(run.degenerate for run in out):
            break
        start = Parameters(*problem.samples.inner(candidate.mixture))
        index = len(runs) + len(out)
        climb = options.climb(problem, start, index, warm_up)
        climb.advance(min(_TRIAL, options.max_iter))
        known = atlas.best
        if known is None or climb.rises_to(known.objective, options.max_iter):
            climb.advance(options.max_iter)
        reason = why_spurious(problem, climb.parameters) if climb.converged else ""
        run = record(problem, climb, spurious=reason, kind="sample", keep_order=keep_order)
        out.append(run)
        if climb.converged and not run.degenerate:
            pilot = search.problem
            inner = Parameters(*(a[None] for a in pilot.samples.inner(run.mixture)))
            profile = pilot.log_density(inner, search.probe)[0]
            reached = atlas.add(index, climb.objective, profile, reason)
            reached.hits.extend(candidate.hits)
    return out, _optima(atlas.maxima, [*runs, *out])


def _contest(
    search: Search,
    problem: Problem,
    options: Options,
    runs: Sequence[Run],
    place: dict[int, int],
    sample: Callable[[int], Problem] | None,
) -> list[_Candidate]:
    """Return what starts agree on, and all that their rows cannot tell from it, the best first."""
    best = search.atlas.best
    assert best is not None
    chosen = rivals(search)
    hits = [[i for i in range(len(search.trails)) if search.led_to(i) == goal] for goal in chosen]
    elsewhere = {i for members in hits[1:] for i in members}
    hits[0] = [i for i in best.hits if i not in elsewhere]
    left = [(number, runs[place[goal]].mixture) for number, goal in enumerate(chosen)]
    if sample is not None and worthwhile(search, problem):
        left = narrowed([mixture for _, mixture in left], sample, search, options)
    else:
        left = left[: _most_runs(search, problem)]
    return [_Candidate(mixture, [place[i] for i in hits[number]]) for number, mixture in left]


def _most_runs(search: Search, whole: Problem) -> int:
    """Return how many maxima of a sample are carried to convergence on all rows."""
    return _FULL_RUNS * (2 if whole.n_rows <= _FEW_TIMES * search.problem.n_rows else 1)


def _promising(
    search: Search, runs: Sequence[Run], whole: Problem
) -> tuple[list[_Candidate], list[_Candidate]]:
    """Return maxima of the sample that may be the best on all rows, and the other ones.

    Where there is no maximum, the best run takes its place.
    """
    best = search.atlas.best
    if best is None:
        highest = max(range(len(runs)), key=lambda i: (not runs[i].degenerate, runs[i].objective))
        return [_Candidate(runs[highest].mixture, [])], []
    problem, chosen = search.problem, [best]
    most = _most_runs(search, whole)
    rest: list[Maximum] = []
    others = [maximum for maximum in search.atlas.maxima if maximum is not best]
    for other in sorted(others, key=lambda maximum: (bool(maximum.spurious), -maximum.objective)):
        ratio = best.profile - other.profile
        error = float(np.std(ratio)) * np.sqrt(problem.n_rows)
        behind = best.objective - other.objective
        near = behind < _ERRORS * error * problem.total_weight / problem.n_rows
        (chosen if near and len(chosen) < most else rest).append(other)
    candidates = [
        [_Candidate(runs[maximum.run].mixture, maximum.hits) for maximum in maxima]
        for maxima in (chosen, rest)
    ]
    return candidates[0], candidates[1]


def choose(
    runs: tuple[Run, ...],
    optima: tuple[Optimum, ...],
    problem: Problem,
    search: Search | None = None,
) -> EMResult:
    """Take the best sound maximum; failing that a spurious or, with reg_covar, any one."""
    candidates = [i for i, run in enumerate(runs) if run.n_rows == problem.n_rows]
    usable = [i for i in candidates if not runs[i].degenerate]
    if not usable and not problem.smooth:
        usable = [i for i in candidates if runs[i].trace.size]
    if not usable:
        # Runs that are sound on a sample of the rows have no reason to name.
        raise refusal([run.degenerate for run in runs if run.degenerate])

    def merit(i: int) -> tuple[bool, float]:
        return not runs[i].spurious, runs[i].objective

    # Unfinished runs compete by what they reached, but are not examined for spuriousness.
    finished = [i for i in usable if runs[i].converged] or usable
    best = max(finished, key=merit)
    run = runs[best]
    return EMResult(
        run.mixture,
        run.log_likelihood,
        run.trace,
        run.converged,
        run.n_iter,
        runs,
        best,
        optima,
        problem.structure.name,
        problem.total_weight,
        {} if search is None else search.unseen(),
        "one start was given" if search is None else search.stopped,
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
