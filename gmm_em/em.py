"""fit_em: the loop, its trace, convergence and restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gmm_em.climb import Climb
from gmm_em.covariance import CovarianceStructure, get_structure
from gmm_em.kernels import Kernel, Parameters
from gmm_em.mixture import FloatArray, Mixture, Seed
from gmm_em.problem import DegenerateError, Problem
from gmm_em.samples import Samples
from gmm_em.starts import PILOT_ROWS, get_start

Callback = Callable[[int, int, float], None]


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
        Total log-likelihood of the start and after every iteration.
    log_likelihood : float
        The last of them.
    converged : bool
    n_iter : int
    degenerate : str
        Why the run was refused; empty where it was not.
    snapshots : tuple of Mixture
        The mixture at each entry of `trace`, where asked for; otherwise empty.
    """

    start: Mixture
    mixture: Mixture
    trace: FloatArray
    log_likelihood: float
    converged: bool
    n_iter: int
    degenerate: str = ""
    snapshots: tuple[Mixture, ...] = ()


@dataclass(frozen=True, eq=False)
class EMResult:
    """What :func:`fit_em` found.

    Attributes
    ----------
    mixture : Mixture
        The best optimum that is not degenerate, components by decreasing weight.
    log_likelihood : float
        Its total log-likelihood.
    trace : ndarray
        The log-likelihood path of the run that found it.
    converged : bool
    n_iter : int
    runs : tuple of Run
        One record per restart.
    best : int
        Which of `runs` is the best.
    covariance_type : str
    """

    mixture: Mixture
    log_likelihood: float
    trace: FloatArray
    converged: bool
    n_iter: int
    runs: tuple[Run, ...] = field(repr=False)
    best: int
    covariance_type: str


def fit_em(
    X: Any,
    n_components: int,
    *,
    covariance_type: str | CovarianceStructure = "full",
    tol: float = 1e-8,
    reg_covar: float = 0.0,
    max_iter: int = 1000,
    n_init: int = 10,
    init_params: str = "kmeans",
    init: Mixture | None = None,
    sample_weight: Any = None,
    random_state: Seed = None,
    callback: Callback | None = None,
    snapshots: bool = False,
    accelerate: bool = True,
) -> EMResult:
    """Fit a Gaussian mixture by maximum likelihood.

    Parameters
    ----------
    X : array_like, shape (N, D)
    n_components : int
        Number of components, K; at most the number of rows.
    covariance_type : {"full", "tied", "diag", "spherical"} or CovarianceStructure
    tol : float, default 1e-8
        Stop when the estimated gain still to come, in log-likelihood per unit of sample weight,
        is below this.
    reg_covar : float, default 0.0
        Added to the diagonal of every covariance, in the data's squared units.
    max_iter : int, default 1000
    n_init : int, default 10
        Number of restarts; the best is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}
        How restarts begin.
    init : Mixture, optional
        Start from this mixture instead, once.
    sample_weight : array_like, shape (N,), optional
        Non-negative; a weight of 2 counts a row twice, 0 leaves it out.
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator
    callback : callable, optional
        Called as ``callback(run_index, n_iter, log_likelihood)`` after every E-step.
    snapshots : bool, default False
        Keep the mixture of every iteration in the records of the runs.

    Returns
    -------
    EMResult

    Raises
    ------
    ValueError
        If the data or an option is not acceptable, or every restart degenerated.
    """
    structure = get_structure(covariance_type)
    n_components = _check_options(n_components, tol, reg_covar, max_iter, n_init)
    samples = Samples(X, sample_weight, common_scale=structure.name == "spherical")
    _check_data(samples, n_components, reg_covar)
    kernel = Kernel(samples, n_components, structure.second)
    problem = Problem(samples, kernel, structure, reg_covar)
    runs = []
    for i, start in enumerate(
        _starts(problem, n_components, n_init, init_params, init, random_state)
    ):
        report = None if callback is None else _reporter(callback, i)
        state = Climb(
            problem, start, tol=tol, keep_path=snapshots, report=report, accelerate=accelerate
        )
        state.advance(max_iter)
        runs.append(_record(samples, start, state))
    return _choose(tuple(runs), structure)


def _reporter(callback: Callback, run: int) -> Callable[[int, float], None]:
    return lambda iteration, value: callback(run, iteration, value)


def _starts(
    problem: Problem,
    n_components: int,
    n_init: int,
    init_params: str,
    init: Mixture | None,
    random_state: Seed,
) -> list[Parameters]:
    samples = problem.samples
    if init is not None:
        if not isinstance(init, Mixture):
            raise TypeError(f"init must be a Mixture, got {type(init).__name__}")
        if (init.n_components, init.n_features) != (n_components, samples.n_features):
            raise ValueError(
                f"init has {init.n_components} components in {init.n_features} dimensions; "
                f"{n_components} in {samples.n_features} are asked for"
            )
        return [Parameters(*samples.inner(init))]
    start = get_start(init_params)
    root = np.random.default_rng(random_state)
    step = max(1, samples.n_samples // PILOT_ROWS)
    rows = slice(None, None, step)
    X = samples.take(rows)
    weight = np.ones(X.shape[0]) if samples.weight is None else samples.weight[rows]
    streams = root.spawn(n_init)
    return [start.propose(X, weight, n_components, problem.structure, rng) for rng in streams]


def _record(samples: Samples, start: Parameters, state: Climb) -> Run:
    trace = np.array(state.trace)
    return Run(
        samples.outer(*start),
        samples.outer(*state.parameters),
        trace,
        float(trace[-1]) if trace.size else -np.inf,
        state.converged,
        max(0, trace.size - 1),
        state.degenerate,
        tuple(samples.outer(*parameters) for parameters in state.path),
    )


def _choose(runs: tuple[Run, ...], structure: CovarianceStructure) -> EMResult:
    sound = [i for i, run in enumerate(runs) if not run.degenerate]
    if not sound:
        raise DegenerateError(
            f"every one of {len(runs)} restarts degenerated ({runs[0].degenerate}): use fewer "
            "components, a more constrained covariance_type, or reg_covar > 0"
        )
    best = max(sound, key=lambda i: runs[i].log_likelihood)
    run = runs[best]
    mixture = run.mixture.permute(np.argsort(-run.mixture.weights, kind="stable"))
    return EMResult(
        mixture,
        run.log_likelihood,
        run.trace,
        run.converged,
        run.n_iter,
        runs,
        best,
        structure.name,
    )


def _check_options(
    n_components: int, tol: float, reg_covar: float, max_iter: int, n_init: int
) -> int:
    for name, value, low in (
        ("n_components", n_components, 1),
        ("max_iter", max_iter, 1),
        ("n_init", n_init, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if value < low:
            raise ValueError(f"{name} must be at least {low}, got {value}")
    if not (np.isfinite(tol) and tol >= 0):
        raise ValueError(f"tol must be a number >= 0, got {tol!r}")
    if not (np.isfinite(reg_covar) and reg_covar >= 0):
        raise ValueError(f"reg_covar must be a number >= 0, got {reg_covar!r}")
    return int(n_components)


def _check_data(samples: Samples, n_components: int, reg_covar: float) -> None:
    if samples.n_samples < n_components:
        raise ValueError(
            f"n_components must be at most the number of rows: {n_components} components for "
            f"{samples.n_samples} rows"
        )
    if samples.constant.any() and not reg_covar:
        raise ValueError(
            f"feature {int(samples.constant.argmax())} is constant, so every covariance would be "
            "singular: drop it, or set reg_covar > 0"
        )
