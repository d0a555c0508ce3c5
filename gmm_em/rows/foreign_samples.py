"""Rows that are an array of another library, and stay where they are.

What needs all rows is computed there, a block at a time. Rows that are chosen, such as those from
which units and starts are taken, are copied to the host.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, override

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.foreign import Place, is_foreign, to_host
from gmm_em.core.types import FloatArray, IndexArray
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Samples


class HostView:
    """Rows of another library, of which those that are asked for are copied to the host.

    Parameters
    ----------
    X : array, shape (N, D)

    Attributes
    ----------
    X : array, shape (N, D)
    place : Place
    shape : tuple of int
    """

    def __init__(self, X: Any) -> None:
        self.X, self.place = X, Place.of(X)
        self.shape = tuple(X.shape)

    def __getitem__(self, index: slice | NDArray[Any]) -> NDArray[Any]:
        """Return chosen rows of NumPy."""
        if isinstance(index, slice):
            start, stop, step = index.indices(self.shape[0])
            return np.asarray(to_host(self.X[start:stop:step, ...]))
        return np.asarray(to_host(self.taken(index)))

    def taken(self, index: NDArray[Any]) -> Any:
        """Return chosen rows where all are."""
        with self.place.arithmetic():
            places = self.place.send(np.asarray(index, dtype=np.int64))
            return self.place.xp.take(self.X, places, axis=0)


class ForeignSamples(Samples):
    """Rows of another library, seen in the units that `Samples` has for them.

    Parameters
    ----------
    X : array, shape (N, D)
        An array of the array API standard.
    sample_weight : array_like, shape (N,), optional
        Where there are rows of weight zero, the others are copied to a new array beside `X`.
    common_scale, units, first_row
        As for `Samples`.

    Raises
    ------
    ValueError
        If the rows cannot be used.
    """

    _rows: HostView

    @property
    def place(self) -> Place:
        """Where the rows are."""
        return self._rows.place

    @override
    @classmethod
    def _sliceable(cls, X: Any) -> HostView:
        if isinstance(X, HostView):
            return X
        cls._check_shape(X)
        return HostView(X)

    @override
    @staticmethod
    def _taken(X: HostView, index: IndexArray) -> HostView:
        return HostView(X.taken(index))

    def wide_block(self, start: int, stop: int) -> Any:
        """Rows in the inner units, transposed, at the place of the rows: shape (D, stop - start).

        Must be called in the context of the place's arithmetic.
        """
        centre, scale = self._units_there
        rows = self.place.wide(self._rows.X[start : min(stop, self.n_samples), ...])
        return ((rows - centre) / scale).T

    def wide_weights(self, start: int, stop: int) -> Any:
        """Weights of these rows at their place, shape (stop - start,), or None when all are 1."""
        weight = self._weight_there
        return None if weight is None else weight[start : min(stop, self.n_samples)]

    @cached_property
    def _units_there(self) -> tuple[Any, Any]:
        return self.place.send(self.centre), self.place.send(self.scale)

    @cached_property
    def _weight_there(self) -> Any:
        return None if self.weight is None else self.place.send(self.weight)

    def starts(self, elements_per_row: int) -> range:
        """Return the first rows of blocks, of which the place can hold so many values a row."""
        step = max(1, self.place.block_elements // elements_per_row)
        return range(0, self.n_samples, min(step, self.n_samples))

    def second_moment(self) -> FloatArray:
        """Weighted sum of ``x x^T`` over all rows, in the inner units, shape (D, D)."""
        return self._sums()[1]

    @override
    def moments(self) -> tuple[FloatArray, FloatArray]:
        first, second = self._sums()
        mean = first / self.total_weight
        return mean, second / self.total_weight - np.outer(mean, mean)

    def _sums(self) -> tuple[FloatArray, FloatArray]:
        """Weighted sums of ``x`` (D,) and ``x x^T`` (D, D) over all rows."""
        starts = self.starts(3 * self.n_features)
        first, second = 0.0, 0.0
        with self.place.arithmetic():
            for start in starts:
                block = self.wide_block(start, start + starts.step)
                weight = self.wide_weights(start, start + starts.step)
                weighted = block if weight is None else block * weight
                first = first + self.place.xp.sum(weighted, axis=1)
                second = second + weighted @ block.T
            return np.asarray(to_host(first)), np.asarray(to_host(second))

    @override
    def _extremes(self, columns: FloatArray | None) -> tuple[range, FloatArray, FloatArray]:
        starts, xp = self.starts(3 * self.n_features), self.place.xp
        lows, highs = [], []
        with self.place.arithmetic():
            for start in starts:
                block = self.wide_block(start, start + starts.step)
                lows.append(xp.min(block, axis=1))
                highs.append(xp.max(block, axis=1))
            both = to_host(xp.stack([xp.stack(lows), xp.stack(highs)]))
        return starts, both[0], both[1]


def samples_for_mixture(mixture: Mixture, X: Any, sample_weight: Any = None) -> Samples:
    """Return samples of rows of any library in units that depend on the mixture only."""
    kind = ForeignSamples if is_foreign(X) else Samples
    return kind.for_mixture(mixture, X, sample_weight)


def samples_of(X: Any, sample_weight: Any = None, **options: Any) -> Samples:
    """Return samples of rows of any library; for the options see `Samples`."""
    kind = ForeignSamples if is_foreign(X) else Samples
    return kind(X, sample_weight, **options)
