"""Fitting to rows that come in blocks, of which only one is held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from gmm_em.features import Parameters
from gmm_em.kernels import Kernel, Totals
from gmm_em.mixture import FloatArray, Seed
from gmm_em.samples import Samples

Blocks = Iterable[Any] | Callable[[], Iterable[Any]]


class BlockEStep:
    """Expected sufficient statistics, summed over the blocks of one pass.

    Parameters
    ----------
    blocks : iterable, or callable that returns one
    units : tuple of ndarray, shape (D,)
        Centre and scale of the inner units.
    n_components : int
    second : {"full", "diagonal", "pooled"}
    """

    def __init__(
        self, blocks: Blocks, units: tuple[FloatArray, FloatArray], n_components: int, second: Any
    ) -> None:
        self._blocks, self._units = blocks, units
        self.n_components, self._second = n_components, second

    def _kernels(self) -> Iterator[Kernel]:
        for block in open_blocks(self._blocks):
            samples = Samples(block, units=self._units)
            yield Kernel(samples, self.n_components, self._second, strict=True)

    def expect(self, parameters: Parameters) -> Totals:
        """Return sums over all blocks."""
        total: Totals | None = None
        for kernel in self._kernels():
            totals = kernel.expect(parameters)
            if total is None:
                total = totals
                continue
            # The same mixture has the same origins in every block.
            total.log_likelihood += totals.log_likelihood
            total.counts = total.counts + totals.counts
            total.first = total.first + totals.first
            total.second = total.second + totals.second
        assert total is not None
        return total

    def support(self, parameters: Parameters) -> FloatArray:
        """How many rows each component rests on, shape (K,)."""
        first = second = np.zeros(self.n_components)
        for kernel in self._kernels():
            sums = kernel.support_sums(parameters)
            first, second = first + sums[0], second + sums[1]
        return np.asarray(first**2 / np.maximum(second, np.finfo(np.float64).tiny))


def open_blocks(blocks: Blocks) -> Iterator[Any]:
    """Begin a pass."""
    source = blocks() if callable(blocks) else blocks
    if source is blocks and iter(source) is source:
        raise TypeError(
            "blocks is an iterator, which can be read once only: pass a list, or a function that "
            "returns a new iterator for every pass"
        )
    return iter(source)


def first_pass(blocks: Blocks, n_rows: int, random_state: Seed) -> tuple[FloatArray, int]:
    """Draw a uniform sample of up to `n_rows` rows, and count all of them.

    Every row gets a random key, and the rows with the smallest keys are kept.
    """
    rng = np.random.default_rng(random_state)
    kept: FloatArray | None = None
    keys = np.empty(0)
    total = 0
    for block in open_blocks(blocks):
        rows = np.asarray(block, dtype=np.float64)
        if rows.ndim != 2:
            raise ValueError(f"every block must be two-dimensional (n, d), got {rows.shape}")
        if kept is not None and rows.shape[1] != kept.shape[1]:
            raise ValueError(f"blocks have {kept.shape[1]} and {rows.shape[1]} features")
        total += rows.shape[0]
        keys = np.concatenate([keys, rng.random(rows.shape[0])])
        kept = rows.copy() if kept is None else np.concatenate([kept, rows])
        if keys.shape[0] > n_rows:
            smallest = np.sort(np.argpartition(keys, n_rows)[:n_rows])
            kept, keys = kept[smallest], keys[smallest]
    if kept is None or not total:
        raise ValueError("there is no block with a row in it")
    return kept, total
