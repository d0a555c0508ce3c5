"""Buffers and partial sums of the threads that share an E-step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmm_em.core.types import FloatArray


class Views(NamedTuple):
    """Contiguous buffers for a block of n rows."""

    phi: FloatArray
    posterior: FloatArray
    row: FloatArray
    total: FloatArray


class Workspace:
    """Buffers of one thread."""

    def __init__(self, size: int, n_components: int, columns: int) -> None:
        self._phi = np.empty(size * columns)
        self._posterior = np.empty(n_components * columns)
        self._row = np.empty((2, columns))
        self._shape = (size, n_components)
        self._views: dict[int, Views] = {}

    def views(self, n: int) -> Views:
        """Return the buffers for `n` columns; the last block may have fewer than the others."""
        if n not in self._views:
            self._views[n] = self._cut(n)
        return self._views[n]

    def _cut(self, n: int) -> Views:
        size, n_components = self._shape
        return Views(
            self._phi[: size * n].reshape(size, n),
            self._posterior[: n_components * n].reshape(n_components, n),
            self._row[0, :n],
            self._row[1, :n],
        )


@dataclass
class Lane:
    """Sums over the blocks of one lane."""

    log_likelihood: float = 0.0
    sums: FloatArray | None = None
    first: FloatArray | None = None
    second: FloatArray | None = None

    def add(
        self,
        log_likelihood: float,
        sums: FloatArray,
        first: FloatArray | None,
        second: FloatArray | None,
    ) -> None:
        """Add a block's sums, or another lane's."""
        self.log_likelihood += log_likelihood
        if self.sums is None:
            self.sums, self.first, self.second = sums, first, second
            return
        self.sums += sums
        if self.first is not None:
            assert first is not None
            self.first += first
        if self.second is not None:
            assert second is not None
            self.second += second
