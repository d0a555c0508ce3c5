"""What an E-step sums over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmm_em.core.types import FloatArray


@dataclass
class Totals:
    """Sums over rows, in the samples' inner units.

    Attributes
    ----------
    log_likelihood : float
        Weighted sum over rows of the log-density.
    counts : ndarray, shape (K,)
        Sums of the responsibilities times the rows' weights, ``w_n r_kn``.
    first : ndarray, shape (K, D)
        Sums of ``w_n r_kn (x_n - origin_k)``.
    second : ndarray, shape (K, D, D), (K, D) or (D, D)
        Sums of ``w_n r_kn (x_n - origin_k) (x_n - origin_k)^T``: all of them, their diagonals, or
        their sum over components, as the covariance structure's `second` says.
    origin : ndarray, shape (K, D)
        One origin per component.
    objective : float
        What EM maximises: the log-likelihood, plus the log-density of the prior where there is
        one. An E-step knows no prior and leaves it NaN; the maximisation problem sets it.
    covariances : ndarray, shape (K, D, D), optional
        Those of the mixture, from which the M-step climbs; the maximisation problem sets them.
    """

    log_likelihood: float
    counts: FloatArray
    first: FloatArray
    second: FloatArray
    origin: FloatArray
    objective: float = np.nan
    covariances: FloatArray | None = None

    def __add__(self, other: Totals) -> Totals:
        """Add sums over other rows under the same mixture, which have the same origins."""
        return Totals(
            self.log_likelihood + other.log_likelihood,
            self.counts + other.counts,
            self.first + other.first,
            self.second + other.second,
            self.origin,
        )


class BatchedTotals(NamedTuple):
    """Sums over rows for R mixtures: the arrays of `Totals` with a leading axis.

    Attributes
    ----------
    log_likelihood : ndarray, shape (R,)
    counts : ndarray, shape (R, K)
    first, origin : ndarray, shape (R, K, D)
    second : ndarray, shape (R, K, D, D), (R, K, D) or (R, D, D)
    """

    log_likelihood: FloatArray
    counts: FloatArray
    first: FloatArray
    second: FloatArray
    origin: FloatArray

    def of(self, run: int) -> Totals:
        """Return the sums of one mixture."""
        return Totals(
            float(self.log_likelihood[run]),
            self.counts[run],
            self.first[run],
            self.second[run],
            self.origin[run],
        )

    @classmethod
    def stack(cls, totals: list[Totals]) -> BatchedTotals:
        """Return the sums of several mixtures as one value."""
        return cls(
            np.array([one.log_likelihood for one in totals]),
            np.stack([one.counts for one in totals]),
            np.stack([one.first for one in totals]),
            np.stack([one.second for one in totals]),
            np.stack([one.origin for one in totals]),
        )


def support_of(sums: FloatArray) -> FloatArray:
    """Return how many rows each component rests on, ``(sum_n r)^2 / sum_n r^2``.

    Parameters
    ----------
    sums : ndarray, shape (2, K)
        Sums of the responsibilities and of their squares. A row of weight w counts as w rows.

    Returns
    -------
    ndarray, shape (K,)
        The effective sample size of weighted sums (Kish 1965); 0 for an empty component.
    """
    return np.asarray(sums[0] ** 2 / np.maximum(sums[1], np.finfo(np.float64).tiny))
