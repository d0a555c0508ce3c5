"""The blocked, threaded inner loops of the E-step; nothing else knows about blocks.

For a normal density, ``log(weight_k) + log N(x | k)`` is linear in the products of x, so that one
matrix product ``W @ phi`` with ``phi = (1, x_i, x_i x_j for i <= j)`` gives it for all components
and a block of rows, and a second one, ``R @ phi.T``, gives every moment the M-step needs: half
the flops of whitening. Diagonal matrices need ``phi = (1, x_i, x_i^2)`` only, and matrices shared
by all components ``phi = (1, x_i)``: the quadratic term then cancels from the responsibilities,
and its sum is known from the total second moment.

The expanded quadratic cancels when a component is far narrower than the data. A component for
which it would lose digits is whitened instead, ``z = L^-1 (x - mean)``, and its moments are taken
of z: exact whatever the conditioning. The choice is made per component, in every E-step.

Arrays are laid out (K, n), so that sums over components run along rows of memory. Blocks are
dealt to a fixed number of lanes, and lanes to threads, so results do not depend on the number of
threads.
"""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, override

import numpy as np

from gmm_em.covariance import Second
from gmm_em.mixture import FloatArray
from gmm_em.samples import Samples
from gmm_em.threads import run_all, single_threaded_blas

_LOG_2PI = float(np.log(2.0 * np.pi))
# Largest sum of magnitudes in the expanded quadratic: its rounding error is about 1e-16 of this.
_EXPANDED_LIMIT = 1e5
_BLOCK_COLUMNS = 4096
_WORKSPACE_ELEMENTS = 1 << 20
_LANE_ELEMENTS = 1 << 22
_MAX_LANES = 64
# Below this many elements of phi, it is kept from one E-step to the next.
_CACHED_ELEMENTS = 1 << 18
# Below this many elements of work, starting a second thread costs more than it saves.
_SERIAL_ELEMENTS = 1 << 15


class Parameters(NamedTuple):
    """A mixture in the samples' inner units, unchecked: what the loop passes around."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


@dataclass
class Totals:
    """Sums over rows, in the samples' inner units.

    `first` and `second` are moments about `origin`, which has one row per component. `second`
    has shape (K, D, D), (K, D) or (D, D). `objective` is the log-likelihood plus a log-prior,
    where there is one; who knows the prior sets it.
    """

    log_likelihood: float
    counts: FloatArray
    first: FloatArray
    second: FloatArray
    origin: FloatArray
    objective: float = np.nan


class FeatureMap(ABC):
    """How rows become `phi`, parameters become coefficients, and sums become moments."""

    size: int

    @abstractmethod
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        """Write phi of a block (D, n) to `out` (size, n)."""

    @abstractmethod
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        """Coefficients of phi, shape (K, size)."""

    @abstractmethod
    def second(self, sums: FloatArray) -> FloatArray:
        """Second moments (about zero) in a row of sums of phi per component."""


class QuadraticMap(FeatureMap):
    """``(1, x_i, x_i x_j for i <= j)``."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        rows, columns = np.triu_indices(n_features)
        self.size = 1 + n_features + rows.shape[0]
        self._flat = rows * n_features + columns
        self._factors = np.where(rows == columns, -0.5, -1.0)
        position = np.empty((n_features, n_features), dtype=np.intp)
        position[rows, columns] = position[columns, rows] = np.arange(rows.shape[0])
        self._position = position + 1 + n_features

    @override
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        d = self.n_features
        out[0] = 1.0
        out[1 : d + 1] = block
        start = d + 1
        for i in range(d):
            np.multiply(block[i], block[i:], out=out[start : start + d - i])
            start += d - i

    @override
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        d = self.n_features
        out = np.empty((constants.shape[0], self.size))
        out[:, 0] = constants
        out[:, 1 : d + 1] = linear
        quadratic = precisions.reshape(-1, d * d).take(self._flat, axis=1)
        np.multiply(quadratic, self._factors, out=out[:, d + 1 :])
        return out

    @override
    def second(self, sums: FloatArray) -> FloatArray:
        return sums.take(self._position, axis=1)


