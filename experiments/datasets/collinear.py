"""Columns that follow from others: why no full covariance can be fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import qr, solve_triangular

from experiments.core.types import FloatArray
from experiments.core.words import some

# As many rows as show that columns are dependent, evenly through the data.
MAX_ROWS = 10_000
# What is left of a standardised column once the others are taken out, if it is rounding alone.
ROUNDING = 1e-9
# Share of a standardised column in another that is none.
NO_SHARE = 1e-6


def why_collinear(X: FloatArray, names: Sequence[str]) -> str:
    """Name a column that is a linear combination of others, and those; empty if there is none.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows with missing values are passed over.
    names : sequence of str
        Of the columns.
    """
    rows = np.asarray(X[:: max(1, len(X) // MAX_ROWS)])
    rows = rows[~np.isnan(rows).any(axis=1)]
    if len(rows) <= rows.shape[1]:
        return ""
    spread = rows.std(axis=0)
    if not spread.all():
        return ""
    triangle, order = qr((rows - rows.mean(axis=0)) / spread, mode="r", pivoting=True)
    sizes = np.abs(np.diagonal(triangle)) / np.sqrt(len(rows))
    rank = int((sizes > ROUNDING).sum())
    if rank == rows.shape[1]:
        return ""
    shares = solve_triangular(triangle[:rank, :rank], triangle[:rank, rank])
    others = [f"'{names[i]}'" for i in sorted(order[:rank][np.abs(shares) > NO_SHARE].tolist())]
    return f"column '{names[order[rank]]}' is a linear combination of {some(others)}"
