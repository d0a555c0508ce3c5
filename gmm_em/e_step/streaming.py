"""The E-step over rows that come in blocks, of which only one is held at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

import numpy as np

from gmm_em.core.foreign import to_host
from gmm_em.core.types import FloatArray, Second, Seed
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.complete import complete_estep
from gmm_em.e_step.foreign import ForeignEStep
from gmm_em.e_step.totals import Totals, support_of
from gmm_em.rows.foreign_samples import samples_of
from gmm_em.rows.samples import Parameters

Blocks = Iterable[Any] | Callable[[], Iterable[Any]]


class StreamedEStep:
    """Expected sufficient statistics, summed over the blocks of one pass.

    Parameters
    ----------
    blocks : iterable, or callable that returns one
    units : tuple of ndarray, shape (D,)
        Centre and scale of the inner units.
    n_components : int
    second : {"full", "diagonal", "pooled"}
    n_threads : int, optional
        For the sums over one block; see `BlockedEStep`.
    first_row : int, default 0
        Number that error messages give to the first row.
    """

    def __init__(
        self,
        blocks: Blocks,
        units: tuple[FloatArray, FloatArray],
        n_components: int,
        second: Second,
        *,
        n_threads: int | None = None,
        first_row: int = 0,
    ) -> None:
        self._blocks, self._units = blocks, units
        self.n_components, self._second = n_components, second
        self._n_threads, self._first_row = n_threads, first_row

    def _block_esteps(self) -> Iterator[BlockedEStep | ForeignEStep]:
        row = self._first_row
        for block in open_blocks(self._blocks):
            samples = samples_of(block, units=self._units, first_row=row)
            row += samples.n_samples
            yield complete_estep(
                samples, self.n_components, self._second, strict=True, n_threads=self._n_threads
            )

    def count(self) -> int:
        """Return the number of rows, after a pass that checks that all of them are finite."""
        return sum(estep.samples.n_samples for estep in self._block_esteps())

    def expect(self, parameters: Parameters) -> Totals:
        """Return sums over all blocks."""
        return reduce(operator.add, (estep.expect(parameters) for estep in self._block_esteps()))

    def support_sums(self, parameters: Parameters) -> FloatArray:
        """Sum responsibilities and their squares, shape (2, K)."""
        return reduce(
            operator.add, (estep.support_sums(parameters) for estep in self._block_esteps())
        )

    def support(self, parameters: Parameters) -> FloatArray:
        """Return how many rows each component rests on, shape (K,)."""
        return support_of(self.support_sums(parameters))


def open_blocks(blocks: Blocks) -> Iterator[Any]:
    """Begin a pass over the blocks.

    Raises
    ------
    TypeError
        If `blocks` is an iterator, which can be read once only.
    """
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
        rows = np.asarray(to_host(block), dtype=np.float64)
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
