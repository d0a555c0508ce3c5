"""The memory that the threads of an E-step work in: buffers for a block, and sums over blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmm_em.core.types import FloatArray


class BlockBuffers(NamedTuple):
    """Contiguous buffers for a block of n rows.

    Attributes
    ----------
    phi : ndarray, shape (P, n)
        Features of the rows.
    posterior : ndarray, shape (K, n)
        Weighted log-densities, then responsibilities.
    log_density : ndarray, shape (n,)
        Log-density of the mixture.
    norm : ndarray, shape (n,)
        What the unnormalised responsibilities of a row sum to.
    """

    phi: FloatArray
    posterior: FloatArray
    log_density: FloatArray
    norm: FloatArray


class Workspace:
    """The buffers of one thread, which it uses for one block after another.

    Parameters
    ----------
    size : int
        Number of features phi of a row, P.
    n_components : int
    columns : int
        Rows of the longest block.
    """

    def __init__(self, size: int, n_components: int, columns: int) -> None:
        self._phi = np.empty(size * columns)
        self._posterior = np.empty(n_components * columns)
        self._row = np.empty((2, columns))
        self._shape = (size, n_components)
        self._buffers: dict[int, BlockBuffers] = {}

    def buffers(self, n: int) -> BlockBuffers:
        """Return buffers for a block of `n` rows; the last block may be shorter than the others."""
        if n not in self._buffers:
            self._buffers[n] = self._cut(n)
        return self._buffers[n]

    def _cut(self, n: int) -> BlockBuffers:
        size, n_components = self._shape
        return BlockBuffers(
            self._phi[: size * n].reshape(size, n),
            self._posterior[: n_components * n].reshape(n_components, n),
            self._row[0, :n],
            self._row[1, :n],
        )


@dataclass
class LaneSums:
    """Sums over the blocks of one lane.

    Attributes
    ----------
    log_likelihood : float
    sums : ndarray, shape (K, P), or None
        Of each component's responsibilities times phi; None before the first block.
    first : ndarray, shape (W, D), or None
        Of the responsibilities of the W whitened components times z; None where there are none.
    second : ndarray, shape (W, D, D), or None
        Of the same times z z^T.
    """

    log_likelihood: float = 0.0
    sums: FloatArray | None = None
    first: FloatArray | None = None
    second: FloatArray | None = None

    def add(self, other: LaneSums) -> None:
        """Add a block's sums, or another lane's, whose arrays this one may keep and change."""
        self.log_likelihood += other.log_likelihood
        self.sums = _added(self.sums, other.sums)
        self.first = _added(self.first, other.first)
        self.second = _added(self.second, other.second)


def _added(into: FloatArray | None, values: FloatArray | None) -> FloatArray | None:
    if into is None or values is None:
        return values if into is None else into
    into += values
    return into
