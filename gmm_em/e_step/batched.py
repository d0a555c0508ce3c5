"""The E-step of many mixtures on the same rows: runs times components are one long axis.

Short runs from many starts look at the same rows, so that one matrix product ``W @ phi`` serves
all of them, and one call of the interpreter does the work of many. What is computed for each is
what :class:`gmm_em.e_step.blocked.BlockedEStep` computes, see :mod:`gmm_em.e_step.features`.
Blocks of rows are dealt to a fixed number of lanes, so that results do not depend on the number of
threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_em.core.threads import run_all, single_threaded_blas
from gmm_em.core.types import FloatArray, IntArray, Second
from gmm_em.e_step.features import LEAST_LOG, Density, density, feature_map
from gmm_em.e_step.protocol import RowwiseEStep
from gmm_em.e_step.totals import BatchedTotals
from gmm_em.e_step.whitening import ComponentSums, Whitening
from gmm_em.rows.samples import Parameters, Samples

# Elements of the responsibilities of all mixtures that are held at a time.
_BLOCK_ELEMENTS = 1 << 17
_MIN_COLUMNS = 64
_LANES = 4
# Below this many elements of work, starting a second thread costs more than it saves.
_SERIAL_ELEMENTS = 1 << 18
_FEATURE_ELEMENTS = 1 << 22


class OneByOne:
    """The E-step of many mixtures by one that takes a mixture at a time.

    Parameters
    ----------
    estep : RowwiseEStep
    """

    def __init__(self, estep: RowwiseEStep) -> None:
        self._estep = estep

    def expect(self, parameters: Parameters) -> BatchedTotals:
        """Return sums over rows, for weights of shape (R, K), and so on."""
        each = zip(*parameters, strict=True)
        return BatchedTotals.stack([self._estep.expect(Parameters(*one)) for one in each])

    def log_density(self, parameters: Parameters, index: IntArray) -> FloatArray:
        """Return the log-density of chosen rows under each mixture, shape (R, n)."""
        each = zip(*parameters, strict=True)
        return np.stack([self._estep.evaluate(Parameters(*one))[0][index] for one in each])


@dataclass
class _Lane:
    """Sums over the blocks of one lane, of the components of all mixtures."""

    log_likelihood: FloatArray
    sums: FloatArray
    whitened: ComponentSums | None


class BatchedEStep:
    """The E-step of many mixtures over one data set.

    Parameters
    ----------
    samples : Samples
    second : {"full", "diagonal", "pooled"}
        Which second moments to collect; "pooled" is valid for covariances that the components of
        a mixture share.
    n_threads : int, optional
        At most this many threads; by default as many as BLAS would use.
    """

    def __init__(self, samples: Samples, second: Second, n_threads: int | None = None) -> None:
        self._samples = samples
        self._second: Second = second
        self._map = feature_map(second, samples.n_features)
        self._n_threads = n_threads
        self._kept = self._map.size * samples.n_samples <= _FEATURE_ELEMENTS
        self._phi: FloatArray | None = None
        self._square: FloatArray | None = None

    def expect(self, parameters: Parameters) -> BatchedTotals:
        """Log-likelihoods and expected sufficient statistics.

        Parameters
        ----------
        parameters : Parameters
            Weights (R, K), means (R, K, D) and covariances (R, K, D, D).

        Raises
        ------
        SingularError
            If a covariance of any mixture is singular.
        """
        n_runs, k, d = parameters.means.shape
        with np.errstate(all="ignore"):
            prepared = self._prepare(parameters)
            if self._kept and self._phi is None:
                self._phi = self._features(0, self._samples.n_samples)
            starts, columns = self._blocks(n_runs * k)
            n_lanes = min(_LANES, len(starts))
            lanes = [self._lane(n_runs, prepared) for _ in range(n_lanes)]

            def work(lane: int) -> None:
                # The error state belongs to a thread.
                with np.errstate(all="ignore"):
                    for start in starts[lane::n_lanes]:
                        self._accumulate(start, columns, prepared, lanes[lane])

            with single_threaded_blas() as available:
                serial = n_runs * k * self._samples.n_samples < _SERIAL_ELEMENTS
                run_all(work, range(n_lanes), 1 if serial else self._n_threads or available)
            total = lanes[0]
            for lane in lanes[1:]:
                total.log_likelihood += lane.log_likelihood
                total.sums += lane.sums
                if total.whitened is not None and lane.whitened is not None:
                    total.whitened.add(lane.whitened)
            return self._totals(total, prepared, (n_runs, k, d))

    def log_density(self, parameters: Parameters, index: IntArray) -> FloatArray:
        """Log-density of chosen rows under each mixture, in inner units, shape (R, n)."""
        n_runs, k, _ = parameters.means.shape
        with np.errstate(all="ignore"):
            prepared = self._prepare(parameters)
            block = np.ascontiguousarray(self._samples.take(index).T)
            phi = np.empty((self._map.size, block.shape[1]))
            self._map.fill(block, phi)
            with single_threaded_blas():
                joint = self._joint(block, phi, prepared).reshape(n_runs, k, -1)
            top = joint.max(axis=1)
            out = np.asarray(top + np.log(np.exp(joint - top[:, None]).sum(axis=1)))
            if prepared.shared_precision is not None:
                products = prepared.shared_precision @ block
                out -= 0.5 * (products * block).sum(axis=1)
            return out

    # How it is laid out ----------------------------------------------------------------------

    def _blocks(self, n_rows_of_w: int) -> tuple[range, int]:
        n = self._samples.n_samples
        per_column = n_rows_of_w + (0 if self._phi is not None else self._map.size)
        columns = max(_MIN_COLUMNS, min(n, _BLOCK_ELEMENTS // per_column))
        columns = -(-n // -(-n // columns))
        return range(0, n, columns), columns

    def _features(self, start: int, stop: int) -> FloatArray:
        phi = np.empty((self._map.size, stop - start))
        self._map.fill(self._samples.block(start, stop), phi)
        return phi

    def _lane(self, n_runs: int, prepared: Density) -> _Lane:
        whitening = prepared.whitening
        return _Lane(
            np.zeros(n_runs),
            np.zeros((prepared.coefficients.shape[0], self._map.size)),
            None if whitening is None else whitening.no_sums(),
        )

    def _prepare(self, parameters: Parameters) -> Density:
        """Densities of all components of all mixtures, as if they were those of one."""
        n_runs, d = parameters.means.shape[0], parameters.means.shape[2]
        if self._second != "pooled":
            flat = Parameters(
                parameters.weights.reshape(-1),
                parameters.means.reshape(-1, d),
                parameters.covariances.reshape(-1, d, d),
            )
            return density(self._map, flat, strict=True)
        each = [
            density(self._map, Parameters(*arrays), strict=True)
            for arrays in zip(*parameters, strict=True)
        ]
        precisions = [one.shared_precision for one in each if one.shared_precision is not None]
        if len(precisions) == n_runs:
            coefficients = np.concatenate([one.coefficients for one in each])
            return Density(coefficients, None, np.stack(precisions))
        # Mixtures that cannot do without whitening make all of them do it: they are few.
        whitened = [
            density(self._map, Parameters(*arrays), strict=True, limit=0.0)
            for arrays in zip(*parameters, strict=True)
        ]
        whitening = Whitening.joined(one.whitening for one in whitened if one.whitening)
        return Density(np.empty((0, self._map.size)), whitening, None)

    # The work on one block ---------------------------------------------------------------------

    def _joint(self, block: FloatArray, phi: FloatArray, prepared: Density) -> FloatArray:
        """Weighted log-densities of the components of all mixtures, shape (R K, n)."""
        whitening = prepared.whitening
        if whitening is None:
            return np.asarray(np.dot(prepared.coefficients, phi))
        joint = np.empty((whitening.n_components, block.shape[1]))
        joint[whitening.others] = np.dot(prepared.coefficients, phi)
        whitening.write_log_densities(block, np.empty((2, *block.shape)), joint)
        return joint

    def _accumulate(
        self,
        start: int,
        columns: int,
        prepared: Density,
        lane: _Lane,
    ) -> None:
        stop = min(start + columns, self._samples.n_samples)
        block = self._samples.block(start, stop)
        phi = self._features(start, stop) if self._phi is None else self._phi[:, start:stop]
        joint = self._joint(block, phi, prepared)
        n_runs = lane.log_likelihood.shape[0]
        posterior = joint.reshape(n_runs, -1, stop - start)
        top = np.maximum.reduce(posterior, axis=1)
        np.subtract(posterior, top[:, None], out=posterior)
        np.maximum(posterior, LEAST_LOG, out=posterior)
        np.exp(posterior, out=posterior)
        total = np.add.reduce(posterior, axis=1)
        top += np.log(total)
        weight = self._samples.weights_of(start, stop)
        if weight is None:
            lane.log_likelihood += np.add.reduce(top, axis=1)
            np.divide(1.0, total, out=total)
        else:
            lane.log_likelihood += top @ weight
            np.divide(weight, total, out=total)
        np.multiply(posterior, total[:, None], out=posterior)
        whitening = prepared.whitening
        if whitening is None or lane.whitened is None:
            lane.sums += np.dot(joint, phi.T)
            return
        lane.sums += np.dot(joint[whitening.others], phi.T)
        lane.whitened.add(whitening.sums(block, joint, np.empty((2, *block.shape))))

    # Moments out -----------------------------------------------------------------------------

    def _totals(
        self, total: _Lane, prepared: Density, shape: tuple[int, int, int]
    ) -> BatchedTotals:
        n_runs, k, d = shape
        sums = total.sums
        origin = np.zeros((n_runs * k, d))
        log_likelihood = total.log_likelihood
        whitening, whitened = prepared.whitening, total.whitened
        if whitening is not None and whitened is not None:
            sums = whitening.with_others(whitened, sums)
            origin[whitening.chosen] = whitening.means
        counts, first = sums[:, 0], sums[:, 1 : d + 1]
        if prepared.shared_precision is not None:
            square = self._second_moment()
            log_likelihood -= 0.5 * (prepared.shared_precision * square).sum(axis=(1, 2))
            second = np.broadcast_to(square, (n_runs, d, d))
        elif whitening is None or whitened is None:
            second = self._map.second(sums)
        elif self._second == "pooled":
            second = whitened.second.reshape(n_runs, k, d, d).sum(axis=1)
        else:
            second = self._map.second_whitened(sums, whitening.chosen, whitened.second)
        if self._second != "pooled":
            second = second.reshape(n_runs, k, *second.shape[1:])
        return BatchedTotals(
            log_likelihood,
            counts.reshape(n_runs, k),
            first.reshape(n_runs, k, d),
            second,
            origin.reshape(n_runs, k, d),
        )

    def _second_moment(self) -> FloatArray:
        """Weighted sum of ``x x^T`` over all rows; it never changes, so it is taken once."""
        if self._square is None:
            block = self._samples.block(0, self._samples.n_samples)
            weight = self._samples.weight
            self._square = (block if weight is None else block * weight) @ block.T
        return self._square
