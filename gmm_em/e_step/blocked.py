"""The E-step over rows in memory or in a file: blocked, threaded inner loops.

Arrays are laid out (K, n), so that sums over components run along rows of memory. Blocks are
dealt to a fixed number of lanes, and lanes to threads, so results do not depend on the number of
threads. With the weighted log-densities ``a_kn`` of equations 1 and 3 in
:mod:`gmm_em.e_step.features`, what is computed is

    l_n  = log sum_k exp(a_kn)            the row's log-density,                       (4)
    r_kn = exp(a_kn - l_n)                the responsibilities,                        (5)
    S    = sum_n w_n r_kn phi(x_n)        the sums that the M-step needs.              (6)
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, override

import numpy as np

from gmm_em.core.threads import run_all, single_threaded_blas
from gmm_em.core.types import FloatArray, Second
from gmm_em.e_step.block_plan import BlockPlan
from gmm_em.e_step.exponentials import exponentiate
from gmm_em.e_step.features import Density, density
from gmm_em.e_step.summed import SummedEStep
from gmm_em.e_step.workspace import BlockBuffers, LaneSums, Workspace
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters, Samples

# Below this many elements of phi, it is kept from one E-step to the next.
_CACHED_ELEMENTS = 1 << 17


class BlockedEStep(SummedEStep[Samples]):
    """The E-step over one data set for mixtures of one shape.

    It is an :class:`gmm_em.e_step.protocol.RowwiseEStep`.

    Parameters
    ----------
    samples : Samples
    n_components : int
    second : {"full", "diagonal", "pooled"}
        Which second moments to collect; "pooled" is valid for shared covariances only.
    strict : bool, default False
        Refuse covariances that are singular to rounding, and take any number below exp(-64) for a
        responsibility below that, which is fast. A fit wants both.
    n_threads : int, optional
        At most this many threads; by default as many as BLAS would use.
    block_columns : int, optional
        Rows per block, by default chosen for the processor's caches.
    """

    def __init__(
        self,
        samples: Samples,
        n_components: int,
        second: Second = "full",
        *,
        strict: bool = False,
        n_threads: int | None = None,
        block_columns: int | None = None,
    ) -> None:
        super().__init__(samples, n_components, second, strict=strict)
        self._n_threads = n_threads
        shape = (samples.n_samples, samples.n_features)
        self._plan = BlockPlan.of(shape, n_components, self._map.size, block_columns)
        self._workspaces: queue.SimpleQueue[Workspace] = queue.SimpleQueue()
        self._phi: FloatArray | None = None
        one_block = len(self._plan.starts) == 1
        if one_block and self._map.size * samples.n_samples <= _CACHED_ELEMENTS:
            self._phi = np.empty((self._map.size, samples.n_samples))
            self._map.fill(samples.block(0, samples.n_samples), self._phi)

    # The questions ---------------------------------------------------------------------------

    def evaluate(self, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
        """Log-density of each row (N,), in inner units, and responsibilities (K, N)."""
        log_density = np.empty(self.samples.n_samples)
        responsibilities = np.empty((self.n_components, self.samples.n_samples))

        def take(start: int, stop: int, buffers: BlockBuffers, lane: int) -> None:
            log_density[start:stop] = buffers.log_density
            responsibilities[:, start:stop] = buffers.posterior

        self._visit(parameters, take)
        return log_density, responsibilities

    def least_log_density(self, parameters: Parameters) -> float:
        """Log-density of the row where it is lowest, in inner units; no array of all rows."""
        least = np.full(self._plan.n_lanes, np.inf)

        def take(start: int, stop: int, buffers: BlockBuffers, lane: int) -> None:
            least[lane] = min(least[lane], buffers.log_density.min())

        self._visit(parameters, take)
        return float(least.min())

    @override
    def support_sums(self, parameters: Parameters) -> FloatArray:
        sums = np.zeros((self._plan.n_lanes, 2, self.n_components))

        def take(start: int, stop: int, buffers: BlockBuffers, lane: int) -> None:
            weight = self.samples.weights_of(start, stop)
            ones = np.ones(stop - start) if weight is None else weight
            sums[lane, 0] += buffers.posterior @ ones
            np.multiply(buffers.posterior, buffers.posterior, out=buffers.posterior)
            sums[lane, 1] += buffers.posterior @ ones

        self._visit(parameters, take)
        return np.asarray(sums.sum(axis=0))

    # Blocks, lanes and threads ---------------------------------------------------------------

    def _run(self, work: Callable[[int, int, Workspace], None]) -> None:
        """Call ``work(lane, start, workspace)`` for every block, lanes in parallel."""
        plan = self._plan

        def run_lane(lane: int) -> None:
            try:
                workspace = self._workspaces.get_nowait()
            except queue.Empty:
                d = self.samples.n_features
                workspace = Workspace(self._map.size, d, self.n_components, plan.columns)
            for start in plan.lane(lane):
                work(lane, start, workspace)
            self._workspaces.put(workspace)

        def run_lane_quietly(lane: int) -> None:
            # NumPy's error state belongs to a thread, so every thread sets its own.
            with np.errstate(all="ignore"):
                run_lane(lane)

        if plan.tiny:
            run_lane(0)
            return
        with single_threaded_blas() as available:
            n_threads = min(self._n_threads or available, plan.n_threads)
            run_all(run_lane_quietly, range(plan.n_lanes), n_threads)

    def _visit(
        self, parameters: Parameters, take: Callable[[int, int, BlockBuffers, int], None]
    ) -> None:
        """Call ``take(start, stop, buffers, lane)`` with each block's (4) and (5) in `buffers`."""

        def work(lane: int, start: int, workspace: Workspace) -> None:
            block = self._block(start)
            buffers = workspace.buffers(block.shape[1])
            _posterior(
                self._plan, prepared, block, self._features(block, buffers, prepared), buffers
            )
            np.divide(buffers.posterior, buffers.norm, out=buffers.posterior)
            if prepared.shared_precision is not None:
                # The term x^T P x of equation 1, which is the same for all components.
                shared = np.einsum("in,in->n", block, prepared.shared_precision @ block)
                np.subtract(buffers.log_density, 0.5 * shared, out=buffers.log_density)
            take(start, start + block.shape[1], buffers, lane)

        with np.errstate(all="ignore"):
            prepared = density(self._map, parameters)
            self._run(work)

    def _block(self, start: int) -> FloatArray:
        """Rows of the block that begins at `start`, transposed: shape (D, n)."""
        return self.samples.block(start, min(start + self._plan.columns, self.samples.n_samples))

    def _features(self, block: FloatArray, buffers: BlockBuffers, prepared: Density) -> FloatArray:
        """Return phi of a block, shape (P, n), which is written unless it was kept."""
        if self._phi is not None:
            return self._phi
        # Where all components are whitened, phi is not looked at.
        if prepared.coefficients.shape[0]:
            self._map.fill(block, buffers.phi)
        return buffers.phi

    def _block_sums(self, start: int, prepared: Density, workspace: Workspace) -> LaneSums:
        """Log-likelihood and the sums (6) of one block."""
        block = self._block(start)
        n = block.shape[1]
        buffers = workspace.buffers(n)
        phi = self._features(block, buffers, prepared)
        _posterior(self._plan, prepared, block, phi, buffers, no_denormals=self._strict)
        weight = self.samples.weights_of(start, start + n)
        # Row weights go into the normalisation: w_n r_kn, not r_kn, is what is summed.
        if weight is None:
            log_likelihood = float(np.add.reduce(buffers.log_density))
            np.divide(1.0, buffers.norm, out=buffers.norm)
        else:
            log_likelihood = float(weight @ buffers.log_density)
            np.divide(weight, buffers.norm, out=buffers.norm)
        np.multiply(buffers.posterior, buffers.norm, out=buffers.posterior)
        whitening = prepared.whitening
        if whitening is None:
            return LaneSums(log_likelihood, self._plan.collect(buffers.posterior, phi))
        return LaneSums(
            log_likelihood,
            self._plan.collect(buffers.posterior[whitening.others], phi),
            whitening.sums(block, buffers.posterior, buffers.deviations),
        )

    @override
    def _sums(self, prepared: Density) -> LaneSums:
        lanes = [LaneSums() for _ in range(self._plan.n_lanes)]

        def work(lane: int, start: int, workspace: Workspace) -> None:
            lanes[lane].add(self._block_sums(start, prepared, workspace))

        self._run(work)
        total = lanes[0]
        for lane in lanes[1:]:
            total.add(lane)
        return total

    @override
    def _sum_of_products(self) -> FloatArray:
        d = self.samples.n_features
        sums = np.zeros((self._plan.n_lanes, d, d))

        def work(lane: int, start: int, workspace: Workspace) -> None:
            block = self._block(start)
            weight = self.samples.weights_of(start, start + block.shape[1])
            sums[lane] += (block if weight is None else block * weight) @ block.T

        self._run(work)
        return np.asarray(sums.sum(axis=0))


