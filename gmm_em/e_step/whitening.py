"""Components whose log-densities and moments are taken of deviations from their mean.

Such a component is so narrow that equation 1 of :mod:`gmm_em.e_step.features` would lose digits.
With the Cholesky factor L of its covariance, its log-density is that of ``z = L^-1 (x - m)``:

    log w + log N(x | m, L L^T) = c - 1/2 z^T z.

Where ``L^-1 x - L^-1 m`` cancels for rows close to the mean, the mean is subtracted before anything
is multiplied. Of most components it loses no digits that count, as it cancels the square root of
what equation 1 does. These are multiplied side by side, in wide products with ``(1, x)``. Factors
are triangular, so that a product takes half of the multiplications of a square one. Of the rows of
a block, a narrow component is responsible for few, and only those enter its sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

from gmm_em.core.types import FloatArray, IndexArray

# Rows of L^-1 that are multiplied at a time. Fewer would skip more of its zeros, but small
# products are slow.
_BAND = 16
# Rows whose responsibility is less than this, relative to the largest of the block, are left out
# of the sums. They change no digit: a block has fewer than 1e4 rows, and a row that is 1e8 times as
# far from the mean as the others would still enter with 1e-20 of their squares only.
_NEGLIGIBLE = 1e-40
# Largest sum of magnitudes in an entry of ``L^-1 x - L^-1 m``, for a row x as far from the origin
# as the mean or 1. The log-density's rounding error is about 1e-16 of it times the length of z.
_SHIFT_LIMIT = 4e3


class ComponentSums(NamedTuple):
    """Sums over rows for the W components that are whitened.

    Attributes
    ----------
    counts : ndarray, shape (W,)
        Of their responsibilities r, times the rows' weights.
    first : ndarray, shape (W, D)
        Of ``r (x - m)``.
    second : ndarray, shape (W, D, D)
        Of ``r (x - m) (x - m)^T``.
    """

    counts: FloatArray
    first: FloatArray
    second: FloatArray

    def add(self, other: ComponentSums) -> None:
        """Add the sums over other rows to these."""
        for mine, more in zip(self, other, strict=True):
            mine += more


class Stack(NamedTuple):
    """Components that are whitened by products in common.

    Attributes
    ----------
    components : ndarray of int, shape (C,)
        Which components of the mixture they are.
    constants : ndarray, shape (C, 1)
        Weighted log-densities at the means.
    bands : list of ndarray
        Of shapes (C B, 1 + E): for each band of B rows of z, ``-L^-1 m`` beside the first E columns
        of L^-1, which are those that are not zero, one component below the other.
    """

    components: IndexArray
    constants: FloatArray
    bands: list[FloatArray]

    @classmethod
    def of(
        cls,
        components: IndexArray,
        constants: FloatArray,
        shifts: FloatArray,
        whiteners: FloatArray,
    ) -> Self:
        """Stack components with shifts ``L^-1 m`` (C, D) and inverses of factors (C, D, D)."""
        size = whiteners.shape[1]
        bands = []
        for start in range(0, size, _BAND):
            stop = min(start + _BAND, size)
            shift, rows = shifts[:, start:stop, None], whiteners[:, start:stop, :stop]
            bands.append(np.concatenate([-shift, rows], axis=2).reshape(-1, 1 + stop))
        return cls(components, constants[:, None], bands)

    def write_log_densities(self, rows: FloatArray, scratch: FloatArray, out: FloatArray) -> None:
        """Write the weighted log-densities of rows ``(1, x)``, shape (1 + D, n)."""
        c, n = len(self.components), rows.shape[1]
        squares = np.zeros((c, n))
        for band in self.bands:
            product = scratch[: band.shape[0] * n].reshape(-1, n)
            np.matmul(band, rows[: band.shape[1]], out=product)
            z = product.reshape(c, -1, n)
            squares += np.einsum("cdn,cdn->cn", z, z)
        squares *= -0.5
        squares += self.constants
        out[self.components] = squares


class Whitening(NamedTuple):
    """The components of a mixture that are whitened.

    Attributes
    ----------
    chosen : ndarray of int, shape (W,)
        Which components of the mixture they are.
    others : ndarray of int, shape (K - W,)
        The components that are not whitened.
    means : ndarray, shape (W, D)
    whiteners : ndarray, shape (W, D, D)
        Inverses of the Cholesky factors of the covariances, lower triangular.
    constants : ndarray, shape (W,)
        Weighted log-densities at the means.
    centred : ndarray of int
        Which of the W components need rows less their mean.
    stacks : list of Stack
        The others.
    """

    chosen: IndexArray
    others: IndexArray
    means: FloatArray
    whiteners: FloatArray
    constants: FloatArray
    centred: IndexArray
    stacks: list[Stack]

    @classmethod
    def of(
        cls,
        chosen: NDArray[np.bool_],
        means: FloatArray,
        factors: FloatArray,
        constants: FloatArray,
    ) -> Self:
        """Prepare the components that are chosen, of a mixture of K.

        Parameters
        ----------
        chosen : ndarray of bool, shape (K,)
        means : ndarray, shape (K, D)
        factors : ndarray, shape (K, D, D)
            Cholesky factors of the covariances.
        constants : ndarray, shape (K,)
            Weighted log-densities at the means.
        """
        index = np.flatnonzero(chosen)
        whiteners = np.array([dtrtri(factors[k], lower=1)[0] for k in index])
        others = np.flatnonzero(~chosen)
        return cls._stacked(index, others, means[index], whiteners, constants[index])

    @classmethod
    def _stacked(
        cls,
        chosen: IndexArray,
        others: IndexArray,
        means: FloatArray,
        whiteners: FloatArray,
        constants: FloatArray,
    ) -> Self:
        shifts = (whiteners @ means[:, :, None])[:, :, 0]
        sizes = np.abs(whiteners) @ np.maximum(1.0, np.abs(means))[:, :, None]
        exact = sizes.max(axis=(1, 2)) < _SHIFT_LIMIT
        together = np.flatnonzero(exact)
        # So many that the values z of a band fit into the memory of two components.
        size = means.shape[1]
        step = max(1, 2 * size // min(_BAND, size))
        stacks = [
            Stack.of(chosen[part], constants[part], shifts[part], whiteners[part])
            for part in (together[i : i + step] for i in range(0, len(together), step))
        ]
        centred = np.flatnonzero(~exact)
        return cls(chosen, others, means, whiteners, constants, centred, stacks)

    @classmethod
    def joined(cls, each: Iterable[Self]) -> Self:
        """Put the components of several mixtures, all of which are whitened, side by side."""
        arrays = zip(*((one.means, one.whiteners, one.constants) for one in each), strict=True)
        means, whiteners, constants = (np.concatenate(parts) for parts in arrays)
        return cls._stacked(np.arange(len(means)), np.arange(0), means, whiteners, constants)

    @property
    def n_components(self) -> int:
        """Number of components of the mixture, K."""
        return len(self.chosen) + len(self.others)

    def write_log_densities(self, block: FloatArray, scratch: FloatArray, out: FloatArray) -> None:
        """Write the weighted log-densities of a block of rows.

        Parameters
        ----------
        block : ndarray, shape (D, n)
        scratch : ndarray, shape (2, D, n)
            Is overwritten.
        out : ndarray, shape (K, n)
            Of all components; only the rows of those in `chosen` are written.
        """
        if self.stacks:
            rows = np.empty((1 + block.shape[0], block.shape[1]))
            rows[0], rows[1:] = 1.0, block
            for stack in self.stacks:
                stack.write_log_densities(rows, scratch.reshape(-1), out)
        deviations, z = scratch
        for i in self.centred:
            np.subtract(block, self.means[i, :, None], out=deviations)
            _triangular_product(self.whiteners[i], deviations, z)
            row = out[self.chosen[i]]
            np.einsum("dn,dn->n", z, z, out=row)
            row *= -0.5
            row += self.constants[i]

    def no_sums(self) -> ComponentSums:
        """Return sums over no rows."""
        w, d = self.means.shape
        return ComponentSums(np.zeros(w), np.zeros((w, d)), np.zeros((w, d, d)))

    def sums(self, block: FloatArray, posterior: FloatArray, scratch: FloatArray) -> ComponentSums:
        """Sum a block of rows.

        Parameters
        ----------
        block : ndarray, shape (D, n)
        posterior : ndarray, shape (K, n)
            Responsibilities of all components, times the rows' weights.
        scratch : ndarray, shape (2, D, n)
            Is overwritten.
        """
        w, d = self.means.shape
        out = ComponentSums(np.empty(w), np.empty((w, d)), np.empty((w, d, d)))
        for i, k in enumerate(self.chosen):
            share, deviations = _deviations(block, posterior[k], self.means[i], scratch[0])
            out.counts[i] = np.add.reduce(share)
            np.dot(deviations, share, out=out.first[i])
            deviations *= np.sqrt(share)
            # NumPy sees the product of a matrix with its own transpose and does half of the work.
            np.matmul(deviations, deviations.T, out=out.second[i])
        return out

    def with_others(self, whitened: ComponentSums, sums: FloatArray) -> FloatArray:
        """Return sums of phi over rows for all components, as far as the M-step needs them.

        Parameters
        ----------
        whitened : ComponentSums
        sums : ndarray, shape (K - W, P)
            Sums of phi, whose first entries are 1 and the features, for the other components.

        Returns
        -------
        ndarray, shape (K, P)
            Of the components that are whitened, the sums of the first 1 + D entries, about their
            means; the others are zero.
        """
        out = np.zeros((self.n_components, sums.shape[1]))
        out[self.others] = sums
        out[self.chosen, 0] = whitened.counts
        out[self.chosen, 1 : 1 + self.means.shape[1]] = whitened.first
        return out


def _triangular_product(lower: FloatArray, x: FloatArray, out: FloatArray) -> None:
    """Write the product of a lower triangular matrix (D, D) and any other (D, n)."""
    size = lower.shape[0]
    for start in range(0, size, _BAND):
        stop = min(start + _BAND, size)
        np.matmul(lower[start:stop, :stop], x[:stop], out=out[start:stop])


def _deviations(
    block: FloatArray, share: FloatArray, mean: FloatArray, scratch: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the responsibilities (m,) that count, and these rows' deviations (D, m)."""
    n = share.shape[0]
    rows = np.flatnonzero(share > _NEGLIGIBLE * np.maximum.reduce(share))
    if 2 * rows.shape[0] > n:
        return share, np.subtract(block, mean[:, None], out=scratch)
    few = block.take(rows, axis=1)
    few -= mean[:, None]
    return share[rows], few
