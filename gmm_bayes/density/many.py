"""Log densities of many unconstrained vectors at once, on several threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import packed_log_density

_ROWS_PER_JOB = 64
"""Vectors that a thread takes at a time."""


@dataclass(frozen=True)
class BatchDensity:
    """Log densities of many unconstrained vectors at once, on several threads.

    Parameters
    ----------
    target : LogPosterior
    pool : ThreadPoolExecutor or None
        The compiled density releases the interpreter, so that threads run side by side. The values
        do not depend on their number. None evaluates in the calling thread.
    """

    target: LogPosterior
    pool: ThreadPoolExecutor | None = field(default=None, repr=False)

    def posterior(self, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log posterior densities (n,), -inf off the support, and gradients (n, size)."""
        return self._evaluate(self.target.packed, thetas)

    def prior(self, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log prior densities (n,), -inf off the support, and gradients (n, size)."""
        return self._evaluate(self.target.packed_prior, thetas)

    def _evaluate(self, packed: FloatArray, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values and gradients at rows of `thetas`, a few rows at a time."""
        thetas = np.ascontiguousarray(thetas)
        values, gradients = np.empty(len(thetas)), np.empty_like(thetas)

        def evaluate(first: int) -> None:
            rows = slice(first, first + _ROWS_PER_JOB)
            _log_densities(thetas[rows], packed, values[rows], gradients[rows])

        starts = range(0, len(thetas), _ROWS_PER_JOB)
        if self.pool is None:
            for first in starts:
                evaluate(first)
        else:
            list(self.pool.map(evaluate, starts))  # waits, and raises what a thread raised
        return np.where(np.isfinite(values), values, -np.inf), gradients


@njit()
def _log_densities(thetas, packed, values, gradients):  # type: ignore[no-untyped-def]
    """Write log densities (n,) and gradients (n, size) at rows of `thetas` (n, size)."""
    for i in range(thetas.shape[0]):
        values[i] = packed_log_density(thetas[i], packed, gradients[i])


@contextmanager
def density_of(target: LogPosterior, cores: int) -> Iterator[BatchDensity]:
    """Give the densities of `target`, evaluated on `cores` threads for as long as the block lasts.

    Parameters
    ----------
    target : LogPosterior
    cores : int
    """
    if cores == 1:
        yield BatchDensity(target)
        return
    with ThreadPoolExecutor(cores) as pool:
        yield BatchDensity(target, pool)
