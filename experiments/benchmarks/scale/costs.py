"""Seconds and bytes as functions of N, D, K, draws, cells and workers, fitted to measurements.

One E-step costs, for each row, the features of the row (P = 1 + D + D (D + 1) / 2 of them), the
densities (K exponentials) and two matrix products of K by P. A Gibbs sweep draws K matrices of
D x D and a label for each row. Both are so linear in a few terms with coefficients of the machine,
which non-negative least squares finds from relative errors.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dask.array
import numpy as np
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from experiments.benchmarks.em import Case, make_data
from experiments.core.types import FloatArray
from gmm_bayes import GaussianMixtureBayes, NIWPrior
from gmm_em import Mixture
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.dask_chunks import ChunkEStep
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters, Samples

Terms = Callable[[int, int, int], tuple[float, ...]]

_GRID = [(d, k) for d in (2, 5, 10, 20) for k in (2, 5, 10)]
_EM_ROWS, _GIBBS_ROWS = (2_000, 100_000), (300, 3_000)
_PASSES, _SWEEPS, _SHORT, _REPEATS = 10, 100, 4, 2
_CHUNKS = 400


def _phi(d: int) -> int:
    return 1 + d + d * (d + 1) // 2


def em_terms(n: int, d: int, k: int) -> tuple[float, ...]:
    """Terms of the seconds of one E-step and M-step."""
    return 1.0, k * d**2, n * k * _phi(d), n * k, n * _phi(d)


def gibbs_terms(n: int, d: int, k: int) -> tuple[float, ...]:
    """Terms of the seconds of one sweep of one chain."""
    return 1.0, k, k * d**3, n * k * _phi(d), n * k, n


@dataclass(frozen=True)
class Model:
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
    terms: Terms = field(repr=False)
    coefficients: FloatArray
    error: float

    def seconds(self, n: int, d: int, k: int) -> float:
        """Predict."""
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

    em: Model
    gibbs: Model
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
    with threadpool_limits(1):
        em = _fitted(
            "seconds of an EM iteration", ("", "K D^2", "N K P", "N K", "N P"), em_terms,
            [(n, d, k) for d, k in grid for n in rows[0]], time_em_pass,
        )  # fmt: skip
        gibbs = _fitted(
            "seconds of a Gibbs sweep of a chain", ("", "K", "K D^3", "N K P", "N K", "N"),
            gibbs_terms, [(n, d, k) for d, k in grid for n in rows[1] if d <= 10],
            time_gibbs_sweep,
        )  # fmt: skip
    return Costs(em, gibbs, time_chunk())


def _fitted(
    what: str,
    names: tuple[str, ...],
    terms: Terms,
    sizes: list[tuple[int, int, int]],
    measure: Callable[[int, int, int], float],
) -> Model:
    seconds = np.array([measure(*size) for size in sizes])
    design = np.array([terms(*size) for size in sizes])
    # Relative errors, so that small sizes count as much as large ones.
    coefficients, _ = nnls(design / seconds[:, None], np.ones(len(sizes)))
    error = float(np.median(np.abs(design @ coefficients / seconds - 1)))
    return Model(what, names, terms, coefficients, error)


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
        GaussianMixtureBayes(
            k, prior=NIWPrior(), sampler="gibbs", draws=draws, tune=20, chains=1, cores=1,
            random_state=0, progressbar=False,
        ).fit(X)  # fmt: skip

    return _each(run, _SWEEPS)


def _each(run: Callable[[int], None], count: int) -> float:
    """Return the seconds of the processor that one of so many more steps costs.

    What happens once is in both of a short run and a long one.
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
    """Return what a cluster's scheduler needs for one chunk, the seconds of its sums aside."""
    from distributed import Client, LocalCluster

    rows = dask.array.from_array(np.random.default_rng(0).normal(size=(_CHUNKS, 1)), chunks=(1, 1))
    units = (np.zeros(1), np.ones(1))
    start = Parameters(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    place = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1",
        dashboard_address="127.0.0.1:0", worker_dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )  # fmt: skip
    with place as cluster, Client(cluster, set_as_default=True):
        estep = ChunkEStep(rows.persist(), units, 1, "full")
        estep.expect(start)
        begin = time.perf_counter()
        estep.expect(start)
        return (time.perf_counter() - begin) / _CHUNKS
