"""Standardisation: the affine map between the data's own units and the scale of the samplers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.structures import FULL, Structure, common_mean

_MIN_VARIANCE = 1e-200
"""Smallest variance of a column: products of a few of them must not underflow."""
_MAX_VARIANCE = 1e200
"""Largest variance of a column: products of a few of them must not overflow."""


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
    def from_data(
        cls, X: FloatArray, structure: Structure = FULL, *, one_scale: bool = False
    ) -> Scaling:
        """Return the standardisation of `X` (N, D) for mixtures of that covariance structure.

        With `one_scale`, all features have the same, as for a structure with one variance. Values
        that are missing, NaN, do not count.

        Raises
        ------
        ValueError
            If a standard deviation has only constant columns to describe: they have no scale, and
            a mixture puts infinite density on them. If a variance is beyond float64.
        """
        pooled = common_mean if one_scale else structure.pooled
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            seen = ~np.isnan(X)
            n = seen.sum(axis=0)
            loc = X.mean(axis=0) if seen.all() else np.nansum(X, axis=0) / n
            varies = np.nanmax(X, axis=0) > np.nanmin(X, axis=0)
            away = np.where(seen, X - loc, 0.0)
            of_columns = (X - loc).var(axis=0) if seen.all() else (away**2).sum(axis=0) / n
            variances = pooled(np.where(varies, of_columns, 0.0))
        variances = np.broadcast_to(variances, loc.shape)
        some_vary = np.broadcast_to(pooled(varies.astype(float)), loc.shape) > 0.0
        constant = np.flatnonzero(~some_vary)
        if constant.size:
            columns = ", ".join(str(c) for c in constant)
            raise ValueError(
                f"column {columns} of X is constant, so a Gaussian has no finite density there; "
                "drop the column"
            )
        beyond = np.flatnonzero(~((variances > _MIN_VARIANCE) & (variances < _MAX_VARIANCE)))
        if beyond.size:
            size = "large" if not variances[beyond[0]] < 1.0 else "small"
            raise ValueError(
                f"the variance of column {beyond[0]} of X is too {size} for float64 arithmetic; "
                "use another unit"
            )
        return cls(loc=loc, scale=np.sqrt(variances))

    def standardise(self, X: FloatArray) -> FloatArray:
        """Return `X` (..., D) on the standardised scale."""
        return (X - self.loc) / self.scale

    def standardise_parameters(
        self, means: FloatArray, covariances: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (..., D) and covariances (..., D, D) on the standardised scale."""
        scale = self.scale
        return (means - self.loc) / scale, covariances / (scale[:, None] * scale)

    def to_own_units(
        self, means: FloatArray, covariances: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return means (..., D) and covariances (..., D, D) in the data's own units."""
        scale = self.scale
        return self.loc + scale * means, covariances * scale[:, None] * scale

    def log_jacobian(self, n_samples: int) -> float:
        """Return what the log-likelihood of `n_samples` rows gains in the data's own units."""
        return -n_samples * float(np.log(self.scale).sum())
