"""The rows as the loops read them: centred, scaled, transposed, a block at a time."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gmm_em.core.checks import check_matrix_shape, check_sample_weight
from gmm_em.core.numbers import as_numbers, is_plain
from gmm_em.core.threads import run_all, single_threaded_blas
from gmm_em.core.types import FloatArray, IndexArray
from gmm_em.mixture import Mixture
from gmm_em.rows.memory_maps import pick, release

# A feature whose values differ by more than this in the inner units is refused: the squares of the
# differences would overflow.
LARGEST = 1e150
# A feature whose values differ by less than this, in its own units, is refused: the squares of
# the differences would underflow.
_SMALLEST = 1e-150
# Rows that are copied at a time.
_COPY_ROWS = 1 << 14
# With more features than this no transposed copy is kept, because transposing the rows in every
# pass then takes little of the time.
_COPIED_FEATURES = 24
# Rows from which centre and scale are taken.
_PILOT_ROWS = 1 << 11
# Fewer different values than this do not show a grid.
_FEWEST_GAPS = 4


class Parameters(NamedTuple):
    """A mixture in the samples' inner units, which the loops pass around without checking it.

    Attributes
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


class Samples:
    """Rows to fit, seen in units where they are centred and about as wide as 1.

    Arrays of float64 in memory with few features are kept as one transposed copy. Anything else
    with ``shape`` and slicing of rows (float32 arrays, memory maps, dask arrays) is read block by
    block, and never held whole as float64.

    Parameters
    ----------
    X : array_like, shape (N, D)
    sample_weight : array_like, shape (N,), optional
        Rows of weight zero are left out from the start, as if they were missing.
    common_scale : bool, default False
        Scale all features alike, for structures that a scale per feature would distort.
    units : tuple of ndarray, shape (D,), optional
        Centre and scale to use, instead of the data's own.
    first_row : int, default 0
        Number that error messages give to the first row.

    Attributes
    ----------
    centre, scale : ndarray, shape (D,)
        A row is seen as ``(x - centre) / scale``. They keep rounding errors small, for which
        rough values of mean and standard deviation are good enough. The scales are powers of
        two, so that dividing by them is exact.
    constant : ndarray of bool, shape (D,)
        Features that have one value only.
    """

    def __init__(
        self,
        X: Any,
        sample_weight: Any = None,
        *,
        common_scale: bool = False,
        units: tuple[FloatArray, FloatArray] | None = None,
        first_row: int = 0,
    ) -> None:
        X = self._sliceable(X)
        self._first_row = first_row
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, X.shape[0])
            if not weight.all():
                counted = np.flatnonzero(weight)
                X, weight = self._taken(X, counted), weight[counted]
        self.weight: FloatArray | None = weight
        self.n_samples, self.n_features = int(X.shape[0]), int(X.shape[1])
        self.total_weight = float(self.n_samples if weight is None else weight.sum())
        self._rows = X
        self._columns: FloatArray | None = None
        if units is None:
            self._set_units(common_scale)
        else:
            self.centre, self.scale = units
        keep = type(X) is np.ndarray and X.dtype == np.float64
        keep = keep and self.n_features <= _COPIED_FEATURES
        columns = np.empty((self.n_features, self.n_samples)) if keep else None
        self._scan(columns)
        self._columns = columns

    @property
    def log_jacobian(self) -> float:
        """What the change to the inner units adds to the total log-likelihood."""
        return self.total_weight * float(np.log(self.scale).sum())

    @property
    def columns(self) -> FloatArray | None:
        """All rows in the inner units, transposed, shape (D, N); None where no copy is kept."""
        return self._columns

    @classmethod
    def for_mixture(cls, mixture: Mixture, X: Any, sample_weight: Any = None) -> Samples:
        """Rows in units that depend on the mixture only, the same for any block of rows."""
        X = cls._sliceable(X)
        if X.shape[1] != mixture.n_features:
            raise ValueError(
                f"X has {X.shape[1]} features, but the mixture has {mixture.n_features}"
            )
        return cls(X, sample_weight, units=mixture_units(mixture))

    @classmethod
    def _sliceable(cls, X: Any) -> Any:
        """Return `X`, or an array of its values: a matrix that can be sliced by rows."""
        if not is_plain(X):
            try:
                X = np.asarray(as_numbers(X), dtype=np.float64)
            except TypeError as error:
                raise ValueError(f"X must be a numeric matrix of shape (n, d): {error}") from None
            except ValueError as error:
                raise ValueError(f"X must be a numeric matrix: {error}") from None
        cls._check_shape(X)
        return X

    @staticmethod
    def _taken(X: Any, index: IndexArray) -> Any:
        """Return chosen rows, as an array that can be sliced as `X` can."""
        return X[index]

    @staticmethod
    def _check_shape(X: Any) -> None:
        check_matrix_shape(X)
        if X.shape[0] < 1 or X.shape[1] < 1:
            raise ValueError(f"X must have at least one row and one column, got {tuple(X.shape)}")

    def block(self, start: int, stop: int) -> FloatArray:
        """Rows `start` to `stop` in the inner units, transposed: shape (D, stop - start)."""
        if self._columns is not None:
            return self._columns[:, start:stop]
        return self._convert(start, stop)

    def weights_of(self, start: int, stop: int) -> FloatArray | None:
        """Weights of these rows, or None when all are 1."""
        return None if self.weight is None else self.weight[start:stop]

    def take(self, index: Any) -> FloatArray:
        """Chosen rows (in increasing order) in the inner units, shape (n, D)."""
        if self._columns is not None:
            return np.ascontiguousarray(self._columns[:, index].T)
        return (self.rows(index) - self.centre) / self.scale

    @cached_property
    def resolution(self) -> FloatArray:
        """Spacing of the grid the data are rounded to, per feature; 0 where there is none.

        Shape (D,), in the inner units. A feature is on a grid when the differences of (up to
        2000) values next to each other are multiples of the smallest one, which for values that
        were not rounded is never so.
        """
        rows = self.take(slice(None, None, max(1, self.n_samples // 2000)))
        return np.array([_grid(np.sort(column)) for column in rows.T])

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Weighted mean (D,) and covariance (D, D) of all rows, in the inner units."""
        starts = range(0, self.n_samples, _COPY_ROWS)
        first = np.zeros(self.n_features)
        second = np.zeros((self.n_features, self.n_features))
        for start in starts:
            block = self.block(start, min(start + _COPY_ROWS, self.n_samples))
            weight = self.weights_of(start, start + block.shape[1])
            weighted = block if weight is None else block * weight
            first += weighted.sum(axis=1)
            second += weighted @ block.T
        mean = first / self.total_weight
        return mean, second / self.total_weight - np.outer(mean, mean)

    def variances(self) -> FloatArray:
        """Variance of each feature, in the data's own units, shape (D,)."""
        return np.asarray(np.diagonal(self.moments()[1]) * self.scale**2)

    def rows(self, index: Any) -> FloatArray:
        """Chosen rows (in increasing order) in the data's own units, shape (n, D)."""
        return pick(self._rows, index)

    def inner(self, mixture: Mixture) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights, means and covariances of `mixture` in the inner units."""
        means = (mixture.means - self.centre) / self.scale
        covariances = mixture.covariances / (self.scale[:, None] * self.scale)
        return mixture.weights, means, covariances

    def outer(self, weights: FloatArray, means: FloatArray, covariances: FloatArray) -> Mixture:
        """Undo :meth:`inner`."""
        return Mixture(
            weights / weights.sum(),
            means * self.scale + self.centre,
            covariances * (self.scale[:, None] * self.scale),
        )

    def _convert(self, start: int, stop: int, out: FloatArray | None = None) -> FloatArray:
        """Read rows and return them in the inner units, transposed: shape (D, stop - start)."""
        read = self._rows[start:stop]
        rows = np.asarray(read, dtype=np.float64)
        if out is None:
            out = np.empty(rows.shape[::-1])
        np.subtract(rows.T, self.centre[:, None], out=out)
        np.divide(out, self.scale[:, None], out=out)
        release(read)
        return out

    def _set_units(self, common_scale: bool) -> None:
        """Take centre and scale from a few rows, evenly spaced over all of them."""
        step = max(1, self.n_samples // _PILOT_ROWS)
        pilot = pick(self._rows, slice(None, None, step)).T.copy()
        # The scan that follows reports values that are not finite, with their place.
        with np.errstate(all="ignore"):
            self.centre = pilot.mean(axis=1)
            pilot -= self.centre[:, None]
            # A second pass removes the rounding error of a mean far from zero.
            self.centre += pilot.mean(axis=1)
            variance = np.einsum("dn,dn->d", pilot, pilot) / pilot.shape[1]
            if common_scale:
                variance[:] = variance.mean()
            usable = (variance > 0) & (variance < np.inf)
            self.scale = np.exp2(np.round(0.5 * np.log2(np.where(usable, variance, 1.0))))

    def _scan(self, columns: FloatArray | None) -> None:
        """Look at every row once: copy it if asked, check it, and find constant features."""
        starts, lows, highs = self._extremes(columns)
        with np.errstate(invalid="ignore"):
            # NaN compares as false, so it counts as not finite, too.
            finite = (highs < LARGEST) & (lows > -LARGEST)
        if not finite.all():
            self._report(starts[int((~finite).any(axis=1).argmax()) :])
        lowest, highest = lows.min(axis=0), highs.max(axis=0)
        self.constant = lowest == highest
        flat = ~self.constant & ((highest - lowest) * self.scale < _SMALLEST)
        if flat.any():
            raise ValueError(
                f"X holds differences too small for float64 arithmetic (column {flat.argmax()}); "
                "give it in another unit"
            )

    def _extremes(self, columns: FloatArray | None) -> tuple[range, FloatArray, FloatArray]:
        """Return the least and the largest values of blocks of rows, in the inner units.

        Returns
        -------
        starts : range
            The first rows of B blocks of as many rows.
        lows, highs : ndarray, shape (B, D)
        """
        starts = range(0, self.n_samples, _COPY_ROWS)
        lows = np.empty((len(starts), self.n_features))
        highs = np.empty_like(lows)

        def scan(i: int) -> None:
            start = starts[i]
            stop = min(start + _COPY_ROWS, self.n_samples)
            out = None if columns is None else columns[:, start:stop]
            with np.errstate(all="ignore"):
                block = self._convert(start, stop, out)
                np.minimum.reduce(block, axis=1, out=lows[i])
                np.maximum.reduce(block, axis=1, out=highs[i])

        if len(starts) == 1:
            scan(0)
        else:
            with single_threaded_blas() as available:
                run_all(scan, range(len(starts)), available)
        return starts, lows, highs

    def _report(self, starts: range) -> NoReturn:
        """Raise an error that names the first bad value of blocks that begin at these rows."""
        # Where a value that is not finite is among the rows that decide the units, all blocks
        # look bad, so that it may be in a later one.
        for start in starts:
            rows = np.asarray(self._rows[start : start + starts.step], dtype=np.float64)
            bad = ~np.isfinite(rows)
            if bad.any():
                row, column = np.argwhere(bad)[0]
                name = "NaN" if np.isnan(rows[row, column]) else "infinity"
                row += start + self._first_row
                raise ValueError(f"Input X contains {name} (row {row}, column {column})")
        raise ValueError("X holds values too large for float64 arithmetic")


def _grid(values: FloatArray) -> float:
    """Spacing of sorted values that all lie on one grid; 0 where they do not."""
    # Decimal fractions are not exact: equal values may differ in their last digits.
    error = 1e-9 * max(1.0, float(np.abs(values[[0, -1]]).max()))
    gaps = np.diff(values)
    gaps = gaps[gaps > error]
    if gaps.shape[0] < _FEWEST_GAPS:
        return 0.0
    spacing = float(gaps.min())
    if spacing < 100.0 * error:
        return 0.0
    multiples = np.round(gaps / spacing)
    # The mean over all gaps is more exact than the smallest one.
    spacing = float(gaps.sum() / multiples.sum())
    off_grid = np.abs(gaps - spacing * multiples) > 2.0 * error + 1e-6 * spacing
    return 0.0 if off_grid.any() else spacing


def mixture_units(mixture: Mixture) -> tuple[FloatArray, FloatArray]:
    """Centre and scale of data that follow a mixture."""
    deviations = np.sqrt(np.diagonal(mixture.covariance))
    return mixture.mean, np.exp2(np.round(np.log2(deviations)))
