"""fit_em: data and options in, the best maximum out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gmm_em.climb import Climb
from gmm_em.covariance import CovarianceStructure, get_structure
from gmm_em.features import Parameters
from gmm_em.kernels import Kernel
from gmm_em.mixture import Mixture, Seed
from gmm_em.penalty import ConjugatePrior
from gmm_em.problem import DegenerateError, Problem
from gmm_em.result import EMResult, distinct_optima
from gmm_em.samples import Samples
from gmm_em.search import FULL_RUNS, PILOT_ROWS, Options, record, run_all_starts
from gmm_em.starts import propose

Callback = Callable[[int, int, float], None]

# Rounds of fresh starts before giving up on data where every run degenerates.
_ROUNDS = 3


def fit_em(
    X: Any,
    n_components: int,
    *,
    covariance_type: str | CovarianceStructure = "full",
    tol: float = 1e-8,
    reg_covar: float = 0.0,
    max_iter: int = 1000,
    n_init: int = 30,
    init_params: str = "auto",
    init: Mixture | None = None,
    sample_weight: Any = None,
    prior: ConjugatePrior | None = None,
    random_state: Seed = None,
    callback: Callback | None = None,
    snapshots: bool = False,
    accelerate: bool = True,
    n_final: int | None = None,
    n_threads: int | None = None,
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
        Rows. float64 arrays are copied once; float32 arrays, memory maps and dask arrays are
        read block by block and never held whole.
    n_components : int
        Number of components, K; at most the number of rows.
    covariance_type : {"full", "tied", "diag", "spherical"} or CovarianceStructure
    tol : float, default 1e-8
        Stop when the estimated gain still to come in the objective, per unit of sample weight,
        is below this; see :class:`gmm_em.climb.Climb` for how it is estimated, and why.
    reg_covar : float, default 0.0
        Added to the diagonal of every covariance, in the data's squared units. The likelihood
        is then no longer maximised, and acceleration is off; `prior` is the better remedy.
    max_iter : int, default 1000
        At most this many E-steps after the first, per run; 0 returns the start.
    n_init : int, default 30
        Number of starts.
    init_params : {"auto", "ward", "kmeans", "k-means++", "random", "random_from_data"}
        How runs begin; "auto" mixes all of them, deterministic ones first.
    init : Mixture, optional
        Begin from this mixture, once, instead.
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
    structure = get_structure(covariance_type)
    options = Options(
        _number("tol", tol),
        _count("max_iter", max_iter, 0),
        bool(accelerate),
        bool(snapshots),
        callback,
    )
    n_components = _count("n_components", n_components, 1)
    n_init = _count("n_init", n_init, 1)
    if n_components == 1:
        # One maximum, which EM reaches in one step from anywhere.
        n_init = 1
    n_final = -(-n_init // 2) if n_final is None else _count("n_final", n_final, 1)
    reg_covar = _number("reg_covar", reg_covar)
    samples = Samples(X, sample_weight, common_scale=structure.common_scale)
    _check_data(samples, n_components, reg_covar, prior)

    def pose(samples: Samples) -> Problem:
        kernel = Kernel(samples, n_components, structure.second, strict=True, n_threads=n_threads)
        penalty = None if prior is None else prior.resolve(samples, n_components)
        return Problem(samples, kernel, structure, reg_covar, penalty)

    problem = pose(samples)
    if init is not None:
        climb = options.climb(problem, _inner_start(samples, init, n_components), 0)
        climb.advance(options.max_iter)
        return choose([(problem, climb)], problem)
    streams = np.random.default_rng(random_state).spawn(n_init * _ROUNDS + 1)
    pilot = problem
    if samples.n_samples > PILOT_ROWS:
        chosen = np.sort(streams[-1].choice(samples.n_samples, PILOT_ROWS, replace=False))
        weight = None if samples.weight is None else samples.weight[chosen]
        pilot = pose(Samples(samples.rows(chosen), weight, common_scale=structure.common_scale))
    climbs: list[tuple[Problem, Climb]] = []
    for i in range(_ROUNDS):
        rngs = streams[i * n_init : (i + 1) * n_init]
        starts = propose(pilot.samples, n_components, structure, init_params, rngs, i * n_init)
        climbs += [(pilot, c) for c in run_all_starts(pilot, starts, n_final, options)]
        if any(not climb.degenerate for _, climb in climbs):
            break
    if pilot is not problem:
        climbs += _on_all_rows(problem, climbs, options)
    return choose(climbs, problem)


def _on_all_rows(
    problem: Problem, climbs: list[tuple[Problem, Climb]], options: Options
) -> list[tuple[Problem, Climb]]:
    """Climb on all rows from the best distinct maxima of the runs on a sample."""
    out: list[tuple[Problem, Climb]] = []
    pilot = climbs[0][0]
    runs = tuple(record(pilot, climb, examine=climb.converged) for _, climb in climbs)
    optima = distinct_optima(runs, pilot.samples.n_samples, 1e-6 * pilot.total_weight)
    order = sorted(optima, key=lambda optimum: bool(runs[optimum.runs[0]].spurious))
    for optimum in order:
        start = Parameters(*problem.samples.inner(runs[optimum.runs[0]].mixture))
        climb = options.climb(problem, start, len(climbs) + len(out))
        climb.advance(options.max_iter)
        out.append((problem, climb))
        if sum(not c.degenerate for _, c in out) == FULL_RUNS:
            break
    return out


def choose(climbs: list[tuple[Problem, Climb]], problem: Problem) -> EMResult:
    """Take the best sound maximum; failing that a spurious or, with reg_covar, any one."""
    n_rows = problem.samples.n_samples
    runs = tuple(record(own, climb, examine=climb.converged) for own, climb in climbs)
    candidates = [i for i, run in enumerate(runs) if run.n_rows == n_rows]
    usable = [i for i in candidates if not runs[i].degenerate]
    if not usable and not problem.smooth:
        usable = [i for i in candidates if runs[i].trace.size]
    if not usable:
        reasons = sorted({run.degenerate for run in runs})
        raise DegenerateError(
            "Fitting the mixture model failed because some components have ill-defined empirical "
            "covariance (for instance caused by singleton or collapsed samples). Try to decrease "
            "the number of components, increase reg_covar, or scale the input data. "
            f"Every one of {len(runs)} runs was refused: {'; '.join(reasons[:3])}."
        )

    def merit(i: int) -> tuple[bool, float]:
        return not runs[i].spurious, runs[i].objective

    # Unfinished runs compete by what they reached, but are not examined for spuriousness.
    finished = [i for i in usable if runs[i].converged] or usable
    best = max(finished, key=merit)
    run = runs[best]
    tolerance = 1e-6 * problem.total_weight + 1e-10 * abs(run.objective)
    return EMResult(
        ordered(run.mixture),
        run.log_likelihood,
        run.trace,
        run.converged,
        run.n_iter,
        runs,
        best,
        distinct_optima(runs, n_rows, tolerance),
        problem.structure.name,
    )


def ordered(mixture: Mixture) -> Mixture:
    """Return the same mixture, components by decreasing weight."""
    return mixture.permute(np.argsort(-mixture.weights, kind="stable"))


def _inner_start(samples: Samples, init: Mixture, n_components: int) -> Parameters:
    if not isinstance(init, Mixture):
        raise TypeError(f"init must be a Mixture, got {type(init).__name__}")
    if (init.n_components, init.n_features) != (n_components, samples.n_features):
        raise ValueError(
            f"init has {init.n_components} components in {init.n_features} dimensions, but "
            f"{n_components} in {samples.n_features} are asked for"
        )
    return Parameters(*samples.inner(init))


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


def _check_data(
    samples: Samples, n_components: int, reg_covar: float, prior: ConjugatePrior | None
) -> None:
    if samples.n_samples < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, "
            f"n_samples = {samples.n_samples}"
        )
    if samples.constant.any() and not reg_covar and prior is None:
        raise ValueError(
            f"feature {int(samples.constant.argmax())} is constant, so every covariance would be "
            "singular: drop it, or set reg_covar > 0"
        )
