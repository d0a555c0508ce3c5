"""Seconds and bytes as functions of N, D, K, draws, cells and workers, fitted to measurements.

The seconds of a step are linear in a few terms, see `experiments.engines.costs`. The coefficients
depend on the machine; non-negative least squares finds them from relative errors.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dask.array
import numpy as np
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from experiments.benchmarks.cases import Case, make_data
from experiments.core.types import FloatArray
from experiments.engines.costs import CostTerms, em_terms, gibbs_terms
from gmm_bayes import GaussianMixtureBayes, NIWPrior
from gmm_em import Mixture
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.dask_chunks import ChunkEStep
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters, Samples

# The sizes at which costs are measured.
_GRID = [(d, k) for d in (2, 5, 10, 20) for k in (2, 5, 10)]
_EM_ROWS = (2_000, 100_000)
_GIBBS_ROWS = (300, 3_000)
# Steps of the short run, and how many more the long one has: EM's passes or a sampler's sweeps.
_SHORT = 4
_PASSES = 10
_SWEEPS = 100
_REPEATS = 2
_ONE_CHAIN: dict[str, Any] = {
    "sampler": "gibbs",
    "tune": 20,
    "chains": 1,
    "cores": 1,
    "random_state": 0,
    "progressbar": False,
}
_CHUNKS = 400


@dataclass(frozen=True)
class CostModel:
    """Seconds as a sum of terms.

    Attributes
    ----------
    what : str
    names : tuple of str
        Of the terms.
    terms : callable
        Of N, D and K.
    coefficients : ndarray
    error : float
        Median relative error at the sizes that it was fitted to.
    """

    what: str
    names: tuple[str, ...]
    terms: CostTerms = field(repr=False)
    coefficients: FloatArray
    error: float

    def seconds(self, n: int, d: int, k: int) -> float:
        """Return the seconds that the model predicts."""
        return float(np.dot(self.terms(n, d, k), self.coefficients))

    def line(self) -> str:
        """Write the sum down."""
        used = [
            f"{c:.2g} {name}".strip()
            for c, name in zip(self.coefficients, self.names, strict=True)
            if c > 0
        ]
        return f"{self.what} = {' + '.join(used)}   (median error {self.error:.0%})"


@dataclass(frozen=True)
class Costs:
    """The models of one machine, and the scheduler's seconds for a chunk of an iteration."""

    em: CostModel
    gibbs: CostModel
    chunk: float

    def lines(self) -> Iterator[str]:
        """Write the models down, with what they are functions of."""
        yield "P = 1 + D + D (D + 1) / 2 features of a row"
        yield self.em.line()
        yield self.gibbs.line()
        yield f"seconds of dask's scheduler = {self.chunk:.2g} chunks, an EM iteration"
        yield "bytes of a fit in memory = 16 N D; of chunks = 8 N D, on disk or over a cluster"
        yield "bytes of a posterior = 8 chains draws (K + K D + K D^2)"


def measure_costs(quick: bool = False) -> Costs:
    """Measure both models on one processor.

    Parameters
    ----------
    quick : bool, default False
        At fewer and smaller sizes.
    """
    grid = _GRID[::4] if quick else _GRID
    rows = [tuple(n // 10 for n in sizes) if quick else sizes for sizes in (_EM_ROWS, _GIBBS_ROWS)]
    em_sizes = [(n, d, k) for d, k in grid for n in rows[0]]
    gibbs_sizes = [(n, d, k) for d, k in grid for n in rows[1] if d <= 10]
    em_names = ("", "K D^2", "N K P", "N K", "N P")
    gibbs_names = ("", "K", "K D^3", "N K P", "N K", "N")
    with threadpool_limits(1):
        em = _fitted("seconds of an EM iteration", em_names, em_terms, em_sizes, time_em_pass)
        what = "seconds of a Gibbs sweep of a chain"
        gibbs = _fitted(what, gibbs_names, gibbs_terms, gibbs_sizes, time_gibbs_sweep)
    return Costs(em, gibbs, time_chunk())


def _fitted(
    what: str,
    names: tuple[str, ...],
    terms: CostTerms,
    sizes: list[tuple[int, int, int]],
    measure: Callable[[int, int, int], float],
) -> CostModel:
    seconds = np.array([measure(*size) for size in sizes])
    design = np.array([terms(*size) for size in sizes])
    # Relative errors, so that small sizes count as much as large ones.
    coefficients, _ = nnls(design / seconds[:, None], np.ones(len(sizes)))
    error = float(np.median(np.abs(design @ coefficients / seconds - 1)))
    return CostModel(what, names, terms, coefficients, error)


def time_em_pass(n: int, d: int, k: int) -> float:
    """Return the seconds of one E-step and M-step."""
    X, means = make_data(Case(n, d, k))
    samples, structure = Samples(X), get_structure("full")
    problem = Problem(samples, BlockedEStep(samples, k, structure.second, n_threads=1), structure)
    mixture = Mixture(np.full(k, 1 / k), means, np.repeat(np.eye(d)[None], k, axis=0))
    start = Parameters(*samples.inner(mixture))

    def run(steps: int) -> None:
        for _ in range(steps):
            problem.maximize(problem.expect(start))

    return _each(run, _PASSES)


def time_gibbs_sweep(n: int, d: int, k: int) -> float:
    """Return the seconds of one sweep of one chain."""
    X, _ = make_data(Case(n, d, k))

    def run(draws: int) -> None:
        GaussianMixtureBayes(k, prior=NIWPrior(), draws=draws, **_ONE_CHAIN).fit(X)

    return _each(run, _SWEEPS)


def _each(run: Callable[[int], None], count: int) -> float:
    """Return the processor's seconds of one step, from a short run and one of `count` steps more.

    The difference of the two leaves out what happens once in every run.
    """
    run(_SHORT)
    seconds = []
    for steps in (_SHORT, _SHORT + count):
        best = np.inf
        for _ in range(_REPEATS):
            begin = time.process_time()
            run(steps)
            best = min(best, time.process_time() - begin)
        seconds.append(best)
    return max(seconds[1] - seconds[0], 1e-3 * seconds[1]) / count


def time_chunk() -> float:
    """Return what a cluster's scheduler needs for one chunk.

    The seconds of the chunk's sums and of sending them from another process come on top.
    """
    from distributed import Client, LocalCluster  # noqa: PLC0415 - it takes half a second

    rows = dask.array.from_array(np.random.default_rng(0).normal(size=(_CHUNKS, 1)), chunks=(1, 1))
    units = (np.zeros(1), np.ones(1))
    start = Parameters(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    # Scheduler and worker are threads of this process, because anybody on the machine could enter
    # a cluster of processes. Dask still opens a port for a page each, which these settings empty.
    own: dict[str, list[str]] = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    size = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    pages = dict.fromkeys(("dashboard_address", "worker_dashboard_address"), "127.0.0.1:0")
    with dask.config.set(own):
        place = LocalCluster(**size, **pages, silence_logs=logging.CRITICAL)
    with place as cluster, Client(cluster, set_as_default=True):
        estep = ChunkEStep(rows.persist(), units, 1, "full")
        estep.expect(start)
        begin = time.perf_counter()
        estep.expect(start)
        return (time.perf_counter() - begin) / _CHUNKS
