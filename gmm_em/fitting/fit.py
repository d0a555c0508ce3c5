"""fit_em: data and options in, the best maximum out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.core.checks import check_count, check_number, check_ridge, check_sample_weight
from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import Seed
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.dask_chunks import take_rows
from gmm_em.e_step.missing import read_with_missing
from gmm_em.e_step.streaming import Blocks, first_pass
from gmm_em.e_step.streaming import StreamedEStep as BlockEStep
from gmm_em.fitting.ascent import Climb
from gmm_em.fitting.choice import choose, refusal
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.restarts import FULL_RUNS, PILOT_ROWS, Options, record, run_all_starts
from gmm_em.fitting.result import EMResult, Run, distinct_optima
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.fitting.starts.strategy import propose
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters

Callback = Callable[[int, int, float], None]

_FEW_ROWS, _FEW_ROWS_STARTS, _MANY_ROWS_STARTS = 2_000, 60, 30
# Rounds of fresh starts before giving up on data where every run degenerates.
_ROUNDS = 3


@single_threaded_blas()
def fit_em(  # noqa: PLR0913 - the public face
    X: Any,
    n_components: int,
    *,
    covariance_type: str | CovarianceStructure = "full",
    tol: float = 1e-10,
    reg_covar: ArrayLike = 0.0,
    max_iter: int = 1000,
    n_init: int | None = None,
    init_params: str = "auto",
    init: Mixture | PartialStart | None = None,
    sample_weight: Any = None,
    prior: ConjugatePrior | None = None,
    random_state: Seed = None,
    callback: Callback | None = None,
    snapshots: bool = False,
    accelerate: bool = True,
    n_final: int | None = None,
    n_threads: int | None = None,
    missing: str = "error",
) -> EMResult:
    """Fit a Gaussian mixture by maximum likelihood, or with a prior, maximum a posteriori.

    Many short runs from different starts are made, the best few are carried to convergence, and
    the best of those is returned, components by decreasing weight. Runs in which a component
    collapses onto a point or a hyperplane, or becomes empty, are refused: the likelihood is
    unbounded there. Maxima that rest on a handful of rows, or on the data's rounding, are
    returned only where there is no other.

    Parameters
    ----------
    X : array_like, shape (N, D)
        Rows. float64 arrays are copied once; float32 arrays and memory maps are read block by
        block and never held whole. The sums of a dask array are taken chunk by chunk where the
        chunks are, by its own scheduler; the defaults of a `prior` come from some of its rows.
    n_components : int
        Number of components, K; at most the number of rows.
    covariance_type : {"full", "tied", "diag", "spherical"} or CovarianceStructure
    tol : float, default 1e-10
        Stop when the estimated gain still to come in the objective, per unit of sample weight,
        is below this; see :class:`gmm_em.fitting.ascent.Climb` for how it is estimated, and why.
    reg_covar : float or array_like of shape (D,), default 0.0
        Added to the diagonal of every covariance, in the data's squared units. The likelihood
        is then no longer maximised, and acceleration is off; `prior` is the better remedy.
    max_iter : int, default 1000
        At most this many E-steps after the first, per run; 0 returns the start.
    n_init : int, optional
        Number of starts; by default 60 on up to 2000 rows, where a run costs little and maxima
        are many, and 30 on more.
    init_params : {"auto", "ward", "quantiles", "kmeans", "k-means++", "random", \
"random_from_data", "textbook"}
        How runs begin; "auto" mixes all of them, deterministic ones first.
    init : Mixture or PartialStart, optional
        Begin from this mixture, once, instead; components keep its order.
    sample_weight : array_like, shape (N,), optional
        Non-negative; a weight of 2 counts a row twice, 0 leaves it out.
    prior : ConjugatePrior, optional
        Maximise the posterior density under this prior instead of the likelihood.
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator
        Start number i depends on the seed and on i only.
    callback : callable, optional
        Called as ``callback(run_index, n_iter, log_likelihood)`` after every E-step.
    snapshots : bool, default False
        Keep the mixture after every E-step in the records of the runs.
    accelerate : bool, default True
        Take quasi-Newton steps after ten EM steps, guarded so that the objective never falls.
    n_final : int, optional
        How many of the short runs to carry to convergence; by default half of them.
    n_threads : int, optional
        At most this many threads; by default as many as BLAS would use. Results do not depend
        on it.
    missing : {"error", "mar"}, default "error"
        What to do with NaN in `X`: refuse it, or maximise the likelihood of what was observed,
        which is right where values are missing at random.

    Returns
    -------
    EMResult

    Raises
    ------
    ValueError, TypeError
        If the data or an option is not acceptable.
    DegenerateError
        A ValueError: if every run degenerated and `reg_covar` is 0.
    """
    options = Options(
        check_number("tol", tol),
        check_count("max_iter", max_iter, 0),
        bool(accelerate),
        bool(snapshots),
        callback,
    )
    n_components = check_count("n_components", n_components, 1)
    if n_final is not None:
        n_final = check_count("n_final", n_final, 1)
    if missing not in ("error", "mar"):
        raise ValueError(f"missing must be 'error' or 'mar', got {missing!r}")
    poser = ProblemMaker(
        n_components,
        get_structure(covariance_type),
        check_ridge(reg_covar),
        prior,
        n_threads,
        missing == "mar",
    )
    if missing == "mar":
        X = read_with_missing(X)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0])
            X, sample_weight = X[sample_weight > 0], sample_weight[sample_weight > 0]
    if not (init is None or isinstance(init, Mixture | PartialStart)):
        raise TypeError(f"init must be a Mixture or a PartialStart, got {type(init).__name__}")
    problem = poser.pose(X, sample_weight)
    if isinstance(init, Mixture):
        return _from_start(problem, init, options)
    n_init = _n_starts(n_init, n_components, problem.n_rows)
    n_final = n_final or -(-n_init // 2)
    *streams, rows_stream = np.random.default_rng(random_state).spawn(n_init * _ROUNDS + 1)
    pilot = problem
    if problem.n_rows > PILOT_ROWS:
        chosen = np.sort(rows_stream.choice(problem.n_rows, PILOT_ROWS, replace=False))
        if problem.samples.n_samples < problem.n_rows:
            rows = take_rows(X, chosen)
        else:
            rows = X[chosen] if missing == "mar" else problem.samples.rows(chosen)
        weight = problem.samples.weight
        pilot = poser.pose(rows, None if weight is None else weight[chosen])
    climbs = _explore(pilot, init, init_params, streams, n_init, n_final, options)
    keep_order = init is not None and init.means is not None
    runs = [record(pilot, c, examine=c.converged, keep_order=keep_order) for c in climbs]
    if pilot is not problem:
        runs += _on_all_rows(problem, runs, options, keep_order)
    return choose(tuple(runs), problem)


@single_threaded_blas()
def fit_blocks(  # noqa: PLR0913 - the public face
    blocks: Blocks,
    n_components: int,
    *,
    covariance_type: str | CovarianceStructure = "full",
    tol: float = 1e-10,
    reg_covar: ArrayLike = 0.0,
    max_iter: int = 1000,
    n_init: int | None = None,
    init_params: str = "auto",
    init: Mixture | PartialStart | None = None,
    prior: ConjugatePrior | None = None,
    random_state: Seed = None,
    callback: Callback | None = None,
    snapshots: bool = False,
    accelerate: bool = True,
) -> EMResult:
    """Fit to rows that come in blocks, of which only one is held at a time.

    A first pass counts the rows and draws up to 5000 of them at random; the search for the best
    maximum is made on those, and its best results are carried to convergence on all rows, one
    pass of the blocks per E-step. The defaults of a `prior` are taken from the drawn rows.

    Parameters
    ----------
    blocks : iterable, or callable that returns one
        Arrays of shape (n, D), the same in every pass: a list, or for a file larger than memory a
        function that opens it anew.
    n_components, covariance_type, tol, reg_covar, max_iter, n_init, init_params, init, prior, \
