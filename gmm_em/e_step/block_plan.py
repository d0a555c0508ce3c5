"""How the rows of an E-step are cut into blocks, and matrix products into tiles.

The constants are tuned for OpenBLAS and for the caches of a processor's cores. They decide how long
an E-step takes; of its results they change the last digits only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gmm_em.core.types import FloatArray

# Rows per block: enough that the interpreter's share is small, few enough for the caches.
_BLOCK_COLUMNS = 8192
# Most elements of phi per block, for the caches.
_PHI_ELEMENTS = 600_000
_MIN_COLUMNS = 64
# OpenBLAS multiplies matrices of up to this many multiplications without packing them. Packing
# takes half as long again where W and R have few rows, so longer blocks are multiplied in tiles.
_SMALL_PRODUCT = 1_000_000
# Tiles are multiples of this many rows.
_TILE_STEP = 32
# OpenBLAS starts threads from a few hundred thousand multiplications.
_TINY_PRODUCT = 1 << 16
# Most elements of the sums of all lanes together.
_LANE_ELEMENTS = 1 << 20
_MAX_LANES = 64
# Below this many elements of work, starting a second thread costs more than it saves.
_SERIAL_ELEMENTS = 1 << 15
# Seconds of one core, roughly, for an element of phi or of the responsibilities, and for one
# multiplication and addition of the two matrix products.
_ELEMENT_SECONDS = 1.5e-9
_PRODUCT_SECONDS = 6e-11
# Calls of NumPy for a block, beside one for each feature and one for each tile.
_CALLS = 14
# What a call costs beside its work for each thread that waits for the interpreter's lock. This and
# the square root below describe timings with 1 to 16 threads on sixteen cores of a Xeon to 10 %.
_LOCK_SECONDS = 2e-6
# Each thread has at least this much work: less is not worth waking it.
_THREAD_SECONDS = 1e-3


@dataclass(frozen=True)
class BlockPlan:
    """The blocks of an E-step, the lanes that they are dealt to, and the tiles of its products.

    Attributes
    ----------
    n_rows : int
    columns : int
        Rows of a block; the last one may have fewer.
    tile : int
        Rows that are multiplied at a time.
    n_lanes : int
        A lane is a run of blocks that one thread works on. Their number depends on the data
        alone, so that results do not depend on the number of threads.
    tiny : bool
        Whether products are so small that BLAS uses one thread without being told.
    n_threads : int
        More threads than this would make the E-step slower. Where the columns of a block were
        asked for, it is the number of lanes.
    """

    n_rows: int
    columns: int
    tile: int
    n_lanes: int
    tiny: bool
    n_threads: int

    @classmethod
    def of(
        cls, shape: tuple[int, int], n_components: int, size: int, columns: int | None = None
    ) -> BlockPlan:
        """Plan an E-step.

        Parameters
        ----------
        shape : tuple of int
            N and D.
        n_components : int
        size : int
            Number of features phi of a row, P.
        columns : int, optional
            Rows of a block, by default chosen for the processor's caches.
        """
        n, d = shape
        wanted = columns or min(_BLOCK_COLUMNS, max(_MIN_COLUMNS, _PHI_ELEMENTS // size))
        n_blocks = -(-n // wanted)
        if columns is None and n * (size + n_components) > _SERIAL_ELEMENTS:
            # An even number of equal blocks keeps two threads equally busy.
            n_blocks += n_blocks % 2
        equal = -(-n // n_blocks)
        if columns is None and n_blocks > 1 and equal % 64 == 0:
            # Rows of memory that are a power of two apart share cache lines.
            equal += 8
        multiplications = n_components * size
        tile = max(_TILE_STEP, _SMALL_PRODUCT // multiplications // _TILE_STEP * _TILE_STEP)
        lanes = _LANE_ELEMENTS // (n_components * (size + d * d))
        n_lanes = min(-(-n // equal), max(2, min(lanes, _MAX_LANES)))
        tiny = n_lanes == 1 and n * multiplications <= _TINY_PRODUCT
        n_threads = n_lanes
        if columns is None:
            calls = -(-n // equal) * (_CALLS + d + -(-equal // tile))
            work = n * (size + n_components) * _ELEMENT_SECONDS
            work += 2 * n * multiplications * _PRODUCT_SECONDS
            n_threads = min(n_lanes, _useful_threads(work, calls))
        return cls(n, equal, tile, n_lanes, tiny, n_threads)

    @property
    def starts(self) -> range:
        """First rows of the blocks."""
        return range(0, self.n_rows, self.columns)

    def lane(self, lane: int) -> range:
        """First rows of the blocks of one lane, which follow each other in the data."""
        # A file is read from front to back that way.
        starts = self.starts
        first = lane * len(starts) // self.n_lanes
        last = (lane + 1) * len(starts) // self.n_lanes
        return starts[first:last]

    def project(self, coefficients: FloatArray, phi: FloatArray, out: FloatArray) -> None:
        """Write ``W @ phi`` to `out`, shape (K, n)."""
        n, tile = phi.shape[1], self.tile
        if tile >= n or tile < 2 * _TILE_STEP:
            np.dot(coefficients, phi, out=out)
            return
        for start in range(0, n, tile):
            part = slice(start, start + tile)
            np.matmul(coefficients, phi[:, part], out=out[:, part])

    def projected(self, coefficients: FloatArray, phi: FloatArray) -> FloatArray:
        """Return ``W @ phi``, shape (K, n)."""
        out = np.empty((coefficients.shape[0], phi.shape[1]))
        self.project(coefficients, phi, out)
        return out

    def collect(self, posterior: FloatArray, phi: FloatArray) -> FloatArray:
        """Return ``R @ phi.T``, shape (K, P)."""
        n, tile = phi.shape[1], self.tile
        if tile >= n or tile < 8 * _TILE_STEP:
            return np.asarray(np.dot(posterior, phi.T))
        out = np.matmul(posterior[:, :tile], phi[:, :tile].T)
        for start in range(tile, n, tile):
            part = slice(start, start + tile)
            out += np.matmul(posterior[:, part], phi[:, part].T)
        return np.asarray(out)


def _useful_threads(seconds: float, calls: int) -> int:
    """Return how many threads are fastest for so many seconds of work in so many calls of NumPy.

    Work W on t threads takes about ``W / t + t C``, where C is what the calls cost for each thread
    that waits for the interpreter's lock. The least of it is at ``t = sqrt(W / C)``.
    """
    fastest = round(math.sqrt(seconds / (calls * _LOCK_SECONDS)))
    return max(1, min(fastest, int(seconds / _THREAD_SECONDS)))
