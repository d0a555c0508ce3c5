"""The blocked, threaded inner loops of the E-step; nothing else knows about blocks.

Arrays are laid out (K, n), so that sums over components run along rows of memory. Blocks are
sized for the processor's caches and dealt to a fixed number of lanes, and lanes to threads, so
results do not depend on the number of threads. What is computed is explained in
:mod:`gmm_em.e_step.features`.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import numpy as np

from gmm_em.core.threads import run_all, single_threaded_blas
from gmm_em.core.types import FloatArray, Second
from gmm_em.e_step.features import MAPS, Density, FeatureMap, density
from gmm_em.e_step.totals import Totals, rows_behind
from gmm_em.e_step.workspace import Lane, Views, Workspace
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters, Samples

# Rows per block: enough to make light of the interpreter, few enough for the caches.
_BLOCK_COLUMNS = 8192
_PHI_ELEMENTS = 600_000
_MIN_COLUMNS = 64
# OpenBLAS multiplies matrices of up to this many multiplications without packing them, which is
# half as long again for the few rows of W and R; longer blocks are multiplied in tiles.
_SMALL_PRODUCT = 1_000_000
_TILE_STEP = 32
# OpenBLAS starts threads from a few hundred thousand multiplications.
_TINY_PRODUCT = 1 << 16
_LANE_ELEMENTS = 1 << 20
_MAX_LANES = 64
# Below this many elements of phi, it is kept from one E-step to the next.
_CACHED_ELEMENTS = 1 << 17
# Below this many elements of work, starting a second thread costs more than it saves.
_SERIAL_ELEMENTS = 1 << 15


class Kernel:
    """The E-step over one data set for mixtures of one shape.

    Parameters
    ----------
    samples : Samples
    n_components : int
    second : {"full", "diagonal", "pooled"}
        Which second moments to collect; "pooled" is valid for shared covariances only.
    strict : bool, default False
        Refuse covariances that are singular to rounding.
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
        self.samples = samples
        self.n_components = n_components
        self.second: Second = second
        self.map: FeatureMap = MAPS[second](samples.n_features)
        self._strict = strict
        self._n_threads = n_threads
        self._set_blocks(block_columns)
        self._workspaces: queue.SimpleQueue[Workspace] = queue.SimpleQueue()
        self._phi: FloatArray | None = None
        if len(self._starts) == 1 and self.map.size * samples.n_samples <= _CACHED_ELEMENTS:
            self._phi = np.empty((self.map.size, samples.n_samples))
            self.map.fill(samples.block(0, samples.n_samples), self._phi)
        self._pooled: FloatArray | None = None

    # The questions ---------------------------------------------------------------------------

    def expect(self, parameters: Parameters) -> Totals:
        """Log-likelihood and expected sufficient statistics.

        Raises
        ------
        SingularError
            If a covariance is not positive definite.
        """
        with np.errstate(all="ignore"):
            prepared = density(self.map, parameters, strict=self._strict)
            whiteners = np.linalg.inv(prepared.factors) if prepared.whitened else None
            lanes = [Lane() for _ in range(self._n_lanes)]

            def work(lane: int, start: int, workspace: Workspace) -> None:
                self._accumulate(start, prepared, whiteners, workspace, lanes[lane])

            self._run(work)
        total = lanes[0]
        for lane in lanes[1:]:
            assert lane.sums is not None
            total.add(lane.log_likelihood, lane.sums, lane.first, lane.second)
        return self._totals(total, prepared)

    def evaluate(self, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
        """Log-density of each row (N,), in inner units, and responsibilities (K, N)."""
        log_density = np.empty(self.samples.n_samples)
        responsibilities = np.empty((self.n_components, self.samples.n_samples))

        def take(start: int, stop: int, views: Views, lane: int) -> None:
            log_density[start:stop] = views.row
            responsibilities[:, start:stop] = views.posterior

        self._visit(parameters, take)
        return log_density, responsibilities

    def support(self, parameters: Parameters) -> FloatArray:
        """How many rows each component rests on, ``(sum_n r)^2 / sum_n r^2``, shape (K,).

        A weighted row counts as that many rows.
        """
        return rows_behind(self.support_sums(parameters))

    def support_sums(self, parameters: Parameters) -> FloatArray:
        """Sum responsibilities and their squares, shape (2, K)."""
        sums = np.zeros((self._n_lanes, 2, self.n_components))

        def take(start: int, stop: int, views: Views, lane: int) -> None:
            weight = self.samples.weights_of(start, stop)
            ones = np.ones(stop - start) if weight is None else weight
            sums[lane, 0] += views.posterior @ ones
            np.multiply(views.posterior, views.posterior, out=views.posterior)
            sums[lane, 1] += views.posterior @ ones

        self._visit(parameters, take)
        return np.asarray(sums.sum(axis=0))

    # Blocks, lanes and threads ---------------------------------------------------------------

    def _set_blocks(self, block_columns: int | None) -> None:
        n, d = self.samples.n_samples, self.samples.n_features
        per_column = self.map.size + self.n_components
        fitting = max(_MIN_COLUMNS, _PHI_ELEMENTS // self.map.size)
        columns = block_columns or min(_BLOCK_COLUMNS, fitting)
        n_blocks = -(-n // columns)
        if block_columns is None and n * per_column > _SERIAL_ELEMENTS:
            # An even number of equal blocks keeps two threads equally busy.
            n_blocks += n_blocks % 2
        self._columns = -(-n // n_blocks)
        if block_columns is None and n_blocks > 1 and self._columns % 64 == 0:
            # Rows of memory a power of two apart share cache lines.
            self._columns += 8
        self._starts = range(0, n, self._columns)
        tile = _SMALL_PRODUCT // (self.n_components * self.map.size)
        self._tile = max(_TILE_STEP, tile // _TILE_STEP * _TILE_STEP)
        lanes = _LANE_ELEMENTS // (self.n_components * (self.map.size + d * d))
        self._n_lanes = min(len(self._starts), max(2, min(lanes, _MAX_LANES)))
        self._tiny = self._n_lanes == 1 and n * self.n_components * self.map.size <= _TINY_PRODUCT

    def _run(self, work: Callable[[int, int, Workspace], None]) -> None:
        """Call ``work(lane, start, workspace)`` for every block, lanes in parallel."""

        def run_lane(lane: int) -> None:
            try:
                workspace = self._workspaces.get_nowait()
            except queue.Empty:
                workspace = Workspace(self.map.size, self.n_components, self._columns)
            # Contiguous runs of blocks, so that a file is read from front to back.
            first = lane * len(self._starts) // self._n_lanes
            last = (lane + 1) * len(self._starts) // self._n_lanes
            for start in self._starts[first:last]:
                work(lane, start, workspace)
            self._workspaces.put(workspace)

        def run_lane_quietly(lane: int) -> None:
            # The error state belongs to a thread.
            with np.errstate(all="ignore"):
                run_lane(lane)

        if self._tiny:
            run_lane(0)
            return
        with single_threaded_blas() as available:
            if self._n_lanes == 1:
                run_lane(0)
            else:
                run_all(run_lane_quietly, range(self._n_lanes), self._n_threads or available)

    def _visit(self, parameters: Parameters, take: Callable[[int, int, Views, int], None]) -> None:
        """Call ``take(start, stop, views, lane)`` with each block's posterior and log-density."""

        def work(lane: int, start: int, workspace: Workspace) -> None:
            block = self._block(start)
            views = workspace.views(block.shape[1])
            self._posterior(block, self._features(block, views.phi), prepared, whiteners, views)
            np.divide(views.posterior, views.total, out=views.posterior)
            if prepared.shared_precision is not None:
                shared = np.einsum("in,in->n", block, prepared.shared_precision @ block)
                np.subtract(views.row, 0.5 * shared, out=views.row)
            take(start, start + block.shape[1], views, lane)

        with np.errstate(all="ignore"):
            prepared = density(self.map, parameters)
            whiteners = np.linalg.inv(prepared.factors) if prepared.whitened else None
            self._run(work)

    def _block(self, start: int) -> FloatArray:
        return self.samples.block(start, min(start + self._columns, self.samples.n_samples))

    def _features(self, block: FloatArray, buffer: FloatArray) -> FloatArray:
        if self._phi is not None:
            return self._phi
        self.map.fill(block, buffer)
        return buffer

    def _project(self, coefficients: FloatArray, phi: FloatArray, out: FloatArray) -> None:
        """Write ``coefficients @ phi`` to `out`."""
        n, tile = phi.shape[1], self._tile
        if tile >= n or tile < 2 * _TILE_STEP:
            np.dot(coefficients, phi, out=out)
            return
        for start in range(0, n, tile):
            part = slice(start, start + tile)
            np.matmul(coefficients, phi[:, part], out=out[:, part])

    def _collect(self, posterior: FloatArray, phi: FloatArray) -> FloatArray:
        """``posterior @ phi.T``."""
        n, tile = phi.shape[1], self._tile
        if tile >= n or tile < 8 * _TILE_STEP:
            return np.dot(posterior, phi.T)
        out = np.matmul(posterior[:, :tile], phi[:, :tile].T)
        for start in range(tile, n, tile):
            part = slice(start, start + tile)
            out += np.matmul(posterior[:, part], phi[:, part].T)
        return np.asarray(out)

    def _posterior(
        self,
        block: FloatArray,
        phi: FloatArray,
        prepared: Density,
        whiteners: FloatArray | None,
        views: Views,
    ) -> list[FloatArray]:
        """Fill unnormalised responsibilities, their sums and the rows' log-densities.

        Returns the whitened deviations of the components that are whitened.
        """
        _, posterior, row, total = views
        self._project(prepared.coefficients, phi, posterior)
        deviations = []
        for k in prepared.whitened:
            assert whiteners is not None
            whitener = whiteners[min(k, whiteners.shape[0] - 1)]
            z = whitener @ (block - prepared.means[k][:, None])
            np.einsum("dn,dn->n", z, z, out=row)
            np.multiply(row, -0.5, out=posterior[k])
            posterior[k] += prepared.constants[k]
            deviations.append(z)
        np.maximum.reduce(posterior, axis=0, out=row)
        np.subtract(posterior, row, out=posterior)
        np.exp(posterior, out=posterior)
        np.add.reduce(posterior, axis=0, out=total)
        np.add(row, np.log(total), out=row)
        return deviations

    def _accumulate(
        self,
        start: int,
        prepared: Density,
        whiteners: FloatArray | None,
        workspace: Workspace,
        lane: Lane,
    ) -> None:
        block = self._block(start)
        n = block.shape[1]
        views = workspace.views(n)
        phi = self._features(block, views.phi)
        deviations = self._posterior(block, phi, prepared, whiteners, views)
        weight = self.samples.weights_of(start, start + n)
        if weight is None:
            log_likelihood = float(np.add.reduce(views.row))
            np.divide(1.0, views.total, out=views.total)
        else:
            log_likelihood = float(weight @ views.row)
            np.divide(weight, views.total, out=views.total)
        np.multiply(views.posterior, views.total, out=views.posterior)
        sums = self._collect(views.posterior, phi)
        first = second = None
        if deviations:
            chosen = views.posterior[list(prepared.whitened)]
            first = np.array([z @ r for z, r in zip(deviations, chosen, strict=True)])
            second = np.array([(z * r) @ z.T for z, r in zip(deviations, chosen, strict=True)])
        lane.add(log_likelihood, sums, first, second)

    # Moments out -----------------------------------------------------------------------------

    def _totals(self, total: Lane, prepared: Density) -> Totals:
        sums = total.sums
        assert sums is not None
        counts = sums[:, 0]
        first = sums[:, 1 : self.samples.n_features + 1]
        origin = np.zeros(first.shape)
        log_likelihood = total.log_likelihood
        if prepared.shared_precision is not None:
            second = self._total_second_moment()
            log_likelihood -= 0.5 * float(np.vdot(prepared.shared_precision, second))
            return Totals(log_likelihood, counts, first, second, origin)
        if not prepared.whitened:
            return Totals(log_likelihood, counts, first, self.map.second(sums), origin)
        assert total.first is not None
        assert total.second is not None
        whitened = list(prepared.whitened)
        origin[whitened] = prepared.means[whitened]
        shape = (self.n_components, *prepared.factors.shape[1:])
        factors = np.broadcast_to(prepared.factors, shape)[whitened]
        first[whitened] = (factors @ total.first[:, :, None])[:, :, 0]
        exact = factors @ total.second @ factors.transpose(0, 2, 1)
        if self.second == "pooled":
            return Totals(log_likelihood, counts, first, exact.sum(axis=0), origin)
        second = self.map.second(sums)
        full = self.second == "full"
        second[whitened] = exact if full else np.diagonal(exact, axis1=1, axis2=2)
        return Totals(log_likelihood, counts, first, second, origin)

    def _total_second_moment(self) -> FloatArray:
        """Weighted sum of ``x x^T`` over all rows; it never changes, so it is taken once."""
        if self._pooled is None:
            d = self.samples.n_features
            sums = np.zeros((self._n_lanes, d, d))

            def work(lane: int, start: int, workspace: Workspace) -> None:
                block = self._block(start)
                weight = self.samples.weights_of(start, start + block.shape[1])
                sums[lane] += (block if weight is None else block * weight) @ block.T

            self._run(work)
            self._pooled = sums.sum(axis=0)
        return self._pooled


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
    kernel = Kernel(samples, mixture.n_components, second)
    log_density, responsibilities = kernel.evaluate(Parameters(*samples.inner(mixture)))
    log_density -= float(np.log(samples.scale).sum())
    return log_density, responsibilities.T
