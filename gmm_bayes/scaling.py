"""Standardisation: the affine map between the data's own units and the samplers' scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """``z = (x - loc) / scale`` per feature.

    Parameters
    ----------
    loc, scale : ndarray of shape (D,)
        Mean and population standard deviation of the data.
    """

    loc: FloatArray
    scale: FloatArray

    @classmethod
    def from_data(cls, X: FloatArray) -> Scaling:
        """Return the standardisation of `X` (N, D) by its mean and population standard deviation.

        Raises
        ------
        ValueError
            If a column is constant: it has no scale, and a mixture with a free covariance puts
            infinite density on it.
        """
        loc = X.mean(axis=0)
        scale = (X - loc).std(axis=0)
        constant = np.flatnonzero((np.ptp(X, axis=0) == 0.0) | ~(scale > 0.0))
        if constant.size:
            columns = ", ".join(str(c) for c in constant)
            raise ValueError(
                f"column {columns} of X is constant, so a Gaussian has no finite density there; "
                "drop the column"
            )
        return cls(loc=loc, scale=scale)

    def standardise(self, X: FloatArray) -> FloatArray:
        """Return `X` (..., D) on the standardised scale."""
        return (X - self.loc) / self.scale

    def log_jacobian(self, n_samples: int) -> float:
        """Return what takes a log-likelihood of `n_samples` standardised rows to data units."""
        return -n_samples * float(np.log(self.scale).sum())
