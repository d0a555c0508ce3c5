"""Whether two samples come from one distribution: the energy distance and its permutation test."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from experiments.core.types import FloatArray

# Random divisions of the pooled sample at most, and as many as are made at a time.
PERMUTATIONS = 19_999
AT_A_TIME = 1_000
# No more are made once so many have a distance as large: the p-value is then above 0.001.
ENOUGH = 25


def energy_test(
    first: FloatArray, second: FloatArray, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the energy distance of two samples, and the p-value of its permutation test.

    The statistic is that of Székely & Rizzo (2013, *Journal of Statistical Planning and Inference*
    143, 1249-1272, equation 6.1) without bias, so that it may be negative. Random divisions are
    made until `ENOUGH` of them have a distance as large (Besag & Clifford 1991, *Biometrika* 78,
    301-304), or there are `PERMUTATIONS`. Only the latter gives p-values below 0.001, and these are
    exact.

    Parameters
    ----------
    first : ndarray of shape (n, p)
    second : ndarray of shape (m, p)
        Independent rows.
    rng : numpy.random.Generator
        Of the divisions.

    Returns
    -------
    distance, p_value : float
    """
    pooled = np.concatenate([first, second])
    distances = cdist(pooled, pooled)
    n = len(first)
    found = float(
        energies(distances, _indicators(np.arange(len(pooled))[None, :n], len(pooled)))[0]
    )
    # A division whose distance equals that of the samples but for rounding counts as equal.
    least = found - 1e-12 * abs(found)
    as_large = made = 0
    while made < PERMUTATIONS and as_large < ENOUGH:
        size = min(AT_A_TIME, PERMUTATIONS - made)
        order = rng.random((size, len(pooled))).argpartition(n - 1, axis=1)[:, :n]
        as_large += int((energies(distances, _indicators(order, len(pooled))) >= least).sum())
        made += size
    return found, (1 + as_large) / (1 + made)


def energies(distances: FloatArray, first: FloatArray) -> FloatArray:
    """Return the unbiased energy distances (B,) of divisions of a sample into two.

    Parameters
    ----------
    distances : ndarray of shape (N, N)
        Between all points.
    first : ndarray of shape (B, N)
        1 for points of the first part, 0 for those of the second.
    """
    n = first[0].sum()
    m = len(distances) - n
    of_first = first @ distances
    within = np.einsum("bi,bi->b", of_first, first)
    between = of_first.sum(axis=1) - within
    others = distances.sum() - 2.0 * between - within
    return np.asarray(2.0 * between / (n * m) - within / (n * (n - 1.0)) - others / (m * (m - 1.0)))


def _indicators(chosen: np.ndarray[tuple[int, ...], np.dtype[np.intp]], size: int) -> FloatArray:
    """Return rows of `size` numbers that are 1 at the chosen places (B, n)."""
    found = np.zeros((len(chosen), size))
    np.put_along_axis(found, chosen, 1.0, axis=1)
    return found
