"""fit_em: data and options in, the best maximum out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.core.checks import check_count, check_ridge, check_sample_weight
from gmm_em.core.foreign import refuse_foreign, to_host
from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import Seed
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.dask_chunks import take_rows
from gmm_em.e_step.missing import read_with_missing
from gmm_em.e_step.registry import Reading, RowReader, open_stream
from gmm_em.e_step.streaming import Blocks, first_pass
from gmm_em.fitting.acceleration import Chart
from gmm_em.fitting.curvature import needs_sample
from gmm_em.fitting.finish import finish, from_start
from gmm_em.fitting.looking import look
from gmm_em.fitting.options import Callback, Options, Plan
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import DegenerateError, Problem
from gmm_em.fitting.result import EMResult
from gmm_em.fitting.search import Search
from gmm_em.fitting.seeds import Streams
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.fitting.weights import WeightUnit
from gmm_em.mixture import Mixture

# Beyond this many rows the search looks at a sample of as many.
PILOT_ROWS = 5_000


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
    reader: RowReader | None = None,
) -> EMResult:
    """Fit a Gaussian mixture by maximum likelihood, or with a prior, maximum a posteriori.

    Starts of different kinds are made and followed to the maxima that they lead to, until more
    are unlikely to find a better one (:mod:`gmm_em.fitting.search`). The highest maximum is
    returned, components by decreasing weight. On more than 5000 rows the search looks at a sample
    of 5000, and the best of what it found is carried to convergence on all rows. Before that it
    looks at a smaller sample (:mod:`gmm_em.fitting.looking`), of 1000 rows or of 10 for each
    feature of each component, unless there are weights, missing values, a prior or `reg_covar`.
    That is enough where its starts agree and what they found leaves out no rows. Maxima that a
    sample cannot tell apart are followed on more rows before one is chosen
    (:mod:`gmm_em.fitting.rivals`). Runs in which a
    component collapses onto a point or a hyperplane, or becomes empty, are refused: the
    likelihood is unbounded there. Maxima that rest on a handful of rows, or on the data's
    rounding, are returned only where there is no other.

    Parameters
    ----------
    X : array_like, shape (N, D)
        Rows. float64 arrays are copied once; float32 arrays and memory maps are read block by
        block and never held whole. The sums of a dask array are taken chunk by chunk where the
        chunks are, by its own scheduler; the defaults of a `prior` come from some of its rows.
        An array of PyTorch, CuPy, JAX or of another library with the array API stays where it is:
        the sums over more than 5000 rows are taken there, and the search looks at a sample that is
        copied to NumPy. Up to 5000 rows are copied whole.
    n_components : int
        Number of components, K; at most the number of rows.
    covariance_type : str or CovarianceStructure
    tol : float, default 1e-10
        Stop when the estimated gain still to come in the objective, per unit of sample weight,
        is below this; see :class:`gmm_em.fitting.ascent.Climb` for how it is estimated, and why.
    reg_covar : float or array_like of shape (D,), default 0.0
        Added to the diagonal of every covariance, in the data's squared units. The likelihood
        is then no longer maximised, and acceleration is off; `prior` is the better remedy.
    max_iter : int, default 1000
        At most this many E-steps after the first, per run; 0 returns the start.
    n_init : int, optional
        Exactly this many starts. By default and on more than 800 rows the search makes 7
        starts of seven kinds, which are enough where most of them agree, and then 3 of others,
        which are enough where most of all ten do. Otherwise it goes on until the best maximum was
        reached by four starts of three kinds and one more start finds a new maximum with a
        probability estimated below 0.1, but makes at most 154 starts (46 on more than 2000 rows).
    init_params : {"auto", "ward", "model-based", "quantiles", "kmeans", "k-means++", "random", \
"random_from_data", "tight_rows", "neighbourhoods", "nested", "textbook"}
        How runs begin; "auto" mixes the kinds that find what others miss.
    init : Mixture or PartialStart, optional
        Begin from this mixture, once, instead; components keep its order.
    sample_weight : array_like, shape (N,), optional
        Non-negative; a weight of 2 counts a row twice, 0 leaves it out.
    prior : ConjugatePrior, optional
        Maximise the posterior density under this prior instead of the likelihood.
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator
        Start number i depends on the seed and on i only.
    callback : callable, optional
        Called as ``callback(run_index, n_iter, log_likelihood)`` after every E-step of a run of the
        result. Short steps that only compare runs on a part of the rows are not told.
    snapshots : bool, default False
        Keep the mixture after every E-step in the records of the runs.
    accelerate : bool, default True
        Take quasi-Newton steps after 24 EM steps, guarded so that the objective never falls. The
        first steps of starts on a sample of the rows are then extrapolated, too.
    n_final : int, optional
        Carry at most so many of the starts to convergence, each by itself. By default a run is
        left where it has come close to a maximum that is known already, and all others are
        carried to convergence.
    n_threads : int, optional
        At most this many threads; by default as many as BLAS would use. Results do not depend
        on it.
    missing : {"error", "mar"}, default "error"
        What to do with NaN in `X`: refuse it, or maximise the likelihood of what was observed,
        which is right where values are missing at random.
    reader : RowReader, optional
        Opens complete rows in memory, with an E-step of its own. `gmm_bayes.CompiledRows` has a
        compiled one, which is faster on few rows of few features and on many processors.

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
    n_components = check_count("n_components", n_components, 1)
    options = Options.of(tol, max_iter, accelerate, snapshots, callback)
    plan = Plan.of(init_params, n_init, n_final, init)
    if missing not in ("error", "mar"):
        raise ValueError(f"missing must be 'error' or 'mar', got {missing!r}")
    poser = ProblemMaker(
        n_components,
        get_structure(covariance_type),
        check_ridge(reg_covar),
        prior,
        n_threads,
        missing == "mar",
        reader,
    )
    sample_weight = to_host(sample_weight)
    if missing == "mar":
        refuse_foreign(X, "missing='mar'")
        X = read_with_missing(X)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0])
            X, sample_weight = X[sample_weight > 0], sample_weight[sample_weight > 0]
    unit = WeightUnit.of(sample_weight, prior)
    options = unit.seen(options)
    problem = poser.pose(X, unit.divide(sample_weight))
    if isinstance(init, Mixture):
        return unit.restore(from_start(problem, init, options))
    streams = Streams.of(random_state)

    def sample(n_rows: int) -> Problem:
        return _pilot(poser, problem, X, n_rows, streams)

    if missing == "error":
        found = _seen_at_once(problem, sample, plan, options, streams)
        if found is not None:
            return unit.restore(found)
    pilot = sample(PILOT_ROWS) if problem.n_rows > PILOT_ROWS else problem
    sampled = pilot is not problem
    search = Search(pilot, plan, options, streams, sampled=sampled, sample=sample)
    search.run()
    try:
        return unit.restore(finish(search, problem, options))
    except DegenerateError:
        if not (sampled and plan.open and search.atlas.maxima):
            raise
    # What looked sound on a sample collapses on all rows: other starts may not.
    search = Search(pilot, plan, options, streams, sampled=True, thorough=True, sample=sample)
    search.run()
    return unit.restore(finish(search, problem, options))


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
    n_components = check_count("n_components", n_components, 1)
    options = Options.of(tol, max_iter, accelerate, snapshots, callback)
    plan = Plan.of(init_params, n_init, None, init)
    streams = Streams.of(random_state)
    sample, n_rows = first_pass(blocks, PILOT_ROWS, streams.rows())
    structure = get_structure(covariance_type)
    poser = ProblemMaker(n_components, structure, check_ridge(reg_covar), prior, None, False)
    pilot = poser.pose(sample, None)
    reading = Reading(n_components, structure, PILOT_ROWS)
    stream = open_stream(blocks, pilot.samples, n_rows, reading)
    problem = Problem(
        pilot.samples,
        stream.estep,
        structure,
        poser.reg_covar,
        pilot.penalty,
        n_rows=n_rows,
        log_jacobian=stream.log_jacobian,
    )
    if isinstance(init, Mixture):
        return from_start(problem, init, options)
    whole = n_rows == sample.shape[0]

    def part(n_rows: int) -> Problem:
        return _pilot(poser, pilot, sample, n_rows, streams)

    search = Search(pilot, plan, options, streams, sampled=not whole, sample=part)
    search.run()
    return finish(search, pilot if whole else problem, options)


def _seen_at_once(
    problem: Problem,
    sample: Callable[[int], Problem],
    plan: Plan,
    options: Options,
    streams: Streams,
) -> EMResult | None:
    """Return what a look at a small sample of the rows finds, where that is enough."""
    looked = look(problem, sample, PILOT_ROWS, plan, options, streams)
    if looked is None:
        return None
    if needs_sample(problem, Chart.size_of(problem), PILOT_ROWS):
        problem.pilot = sample(PILOT_ROWS)
    try:
        return finish(looked, problem, options, sample)
    except DegenerateError:
        # What looked sound on a sample collapses on all rows: the whole search may find more.
        return None


def _pilot(poser: ProblemMaker, problem: Problem, X: Any, n_rows: int, streams: Streams) -> Problem:
    """Pose the same problem for some of the rows."""
    index = np.sort(streams.rows().choice(problem.n_rows, n_rows, replace=False))
    if problem.samples.n_samples < problem.n_rows:
        rows = take_rows(X, index)
    else:
        rows = X[index] if poser.missing else problem.samples.rows(index)
    weight = problem.samples.weight
    return poser.pose(rows, None if weight is None else weight[index])
