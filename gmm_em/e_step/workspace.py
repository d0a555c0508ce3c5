"""The memory that the threads of an E-step work in: buffers for a block, and sums over blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.e_step.whitening import ComponentSums


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
    deviations : ndarray, shape (2, D, n)
        Deviations of the rows from a mean, and their whitened values.
    """

    phi: FloatArray
    posterior: FloatArray
    log_density: FloatArray
    norm: FloatArray
    deviations: FloatArray


class Workspace:
    """The buffers of one thread, which it uses for one block after another.

    Parameters
    ----------
    size : int
        Number of features phi of a row, P.
    n_features : int
    n_components : int
    columns : int
        Rows of the longest block.
    """

    def __init__(self, size: int, n_features: int, n_components: int, columns: int) -> None:
        self._phi = np.empty(size * columns)
        self._posterior = np.empty(n_components * columns)
        self._row = np.empty((2, columns))
        # Memory that is never written to is not taken from the system.
        self._deviations = np.empty(2 * n_features * columns)
        self._shape = (size, n_features, n_components)
        self._buffers: dict[int, BlockBuffers] = {}

    def buffers(self, n: int) -> BlockBuffers:
        """Return buffers for a block of `n` rows; the last block may be shorter than the others."""
        if n not in self._buffers:
            self._buffers[n] = self._cut(n)
        return self._buffers[n]

    def _cut(self, n: int) -> BlockBuffers:
        size, n_features, n_components = self._shape
        return BlockBuffers(
            self._phi[: size * n].reshape(size, n),
            self._posterior[: n_components * n].reshape(n_components, n),
            self._row[0, :n],
            self._row[1, :n],
            self._deviations[: 2 * n_features * n].reshape(2, n_features, n),
        )


@dataclass
class LaneSums:
    """Sums over the blocks of one lane.

    Attributes
    ----------
    log_likelihood : float
    sums : ndarray, shape (K - W, P), or None
        Of the responsibilities of the components that are not whitened times phi; None before
        the first block.
    whitened : ComponentSums, or None
        Of the W components that are; None where there are none.
    """

    log_likelihood: float = 0.0
    sums: FloatArray | None = None
    whitened: ComponentSums | None = None

    def add(self, other: LaneSums) -> None:
        """Add a block's sums, or another lane's, whose arrays this one may keep and change."""
        if self.sums is None:
            self.log_likelihood, self.sums = other.log_likelihood, other.sums
            self.whitened = other.whitened
            return
        self.log_likelihood += other.log_likelihood
        if other.sums is not None:
            self.sums += other.sums
        if self.whitened is not None and other.whitened is not None:
            self.whitened.add(other.whitened)
