"""fit_em: data and options in, the best maximum out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.chunks import ChunkEStep, check_chunks, is_chunked, take_rows
from gmm_em.climb import Climb
from gmm_em.covariance import CovarianceStructure, get_structure
from gmm_em.features import Parameters
from gmm_em.kernels import Kernel
from gmm_em.missing import MissingEStep, imputed, missing_log_jacobian, read_with_missing
from gmm_em.mixture import FloatArray, Mixture, Seed, check_sample_weight
from gmm_em.penalty import ConjugatePrior
from gmm_em.problem import DegenerateError, EStep, Problem
from gmm_em.result import EMResult, Run, distinct_optima
from gmm_em.samples import Samples
from gmm_em.search import FULL_RUNS, PILOT_ROWS, Options, record, run_all_starts
from gmm_em.starts import PartialStart, propose
from gmm_em.streaming import BlockEStep, Blocks, first_pass

Callback = Callable[[int, int, float], None]

_FEW_ROWS, _FEW_ROWS_STARTS, _MANY_ROWS_STARTS = 2_000, 60, 30
# Rounds of fresh starts before giving up on data where every run degenerates.
_ROUNDS = 3


def fit_em(
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
        is below this; see :class:`gmm_em.climb.Climb` for how it is estimated, and why.
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
        _number("tol", tol),
        _count("max_iter", max_iter, 0),
        bool(accelerate),
        bool(snapshots),
        callback,
    )
    n_components = _count("n_components", n_components, 1)
    if n_final is not None:
        n_final = _count("n_final", n_final, 1)
    if missing not in ("error", "mar"):
        raise ValueError(f"missing must be 'error' or 'mar', got {missing!r}")
    poser = _Poser(
        n_components,
        get_structure(covariance_type),
        _ridge(reg_covar),
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


def fit_blocks(
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
        _number("tol", tol),
        _count("max_iter", max_iter, 0),
        bool(accelerate),
        bool(snapshots),
        callback,
    )
    n_components = _count("n_components", n_components, 1)
    rows_stream, root = np.random.default_rng(random_state).spawn(2)
    sample, n_rows = first_pass(blocks, PILOT_ROWS, rows_stream)
    n_init = _n_starts(n_init, n_components, n_rows)
    streams = root.spawn(n_init * _ROUNDS)
    structure = get_structure(covariance_type)
    poser = _Poser(n_components, structure, _ridge(reg_covar), prior, None, False)
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


@dataclass(frozen=True)
class _Poser:
    """Turns rows into a problem."""

    n_components: int
    structure: CovarianceStructure
    reg_covar: FloatArray
    prior: ConjugatePrior | None
    n_threads: int | None
    missing: bool

    def pose(self, X: Any, weight: Any) -> Problem:
        if is_chunked(X) and weight is None and not self.missing:
            if not X.shape[0] <= PILOT_ROWS:
                return self._pose_chunks(X)
            X = np.asarray(X)
        complete = imputed(X) if self.missing else X
        samples = Samples(complete, weight, common_scale=self.structure.common_scale)
        self._check(samples)
        penalty = None if self.prior is None else self.prior.resolve(samples, self.n_components)
        second = self.structure.second
        estep: EStep
        log_jacobian = None
        if self.missing:
            estep = MissingEStep(
                (X - samples.centre) / samples.scale, samples.weight, second, self.n_components
            )
            log_jacobian = missing_log_jacobian(X, samples)
        else:
            estep = Kernel(
                samples, self.n_components, second, strict=True, n_threads=self.n_threads
            )
        return Problem(
            samples, estep, self.structure, self.reg_covar, penalty, log_jacobian=log_jacobian
        )

    def _pose_chunks(self, X: Any) -> Problem:
        check_chunks(X)
        index = np.arange(0, X.shape[0], max(1, X.shape[0] // PILOT_ROWS))
        sample = self.pose(take_rows(X, index), None)
        units = (sample.samples.centre, sample.samples.scale)
        estep = ChunkEStep(X, units, self.n_components, self.structure.second)
        return Problem(
            sample.samples, estep, self.structure, self.reg_covar, sample.penalty, n_rows=X.shape[0]
        )

    def _check(self, samples: Samples) -> None:
        if samples.n_samples < self.n_components:
            raise ValueError(
                "Expected n_samples >= n_components but got n_components = "
                f"{self.n_components}, n_samples = {samples.n_samples}"
            )
        if samples.constant.any() and not self.reg_covar.any() and self.prior is None:
            raise DegenerateError(
                f"feature {int(samples.constant.argmax())} is constant, so every covariance "
                "would be singular: drop it, or set reg_covar > 0"
            )


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
        raise _refusal([climb.degenerate for climb in climbs])
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
        raise _refusal([climb.degenerate])
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


def choose(runs: tuple[Run, ...], problem: Problem) -> EMResult:
    """Take the best sound maximum; failing that a spurious or, with reg_covar, any one."""
    n_rows = problem.n_rows
    candidates = [i for i, run in enumerate(runs) if run.n_rows == n_rows]
    usable = [i for i in candidates if not runs[i].degenerate]
    if not usable and not problem.smooth:
        usable = [i for i in candidates if runs[i].trace.size]
    if not usable:
        raise _refusal([run.degenerate for run in runs])

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


def _n_starts(n_init: int | None, n_components: int, n_rows: int) -> int:
    if n_init is None:
        n_init = _FEW_ROWS_STARTS if n_rows <= _FEW_ROWS else _MANY_ROWS_STARTS
    n_init = _count("n_init", n_init, 1)
    # One component has one maximum, which EM reaches in one step from anywhere.
    return n_init if n_components > 1 else 1


def _refusal(reasons: list[str]) -> DegenerateError:
    found = "; ".join(sorted(set(reasons))[:3])
    return DegenerateError(
        "Fitting the mixture model failed because some components have ill-defined empirical "
        "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
        "number of components, increase reg_covar, or scale the input data. Every one of "
        f"{len(reasons)} runs was refused: {found}."
    )


def _ridge(reg_covar: ArrayLike) -> FloatArray:
    try:
        ridge = np.asarray(reg_covar, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"reg_covar must be a number >= 0, got {reg_covar!r}") from None
    if ridge.ndim > 1 or not (np.isfinite(ridge).all() and (ridge >= 0).all()):
        raise ValueError(f"reg_covar must be a number >= 0, got {reg_covar!r}")
    return ridge


def _count(name: str, value: Any, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    return int(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)