class DiagonalMap(FeatureMap):
    """``(1, x_i, x_i^2)``."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + 2 * n_features

    @override
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        d = self.n_features
        out[0] = 1.0
        out[1 : d + 1] = block
        np.multiply(block, block, out=out[d + 1 :])

    @override
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        diagonals = np.diagonal(precisions, axis1=1, axis2=2)
        return np.hstack([constants[:, None], linear, -0.5 * diagonals])

    @override
    def second(self, sums: FloatArray) -> FloatArray:
        return sums[:, self.n_features + 1 :]


class LinearMap(FeatureMap):
    """``(1, x_i)``, for components that share one covariance."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.size = 1 + n_features

    @override
    def fill(self, block: FloatArray, out: FloatArray) -> None:
        out[0] = 1.0
        out[1:] = block

    @override
    def coefficients(
        self, constants: FloatArray, linear: FloatArray, precisions: FloatArray
    ) -> FloatArray:
        return np.hstack([constants[:, None], linear])

    @override
    def second(self, sums: FloatArray) -> FloatArray:
        raise NotImplementedError("the pooled second moment does not depend on responsibilities")


_MAPS: dict[Second, type[QuadraticMap] | type[DiagonalMap] | type[LinearMap]] = {
    "full": QuadraticMap,
    "diagonal": DiagonalMap,
    "pooled": LinearMap,
}


class _Density(NamedTuple):
    """The components' log-densities, ready to be evaluated."""

    coefficients: FloatArray
    whitened: tuple[int, ...]
    means: FloatArray
    factors: FloatArray
    whiteners: FloatArray
    constants: FloatArray
    shared_precision: FloatArray | None


class _Views(NamedTuple):
    """Contiguous buffers for a block of n rows."""

    phi: FloatArray
    posterior: FloatArray
    row: FloatArray
    total: FloatArray


class _Workspace:
    """Buffers of one thread."""

    def __init__(self, size: int, n_components: int, columns: int) -> None:
        self._phi = np.empty(size * columns)
        self._posterior = np.empty(n_components * columns)
        self._row = np.empty((2, columns))
        self._shape = (size, n_components)

    def views(self, n: int) -> _Views:
        size, n_components = self._shape
        return _Views(
            self._phi[: size * n].reshape(size, n),
            self._posterior[: n_components * n].reshape(n_components, n),
            self._row[0, :n],
            self._row[1, :n],
        )


class _Accumulator:
    """Sums of one lane."""

    def __init__(self, size: int, n_components: int, n_whitened: int, n_features: int) -> None:
        self.log_likelihood = 0.0
        self.sums = np.zeros((n_components, size))
        self.first = np.zeros((n_whitened, n_features))
        self.second = np.zeros((n_whitened, n_features, n_features))


