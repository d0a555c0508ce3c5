"""The E-step over a chunked array, such as dask's: sums are taken where the chunks are.

Only methods of the array are called, so that its own scheduler decides whether threads, processes
or machines do the work, and nothing but sums travels. They are added in an order that follows from
the chunks alone, so that results do not depend on who was faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_em.core.types import FloatArray, IntArray, Second
from gmm_em.e_step.streaming import StreamedEStep
from gmm_em.e_step.totals import Totals, support_of
from gmm_em.rows.memory_maps import release
from gmm_em.rows.samples import Parameters

# Values of a chunk that are copied at a time.
_SLICE_ELEMENTS = 1 << 19


def is_chunked(X: Any) -> bool:
    """Whether an array consists of chunks that it can map a function over, as dask's does."""
    return all(hasattr(X, name) for name in ("map_blocks", "rechunk", "chunks", "compute"))


def check_chunks(X: Any) -> None:
    """Look at every row once.

    Raises
    ------
    ValueError
        If a value is not finite, or the chunks do not say how many rows they have.
    """
    if np.isnan(X.shape[0]):
        raise ValueError(
            "X has chunks of unknown size, allowed is known ones: call X.compute_chunk_sizes()"
        )
    nothing = np.zeros(X.shape[1])
    ChunkEStep(X, (nothing, nothing + 1.0), 1, "diagonal").ask("count")


def take_rows(X: Any, index: IntArray) -> FloatArray:
    """Return chosen rows, in increasing order, shape (n, D); each is read where its chunk is."""
    counts = np.diff(np.searchsorted(index, np.cumsum((0, *X.chunks[0]))))
    whole = X.rechunk({1: -1})
    sizes = (tuple(int(count) for count in counts), (X.shape[1],))
    rows = whole.map_blocks(_Rows(index), dtype=np.float64, meta=np.empty((0, 0)), chunks=sizes)
    return np.asarray(rows.compute())


@dataclass(frozen=True)
class _Rows:
    """The chosen rows of one chunk."""

    index: IntArray

    def __call__(self, chunk: Any, block_info: Any = None) -> FloatArray:
        """Return them."""
        first, last = block_info[0]["array-location"][0]
        chosen = self.index[(self.index >= first) & (self.index < last)] - first
        rows = np.asarray(chunk)[chosen].astype(np.float64)
        release(np.asarray(chunk))
        return np.asarray(rows)


class ChunkEStep:
    """Expected sufficient statistics, summed over the chunks of an array.

    Parameters
    ----------
    X : dask.array.Array, shape (N, D)
    units : tuple of ndarray, shape (D,)
        Centre and scale of the inner units.
    n_components : int
    second : {"full", "diagonal", "pooled"}
    """

    def __init__(
        self, X: Any, units: tuple[FloatArray, FloatArray], n_components: int, second: Second
    ) -> None:
        # A row is in one chunk, whole.
        self._X = X.rechunk({1: -1})
        self._units, self.n_components, self._second = units, n_components, second

    def expect(self, parameters: Parameters) -> Totals:
        """Return sums over all chunks."""
        total: Totals = self.ask("expect", parameters)
        return total

    def support(self, parameters: Parameters) -> FloatArray:
        """Return how many rows each component rests on, shape (K,)."""
        return support_of(self.ask("support_sums", parameters))

    def ask(self, question: str, *about: Parameters) -> Any:
        """Return the sum of what `StreamedEStep` answers to a question, chunk by chunk."""
        answer = _Answer(question, about, self._units, self.n_components, self._second)
        ones = (1,) * len(self._X.chunks[0])
        nothing = np.empty((0, 0), dtype=object)
        answers = self._X.map_blocks(answer, dtype=object, meta=nothing, chunks=(ones, (1,)))
        return answers.sum().compute()


@dataclass(frozen=True)
class _Answer:
    """What one chunk answers to a question that `StreamedEStep` answers."""

    question: str
    about: tuple[Parameters, ...]
    units: tuple[FloatArray, FloatArray]
    n_components: int
    second: Second

    def __call__(self, chunk: Any, block_info: Any = None) -> Any:
        """Return the answer in an array of one object, for the scheduler to add."""
        estep = StreamedEStep(
            _Slices(chunk),
            self.units,
            self.n_components,
            self.second,
            # The scheduler keeps the processors busy.
            n_threads=1,
            first_row=block_info[0]["array-location"][0][0],
        )
        answer = np.empty((1, 1), dtype=object)
        answer[0, 0] = getattr(estep, self.question)(*self.about)
        return answer


class _Slices:
    """Rows of a chunk, a few at a time, of which no more than these are ever copied."""

    def __init__(self, chunk: Any) -> None:
        self._chunk = np.asarray(chunk)

    def __iter__(self) -> Iterator[Any]:
        n_rows, n_features = self._chunk.shape
        step = max(1, _SLICE_ELEMENTS // n_features)
        for start in range(0, n_rows, step):
            rows = self._chunk[start : start + step]
            yield rows
            release(rows)
