"""Log densities of many rows under many draws of a mixture, block by block.

The quadratic form of a normal density is linear in the monomials of a row up to second degree, so
one matrix product gives a component's log density for every row and draw of a block. That form
cancels where a component is far tighter than the data; the bound on its rounding is computed
beforehand, and blocks where it is not negligible go the long way by whitening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.core.types import FloatArray
from gmm_em.core.threads import run_all, single_threaded_blas
from gmm_em.e_step.missing import patterns_of

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws


# Densities in a block. They are few enough to stay in the processor's cache while they are used.
BLOCK_VALUES = 1 << 18
# Blocks dealt to threads at a time: their results are held, and handed out in order.
BLOCKS_AT_ONCE = 32
# The largest bound on the rounding error of a log density that is accepted.
ROUNDING = 1e-9
# Sums of densities, relative to a reference, are taken as they are within these limits.
SMALLEST = 1e-280
LARGEST = 1e280


def map_densities[T](
    draws: MixtureDraws, X: FloatArray, work: Callable[[FloatArray], T]
) -> Iterator[tuple[slice | NDArray[np.intp], T]]:
    """Evaluate every draw at every row and hand the densities to `work`, block by block.

    Blocks are dealt to threads. Which rows make a block, and the order in which results come,
    depend on the data alone, so that the numbers do not depend on how many threads there are.

    Parameters
    ----------
    draws : MixtureDraws
        C chains of S draws.
    X : ndarray of shape (N, D)
        NaN where a value is missing: of such a row the density is that of what was observed.
    work : callable
        Given the log densities of some rows at every draw, shape (n, C S), draws counted through
        the chains one after another; it may overwrite them.

    Yields
    ------
    rows : slice, or ndarray of int where values are missing
    result : what `work` returned
    """
    if not np.isnan(X).any():
        yield from _map_complete(draws, X, work)
        return
    for pattern in patterns_of(X):
        if pattern.observed.size:
            part = draws.marginal(pattern.observed.tolist())
            for rows, result in _map_complete(part, pattern.values, work):
                yield pattern.rows[rows], result
        else:
            # Nothing is as probable under one draw as under another.
            yield pattern.rows, work(np.zeros((pattern.rows.size, len(draws))))


def _map_complete[T](
    draws: MixtureDraws, X: FloatArray, work: Callable[[FloatArray], T]
) -> Iterator[tuple[slice, T]]:
    """Do what :func:`map_densities` does with rows of which every value is there."""
    forms = _Forms(draws, X)
    n_rows = max(1, BLOCK_VALUES // len(draws))
    every = [slice(i, min(i + n_rows, len(X))) for i in range(0, len(X), n_rows)]
    for first in range(0, len(every), BLOCKS_AT_ONCE):
        rows = every[first : first + BLOCKS_AT_ONCE]
        results: dict[int, T] = {}

        def one(index: int, rows: list[slice] = rows, results: dict[int, T] = results) -> None:
            found = forms.log_prob(X[rows[index]])
            if found is None:
                long_way = draws.log_prob(X[rows[index]])
                found = np.ascontiguousarray(long_way.reshape(len(draws), -1).T)
            results[index] = work(found)

        with single_threaded_blas() as n_threads:
            run_all(one, range(len(rows)), n_threads)
        yield from ((rows[index], results[index]) for index in range(len(rows)))


class _Forms:
    """Every draw's components as linear functions of a row's monomials."""

    def __init__(self, draws: MixtureDraws, X: FloatArray) -> None:
        spread = X.std(axis=0)
        self.centre, self.scale = X.mean(axis=0), np.where(spread > 0, spread, 1.0)
        self.reference = draws.mean()
        self.pairs = np.triu_indices(draws.n_features)
        self.forms = self._forms(draws)
        self.sizes = np.abs(self.forms).max(axis=(0, 2))

    def _forms(self, draws: MixtureDraws) -> FloatArray:
        """Coefficients of shape (K, number of monomials, C S)."""
        n_draws, k, d = len(draws), draws.n_components, draws.n_features
        whiten = np.linalg.inv(draws.scale_trils.reshape(n_draws, k, d, d))
        whiten_scaled = whiten * self.scale
        precisions = whiten_scaled.swapaxes(-1, -2) @ whiten_scaled
        shift = (draws.means.reshape(n_draws, k, d) - self.centre) / self.scale
        linear = (precisions @ shift[..., None])[..., 0]
        with np.errstate(divide="ignore"):
            constant = np.log(draws.weights.reshape(n_draws, k))
        constant += np.log(np.diagonal(whiten, axis1=-2, axis2=-1)).sum(-1)
        constant -= 0.5 * d * np.log(2 * np.pi) + 0.5 * (linear * shift).sum(-1)
        i, j = self.pairs
        square = -precisions[..., i, j] * np.where(i == j, 0.5, 1.0)
        # The reference's log density is one more monomial, taken off every component's.
        less = np.full((n_draws, k, 1), -1.0)
        parts = np.concatenate([constant[..., None], linear, square, less], axis=-1)
        return np.ascontiguousarray(parts.transpose(1, 2, 0))

    def log_prob(self, X: FloatArray) -> FloatArray | None:
        """Return log densities of shape (n, C S), or None where they would not be exact."""
        reference = self.reference.log_prob(X)
        z = (X - self.centre) / self.scale
        i, j = self.pairs
        monomials = np.column_stack([np.ones(len(X)), z, z[:, i] * z[:, j], reference])
        if not np.abs(monomials).max(axis=0) @ self.sizes < ROUNDING / np.finfo(np.float64).eps:
            return None
        total = np.zeros((len(X), self.forms.shape[2]))
        part = np.empty_like(total)
        with np.errstate(over="ignore"):
            for form in self.forms:
                np.matmul(monomials, form, out=part)
                total += np.exp(part, out=part)
        if not (total.min() > SMALLEST and total.max() < LARGEST):
            return None
        np.log(total, out=total)
        total += reference[:, None]
        return total
