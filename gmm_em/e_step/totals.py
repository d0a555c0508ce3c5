"""What an E-step sums over the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_em.core.types import FloatArray


@dataclass
class Totals:
    """Sums over rows, in the samples' inner units.

    `first` and `second` are moments about `origin`, which has one row per component. `second`
    has shape (K, D, D), (K, D) or (D, D). `objective` is the log-likelihood plus a log-prior,
    where there is one; who knows the prior sets it.
    """

    log_likelihood: float
    counts: FloatArray
    first: FloatArray
    second: FloatArray
    origin: FloatArray
    objective: float = np.nan

    def __add__(self, other: Totals) -> Totals:
        """Add sums over other rows under the same mixture, which have the same origins."""
        return Totals(
            self.log_likelihood + other.log_likelihood,
            self.counts + other.counts,
            self.first + other.first,
            self.second + other.second,
            self.origin,
        )


def rows_behind(sums: FloatArray) -> FloatArray:
    """Return how many rows components rest on, shape (K,), from `Kernel.support_sums`."""
    return np.asarray(sums[0] ** 2 / np.maximum(sums[1], np.finfo(np.float64).tiny))
