"""How the libraries are told of missing values."""

from __future__ import annotations

import numpy as np

from experiments.core.types import FloatArray


def treatment_of_missing(X: FloatArray) -> str:
    """Return the setting `missing` of EM and of the posterior for rows in which NaN is missing."""
    return "mar" if np.isnan(X).any() else "error"