random_state, callback, snapshots, accelerate
        As in :func:`fit_em`.

    Returns
    -------
    EMResult

    Raises
    ------
    ValueError, TypeError, DegenerateError
        As in :func:`fit_em`; and TypeError where `blocks` can be read once only.
    """
    options = Options(
        check_number("tol", tol),
        check_count("max_iter", max_iter, 0),
        bool(accelerate),
        bool(snapshots),
        callback,
    )
    n_components = check_count("n_components", n_components, 1)
    rows_stream, root = np.random.default_rng(random_state).spawn(2)
    sample, n_rows = first_pass(blocks, PILOT_ROWS, rows_stream)
    n_init = _n_starts(n_init, n_components, n_rows)
    streams = root.spawn(n_init * _ROUNDS)
    structure = get_structure(covariance_type)
    poser = ProblemMaker(n_components, structure, check_ridge(reg_covar), prior, None, False)
    pilot = poser.pose(sample, None)
    units = (pilot.samples.centre, pilot.samples.scale)
    estep = BlockEStep(blocks, units, n_components, structure.second)
    problem = Problem(
        pilot.samples, estep, structure, poser.reg_covar, pilot.penalty, n_rows=n_rows
    )
    if isinstance(init, Mixture):
        return _from_start(problem, init, options)
    climbs = _explore(pilot, init, init_params, streams, n_init, -(-n_init // 2), options)
    keep_order = init is not None and init.means is not None
    runs = [record(pilot, c, examine=c.converged, keep_order=keep_order) for c in climbs]
    if n_rows > sample.shape[0]:
        runs += _on_all_rows(problem, runs, options, keep_order)
    return choose(tuple(runs), problem)


def _explore(
    pilot: Problem,
    partial: PartialStart | None,
    init_params: str,
    streams: list[np.random.Generator],
    n_init: int,
    n_final: int,
    options: Options,
) -> list[Climb]:
    """Make rounds of starts, until one run at least has not degenerated."""
    climbs: list[Climb] = []
    if partial is not None and partial.means is not None:
        # The means decide the start; nothing is drawn.
        streams, n_init, n_final = streams[:1], 1, 1
    for first in range(0, len(streams), n_init):
        rngs = streams[first : first + n_init]
        k = pilot.n_components
        starts = propose(pilot.samples, k, pilot.structure, init_params, rngs, first)
        if partial is not None:
            starts = partial.complete(pilot.samples, pilot.structure, starts)
        starts = [pilot.safe_start(start) for start in starts]
        climbs += run_all_starts(pilot, starts, n_final, options)
        if any(not climb.degenerate for climb in climbs) or not pilot.smooth:
            break
    begun = [climb for climb in climbs if climb.trace]
    if not begun:
        raise refusal([climb.degenerate for climb in climbs])
    return begun


def _from_start(problem: Problem, init: Mixture, options: Options) -> EMResult:
    """One run, from the user's mixture."""
    expected = (problem.n_components, problem.samples.n_features)
    if (init.n_components, init.n_features) != expected:
        raise ValueError(
            f"init has {init.n_components} components in {init.n_features} dimensions, but "
            f"{expected[0]} in {expected[1]} are asked for"
        )
    climb = options.climb(problem, Parameters(*problem.samples.inner(init)), 0)
    if not climb.trace:
        raise refusal([climb.degenerate])
    climb.advance(options.max_iter)
    run = record(problem, climb, examine=climb.converged, keep_order=True, start=init)
    return choose((run,), problem)


