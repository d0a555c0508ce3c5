"""Standardisation: the affine map between the data's own units and the samplers' scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.structures import FULL, Structure

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """``z = (x - loc) / scale`` per feature.

    Parameters
    ----------
    loc, scale : ndarray of shape (D,)
        Mean and population standard deviation of the data; where the covariance structure has one
        standard deviation for all features, the root mean square of the latter in every entry.
    """

    loc: FloatArray
    scale: FloatArray

    @classmethod
    def from_data(cls, X: FloatArray, structure: Structure = FULL) -> Scaling:
        """Return the standardisation of `X` (N, D) for mixtures of that covariance structure.

        Raises
        ------
        ValueError
            If a standard deviation has only constant columns to describe: they have no scale, and
            a mixture puts infinite density on them.
        """
        loc = X.mean(axis=0)
        varies = np.ptp(X, axis=0) > 0.0
        variances = structure.pooled(np.where(varies, (X - loc).var(axis=0), 0.0))
        constant = np.flatnonzero(~(np.broadcast_to(variances, loc.shape) > 0.0))
        if constant.size:
            columns = ", ".join(str(c) for c in constant)
            raise ValueError(
                f"column {columns} of X is constant, so a Gaussian has no finite density there; "
                "drop the column"
            )
        return cls(loc=loc, scale=np.sqrt(np.broadcast_to(variances, loc.shape)))

    def standardise(self, X: FloatArray) -> FloatArray:
        """Return `X` (..., D) on the standardised scale."""
        return (X - self.loc) / self.scale

    def log_jacobian(self, n_samples: int) -> float:
        """Return what takes a log-likelihood of `n_samples` standardised rows to data units."""
        return -n_samples * float(np.log(self.scale).sum())