def _posterior(
    plan: BlockPlan,
    prepared: Density,
    block: FloatArray,
    phi: FloatArray,
    buffers: BlockBuffers,
    *,
    no_denormals: bool = False,
) -> None:
    """Write (4), and of (5) the numerators ``exp(a_kn - max_k a_kn)`` and their sums."""
    posterior, log_density, norm = buffers.posterior, buffers.log_density, buffers.norm
    whitening = prepared.whitening
    if whitening is None:
        plan.project(prepared.coefficients, phi, posterior)
    else:
        posterior[whitening.others] = plan.projected(prepared.coefficients, phi)
        whitening.write_log_densities(block, buffers.deviations, posterior)
    # The largest term is taken out of the sum, so that nothing overflows.
    np.maximum.reduce(posterior, axis=0, out=log_density)
    np.subtract(posterior, log_density, out=posterior)
    if no_denormals:
        exponentiate(posterior)
    else:
        np.exp(posterior, out=posterior)
    np.add.reduce(posterior, axis=0, out=norm)
    np.add(log_density, np.log(norm), out=log_density)


def evaluate(mixture: Mixture, X: Any, second: Second = "full") -> tuple[FloatArray, FloatArray]:
    """Log-density of each row (N,) and responsibilities (N, K), block by block.

    Parameters
    ----------
    mixture : Mixture
    X : array_like, shape (N, D)
        Memory maps and dask arrays are not loaded whole.
    second : {"full", "diagonal", "pooled"}
        What is known of the covariances: any, diagonal, or equal.
    """
    samples = Samples.for_mixture(mixture, X)
    estep = BlockedEStep(samples, mixture.n_components, second)
    log_density, responsibilities = estep.evaluate(Parameters(*samples.inner(mixture)))
    log_density -= float(np.log(samples.scale).sum())
    return log_density, responsibilities.T
