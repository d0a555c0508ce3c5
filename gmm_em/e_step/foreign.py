"""The E-step over rows of another library: sums are taken where the rows are.

What is computed is what :class:`gmm_em.e_step.blocked.BlockedEStep` computes, by equations 1 to 6
there and in :mod:`gmm_em.e_step.features`. The parameters are prepared on the host and sent to the
rows; sums come back, in one array for all of them. Rows are taken in blocks, so that nothing of
size N x K is ever whole, and everything is float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, override

import numpy as np

from gmm_em.core.foreign import to_host
from gmm_em.core.types import FloatArray
from gmm_em.e_step.features import LEAST_LOG, Density, density
from gmm_em.e_step.summed import SummedEStep
from gmm_em.e_step.whitening import ComponentSums
from gmm_em.e_step.workspace import LaneSums
from gmm_em.rows.foreign_samples import ForeignSamples
from gmm_em.rows.samples import Parameters


class _Block(NamedTuple):
    """What is known of a block of n rows, where the rows are.

    Attributes
    ----------
    rows : array, shape (D, n)
    phi : array, shape (P, n)
        None where all components are whitened.
    shares : array, shape (K, n)
        Responsibilities, those of the components that are whitened last.
    log_density : array, shape (n,)
        Less the term of equation 1 that all components share, where they share a covariance.
    weight : array, shape (n,), or None
    """

    rows: Any
    phi: Any
    shares: Any
    log_density: Any
    weight: Any


class ForeignEStep(SummedEStep[ForeignSamples]):
    """The E-step over rows of another library, for mixtures of one shape.

    It is an :class:`gmm_em.e_step.protocol.CompleteEStep`. The same library on the same device
    gives the same results each time, as far as its matrix products do.

    Parameters
    ----------
    samples : ForeignSamples
    n_components : int
    second : {"full", "diagonal", "pooled"}
        Which second moments to collect; "pooled" is valid for shared covariances only.
    strict : bool, default False
        Refuse covariances that are singular to rounding.
    """

    @override
    def support_sums(self, parameters: Parameters) -> FloatArray:
        xp, total = self.samples.place.xp, 0.0
        with self.samples.place.arithmetic():
            work = self._loosely(parameters)
            for block in work.blocks():
                weighted = block.shares if block.weight is None else block.shares * block.weight
                each = (weighted, weighted * block.shares)
                total = total + xp.stack([xp.sum(one, axis=1) for one in each])
            return np.asarray(to_host(total))[:, np.argsort(work.order)]

    def least_log_density(self, parameters: Parameters) -> float:
        """Log-density of the row where it is lowest, in inner units; no array of all rows."""
        xp, place = self.samples.place.xp, self.samples.place
        with place.arithmetic():
            work = self._loosely(parameters)
            least = []
            for block in work.blocks():
                log_density = block.log_density
                if work.prepared.shared_precision is not None:
                    # The term x^T P x of equation 1, which is the same for all components.
                    precision = place.send(work.prepared.shared_precision)
                    shared = xp.sum(block.rows * (precision @ block.rows), axis=0)
                    log_density = log_density - 0.5 * shared
                least.append(xp.min(log_density))
            return float(xp.min(xp.stack(least)))

    def _loosely(self, parameters: Parameters) -> _Work:
        prepared = density(self._map, parameters)
        return _Work(self.samples, prepared, self._map.products)

    @override
    def _sums(self, prepared: Density) -> LaneSums:
        total: Any = 0.0
        with self.samples.place.arithmetic():
            work = _Work(self.samples, prepared, self._map.products)
            for block in work.blocks():
                total = total + work.sums(block)
            return work.unpacked(to_host(total))

    @override
    def _sum_of_products(self) -> FloatArray:
        return self.samples.second_moment()


class _Work:
    """One mixture at the place of the rows, and what is done with each block there.

    Parameters
    ----------
    samples : ForeignSamples
    prepared : Density
    products : tuple of ndarray of int
        See :class:`gmm_em.e_step.features.FeatureMap`.
    """

    def __init__(self, samples: ForeignSamples, prepared: Density, products: Any) -> None:
        self._samples, self._xp = samples, samples.place.xp
        self.prepared = prepared
        send = samples.place.send
        coefficients, whitening = prepared.coefficients, prepared.whitening
        self._n_plain, d = coefficients.shape[0], samples.n_features
        self._coefficients = send(coefficients)
        # Features stand behind the 1 in phi.
        self._left, self._right = (send(1 + index.astype(np.int64)) for index in products)
        order, n_whitened = np.arange(self._n_plain), 0
        if whitening is not None:
            order = np.concatenate([whitening.others, whitening.chosen])
            n_whitened = len(whitening.chosen)
            self._means = send(whitening.means[:, :, None])
            self._whiteners = send(whitening.whiteners)
            self._constants = send(whitening.constants[:, None])
        # The number of each component in the mixture, in the order of the shares.
        self.order = order
        self._shapes = [
            (),
            coefficients.shape,
            (n_whitened,),
            (n_whitened, d),
            (n_whitened, d, d),
        ]
        size = coefficients.shape[1] if self._n_plain else 0
        # Values that are held at a time for a row: phi and what it is made of, what is known of the
        # components, and deviations.
        held = 4 * size + 4 * (self._n_plain + n_whitened) + 3 * n_whitened * d + 2 * d
        self._starts = samples.starts(held)

    def blocks(self) -> Iterator[_Block]:
        """Yield what is known of each block."""
        xp, starts = self._xp, self._starts
        for start in starts:
            rows = self._samples.wide_block(start, start + starts.step)
            phi, joint = None, []
            if self._n_plain:
                phi = self._features(rows)
                joint.append(self._coefficients @ phi)
            if self.prepared.whitening is not None:
                z = self._whiteners @ self._deviations(rows)
                joint.append(self._constants - 0.5 * xp.sum(z * z, axis=1))
            terms = joint[0] if len(joint) == 1 else xp.concat(joint, axis=0)
            # The largest term is taken out of the sum, so that nothing overflows.
            top = xp.max(terms, axis=0)
            shares = xp.exp(xp.clip(terms - top, min=LEAST_LOG))
            norm = xp.sum(shares, axis=0)
            weight = self._samples.wide_weights(start, start + starts.step)
            yield _Block(rows, phi, shares / norm, top + xp.log(norm), weight)

    def _features(self, rows: Any) -> Any:
        """Return phi of a block (D, n), shape (P, n)."""
        xp = self._xp
        linear = xp.concat([xp.ones_like(rows[:1, ...]), rows], axis=0)
        if not self._left.shape[0]:
            return linear
        # Multiplied from the copy: the block's own rows are far apart in memory.
        left, right = (xp.take(linear, index, axis=0) for index in (self._left, self._right))
        return xp.concat([linear, left * right], axis=0)

    def _deviations(self, rows: Any) -> Any:
        """Return rows (D, n) less each mean of the components that are whitened, (W, D, n)."""
        return rows[None, ...] - self._means

    def sums(self, block: _Block) -> Any:
        """Return the sums over a block in one array, in the order of `unpacked`."""
        xp, n_plain = self._xp, self._n_plain
        shares, log_density = block.shares, block.log_density
        if block.weight is not None:
            shares, log_density = shares * block.weight, log_density * block.weight
        parts = [xp.sum(log_density)]
        if block.phi is not None:
            parts.append(shares[:n_plain, ...] @ block.phi.T)
        if self.prepared.whitening is not None:
            share = shares[n_plain:, ...]
            deviations = self._deviations(block.rows)
            weighted = deviations * share[:, None, :]
            parts += [
                xp.sum(share, axis=1),
                xp.sum(weighted, axis=2),
                weighted @ xp.matrix_transpose(deviations),
            ]
        return xp.concat([xp.reshape(part, (-1,)) for part in parts])

    def unpacked(self, flat: FloatArray) -> LaneSums:
        """Return sums over all rows as the host knows them."""
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        log_likelihood, sums, *whitened = (
            part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)
        )
        found = None if self.prepared.whitening is None else ComponentSums(*whitened)
        return LaneSums(float(log_likelihood), sums, found)