def _on_all_rows(
    problem: Problem, runs: list[Run], options: Options, keep_order: bool
) -> list[Run]:
    """Climb on all rows from the best distinct maxima of the runs on a sample."""
    out: list[Run] = []
    n_rows = runs[0].n_rows
    optima = distinct_optima(tuple(runs), n_rows, 1e-6 * n_rows)
    starts = [optimum.runs[0] for optimum in optima]
    if not starts:
        starts = [max(range(len(runs)), key=lambda i: (not runs[i].degenerate, runs[i].objective))]
    for i in sorted(starts, key=lambda i: bool(runs[i].spurious)):
        start = Parameters(*problem.samples.inner(runs[i].mixture))
        climb = options.climb(problem, start, len(runs) + len(out))
        climb.advance(options.max_iter)
        out.append(record(problem, climb, examine=climb.converged, keep_order=keep_order))
        if sum(not run.degenerate for run in out) == FULL_RUNS:
            break
    return out


def _n_starts(n_init: int | None, n_components: int, n_rows: int) -> int:
    if n_init is None:
        n_init = _FEW_ROWS_STARTS if n_rows <= _FEW_ROWS else _MANY_ROWS_STARTS
    n_init = check_count("n_init", n_init, 1)
    # One component has one maximum, which EM reaches in one step from anywhere.
    return n_init if n_components > 1 else 1
