"""What a sampler needs of data in which values are missing, before it starts."""

from __future__ import annotations

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_em.e_step.missing import imputed


def spread(X: FloatArray) -> FloatArray:
    """Return the standard deviations (D,) of what was observed of `X` (N, D)."""
    return np.asarray(np.nanstd(X, axis=0) if np.isnan(X).any() else X.std(axis=0))


def filled(X: FloatArray) -> FloatArray:
    """Return `X` (N, D) with the means of what was observed in place of missing values."""
    return imputed(X) if np.isnan(X).any() else X
