"""Seconds and bytes as functions of N, D, K, draws, cells and workers, fitted to measurements.

One E-step costs, for each row, the features of the row (P = 1 + D + D (D + 1) / 2 of them), the
densities (K exponentials) and two matrix products of K by P. A Gibbs sweep draws K matrices of
D x D and a label for each row. Both are so linear in a few terms with coefficients of the machine,
which non-negative least squares finds from relative errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dask.array
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from experiments.benchmarks.em import Case, make_data, make_start
from gmm_bayes import GaussianMixtureBayes, NIWPrior
from gmm_em import Mixture, fit_em
from gmm_em.chunks import ChunkEStep
from gmm_em.features import Parameters

Floats = NDArray[np.float64]
Terms = Callable[[int, int, int], tuple[float, ...]]

_GRID = [(d, k) for d in (2, 5, 10, 20) for k in (2, 5, 10)]
_EM_ROWS, _GIBBS_ROWS = (2_000, 200_000), (300, 3_000)
_PASSES, _SWEEPS = 12, 60
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
    coefficients: Floats
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
    """Return the seconds of one iteration, the best of a few runs."""
    case = Case(n, d, k)
    X, means = make_data(case)
    start = make_start(case, X, means)
    mixture = Mixture(
        start["weights_init"], start["means_init"], np.repeat(np.eye(d)[None], k, axis=0)
    )

    def run(iterations: int) -> float:
        begin = time.perf_counter()
        fit_em(X, k, init=mixture, max_iter=iterations, tol=0.0, accelerate=False, n_threads=1)
        return time.perf_counter() - begin

    # Reading the rows, and what else happens once, is in both.
    return min(max(run(2 + _PASSES) - run(2), 1e-7) / _PASSES for _ in range(3))


def time_gibbs_sweep(n: int, d: int, k: int) -> float:
    """Return the seconds of one sweep of one chain, the best of a few runs."""
    X, _ = make_data(Case(n, d, k))

    def run(draws: int) -> float:
        begin = time.perf_counter()
        GaussianMixtureBayes(
            k, prior=NIWPrior(), sampler="gibbs", draws=draws, tune=20, chains=1, cores=1,
            random_state=0, progressbar=False,
        ).fit(X)  # fmt: skip
        return time.perf_counter() - begin

    return min(max(run(10 + _SWEEPS) - run(10), 1e-7) / _SWEEPS for _ in range(2))


def time_chunk() -> float:
    """Return what a cluster's scheduler needs for one chunk, the seconds of its sums aside."""
    from distributed import Client, LocalCluster

    rows = dask.array.from_array(np.random.default_rng(0).normal(size=(_CHUNKS, 1)), chunks=(1, 1))
    units = (np.zeros(1), np.ones(1))
    start = Parameters(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    place = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1",
        dashboard_address="127.0.0.1:0", worker_dashboard_address=None,
    )  # fmt: skip
    with place as cluster, Client(cluster, set_as_default=True):
        estep = ChunkEStep(rows.persist(), units, 1, "full")
        estep.expect(start)
        begin = time.perf_counter()
        estep.expect(start)
        return (time.perf_counter() - begin) / _CHUNKS