class Kernel:
    """The E-step over one data set for mixtures of one shape.

    Parameters
    ----------
    samples : Samples
    n_components : int
    second : {"full", "diagonal", "pooled"}
        Which second moments to collect; "pooled" is valid for shared covariances only.
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
        n_threads: int | None = None,
        block_columns: int | None = None,
    ) -> None:
        self.samples = samples
        self.n_components = n_components
        self.second: Second = second
        self.map: FeatureMap = _MAPS[second](samples.n_features)
        self._n_threads = n_threads
        self._set_blocks(block_columns)
        self._workspaces: queue.SimpleQueue[_Workspace] = queue.SimpleQueue()
        self._phi: FloatArray | None = None
        if len(self._starts) == 1 and self.map.size * samples.n_samples <= _CACHED_ELEMENTS:
            self._phi = np.empty((self.map.size, samples.n_samples))
            self.map.fill(samples.block(0, samples.n_samples), self._phi)
        self._pooled: FloatArray | None = None

    # The two questions -----------------------------------------------------------------------

    def expect(self, parameters: Parameters) -> Totals:
        """Log-likelihood and expected sufficient statistics.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        density = self._density(parameters)
        k, d = self.n_components, self.samples.n_features
        lanes = [
            _Accumulator(self.map.size, k, len(density.whitened), d) for _ in range(self._n_lanes)
        ]

        def work(lane: int, start: int, workspace: _Workspace) -> None:
            self._accumulate(start, density, workspace, lanes[lane])

        self._run(work)
        total = lanes[0]
        for lane in lanes[1:]:
            total.log_likelihood += lane.log_likelihood
            total.sums += lane.sums
            total.first += lane.first
            total.second += lane.second
        return self._totals(total, density)

    def evaluate(self, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
        """Log-density of each row (N,), in inner units, and responsibilities (K, N)."""
        density = self._density(parameters)
        log_density = np.empty(self.samples.n_samples)
        responsibilities = np.empty((self.n_components, self.samples.n_samples))

        def work(lane: int, start: int, workspace: _Workspace) -> None:
            block = self._block(start)
            views = workspace.views(block.shape[1])
            self._posterior(block, self._features(block, views.phi), density, views)
            np.divide(views.posterior, views.total, out=views.posterior)
            if density.shared_precision is not None:
                shared = np.einsum("in,in->n", block, density.shared_precision @ block)
                np.subtract(views.row, 0.5 * shared, out=views.row)
            stop = start + block.shape[1]
            log_density[start:stop] = views.row
            responsibilities[:, start:stop] = views.posterior

        self._run(work)
        return log_density, responsibilities

    def support(self, parameters: Parameters) -> FloatArray:
        """How many rows each component rests on, ``(sum_n r)^2 / sum_n r^2``, shape (K,).

        A weighted row counts as that many rows.
        """
        density = self._density(parameters)
        sums = np.zeros((self._n_lanes, 2, self.n_components))

        def work(lane: int, start: int, workspace: _Workspace) -> None:
            block = self._block(start)
            views = workspace.views(block.shape[1])
            self._posterior(block, self._features(block, views.phi), density, views)
            np.divide(views.posterior, views.total, out=views.posterior)
            weight = self.samples.weights_of(start, start + block.shape[1])
            ones = np.ones(block.shape[1]) if weight is None else weight
            sums[lane, 0] += views.posterior @ ones
            np.multiply(views.posterior, views.posterior, out=views.posterior)
            sums[lane, 1] += views.posterior @ ones

        self._run(work)
        first, second = sums.sum(axis=0)
        return np.asarray(first**2 / np.maximum(second, np.finfo(np.float64).tiny))

    # Blocks, lanes and threads ---------------------------------------------------------------

    def _set_blocks(self, block_columns: int | None) -> None:
        n, d = self.samples.n_samples, self.samples.n_features
        per_column = self.map.size + self.n_components
        columns = block_columns or min(_BLOCK_COLUMNS, max(64, _WORKSPACE_ELEMENTS // per_column))
        n_blocks = -(-n // columns)
        if block_columns is None:
            # An even number of equal blocks keeps two threads equally busy.
            n_blocks += n_blocks % 2 if n * per_column > _SERIAL_ELEMENTS else 0
        self._columns = -(-n // n_blocks)
        self._starts = range(0, n, self._columns)
        lanes = _LANE_ELEMENTS // (self.n_components * (self.map.size + d * d))
        self._n_lanes = min(len(self._starts), max(2, min(lanes, _MAX_LANES)))

    def _run(self, work: Callable[[int, int, _Workspace], None]) -> None:
        """Call ``work(lane, start, workspace)`` for every block, lanes in parallel."""

        def run_lane(lane: int) -> None:
            try:
                workspace = self._workspaces.get_nowait()
            except queue.Empty:
                workspace = _Workspace(self.map.size, self.n_components, self._columns)
            # Contiguous runs of blocks, so that a file is read from front to back.
            first = lane * len(self._starts) // self._n_lanes
            last = (lane + 1) * len(self._starts) // self._n_lanes
            with np.errstate(divide="ignore", under="ignore"):
                for start in self._starts[first:last]:
                    work(lane, start, workspace)
            self._workspaces.put(workspace)

        with single_threaded_blas() as available:
            run_all(run_lane, range(self._n_lanes), self._n_threads or available)

    def _block(self, start: int) -> FloatArray:
        return self.samples.block(start, min(start + self._columns, self.samples.n_samples))

    def _features(self, block: FloatArray, buffer: FloatArray) -> FloatArray:
        if self._phi is not None:
            return self._phi
        self.map.fill(block, buffer)
        return buffer

    def _posterior(
        self, block: FloatArray, phi: FloatArray, density: _Density, views: _Views
    ) -> list[FloatArray]:
        """Fill unnormalised responsibilities, their sums and the rows' log-densities.

        Returns the whitened deviations of the components that are whitened.
        """
        posterior, row, total = views.posterior, views.row, views.total
        np.dot(density.coefficients, phi, out=posterior)
        deviations = []
        for k in density.whitened:
            z = density.whiteners[k] @ (block - density.means[k][:, None])
            np.einsum("dn,dn->n", z, z, out=row)
            np.multiply(row, -0.5, out=posterior[k])
            posterior[k] += density.constants[k]
            deviations.append(z)
        np.maximum.reduce(posterior, axis=0, out=row)
        np.subtract(posterior, row, out=posterior)
        np.exp(posterior, out=posterior)
        np.add.reduce(posterior, axis=0, out=total)
        np.add(row, np.log(total), out=row)
        return deviations

    def _accumulate(
        self, start: int, density: _Density, workspace: _Workspace, lane: _Accumulator
    ) -> None:
        block = self._block(start)
        views = workspace.views(block.shape[1])
        phi = self._features(block, views.phi)
        deviations = self._posterior(block, phi, density, views)
        weight = self.samples.weights_of(start, start + block.shape[1])
        if weight is None:
            lane.log_likelihood += float(np.add.reduce(views.row))
            np.divide(1.0, views.total, out=views.total)
        else:
            lane.log_likelihood += float(weight @ views.row)
            np.divide(weight, views.total, out=views.total)
        np.multiply(views.posterior, views.total, out=views.posterior)
        lane.sums += np.dot(views.posterior, phi.T)
        for i, (k, z) in enumerate(zip(density.whitened, deviations, strict=True)):
            lane.first[i] += z @ views.posterior[k]
            lane.second[i] += (z * views.posterior[k]) @ z.T

    # Parameters in, moments out --------------------------------------------------------------

    def _density(self, parameters: Parameters) -> _Density:
        d = self.samples.n_features
        # Shared covariances are equal, so one factor serves all of them.
        shared = self.second == "pooled"
        covariances = parameters.covariances[:1] if shared else parameters.covariances
        factors = np.linalg.cholesky(covariances)
        whiteners = np.linalg.inv(factors)
        precisions = whiteners.transpose(0, 2, 1) @ whiteners
        with np.errstate(divide="ignore"):
            constants = np.log(parameters.weights) - 0.5 * d * _LOG_2PI
        constants -= np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        linear = (precisions @ parameters.means[:, :, None])[:, :, 0]
        quadratic = np.einsum("kd,kd->k", linear, parameters.means)
        risk = np.abs(precisions).sum(axis=(1, 2)) + quadratic
        whitened: tuple[int, ...] = ()
        if risk.max() > _EXPANDED_LIMIT:
            chosen = np.broadcast_to(risk.max() if shared else risk, parameters.weights.shape)
            whitened = tuple(np.flatnonzero(chosen > _EXPANDED_LIMIT).tolist())
        coefficients = self.map.coefficients(constants - 0.5 * quadratic, linear, precisions)
        coefficients[list(whitened)] = 0.0
        return _Density(
            coefficients,
            whitened,
            parameters.means,
            factors,
            np.broadcast_to(whiteners, (self.n_components, d, d)),
            constants,
            precisions[0] if shared and not whitened else None,
        )

    def _totals(self, total: _Accumulator, density: _Density) -> Totals:
        counts = total.sums[:, 0].copy()
        first = total.sums[:, 1 : self.samples.n_features + 1].copy()
        origin = np.zeros_like(first)
        log_likelihood = total.log_likelihood
        if density.shared_precision is not None:
            second = self._total_second_moment()
            log_likelihood -= 0.5 * float(np.vdot(density.shared_precision, second))
            return Totals(log_likelihood, counts, first, second, origin)
        whitened = list(density.whitened)
        origin[whitened] = density.means[whitened]
        factors = np.broadcast_to(density.factors, density.whiteners.shape)[whitened]
        first[whitened] = (factors @ total.first[:, :, None])[:, :, 0]
        exact = factors @ total.second @ factors.transpose(0, 2, 1)
        if self.second == "pooled":
            return Totals(log_likelihood, counts, first, exact.sum(axis=0), origin)
        second = self.map.second(total.sums)
        if whitened:
            full = self.second == "full"
            second[whitened] = exact if full else np.diagonal(exact, axis1=1, axis2=2)
        return Totals(log_likelihood, counts, first, second, origin)

    def _total_second_moment(self) -> FloatArray:
        """Weighted sum of ``x x^T`` over all rows; it never changes, so it is taken once."""
        if self._pooled is None:
            d = self.samples.n_features
            sums = np.zeros((self._n_lanes, d, d))

            def work(lane: int, start: int, workspace: _Workspace) -> None:
                block = self._block(start)
                weight = self.samples.weights_of(start, start + block.shape[1])
                sums[lane] += (block if weight is None else block * weight) @ block.T

            self._run(work)
            self._pooled = sums.sum(axis=0)
        return self._pooled
