"""Posterior predictive checks: each feature of the data beside replicated data sets.

A replicated data set is drawn from the mixture of one posterior draw (Gelman, Carlin, Stern,
Dunson, Vehtari & Rubin 2013, *Bayesian Data Analysis*, section 6.3). It lacks the values that the
data lack, and is rounded to as many decimals as they have: data that repeat a few values would
differ from every replicated data set otherwise. Features are looked at one at a time, so that only
their marginal distributions are drawn from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from experiments.core.types import FloatArray, IntArray
from experiments.values.illustration import FeatureCheck

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws

# Replicated data sets, those of them that are drawn, and places at which they are evaluated.
REPLICATES = 200
SHOWN = 16
PLACES = 64
# Features that are kept: those that the replicated data sets resemble least.
MAX_FEATURES = 8
# Rows of a replicated data set, and values of all of them together.
MAX_ROWS = 2000
MAX_VALUES = 16_000_000
# A density of fewer values says nothing.
MIN_VALUES = 5
# Values with more decimals than these are not rounded.
MAX_DECIMALS = 6
# Share of the replicated data sets that stay within the band.
WITHIN = 0.95


def check_features(
    draws: MixtureDraws, X: FloatArray, seed: np.random.SeedSequence
) -> list[FeatureCheck]:
    """Set features of the data beside those of data sets that the posterior replicates.

    Parameters
    ----------
    draws : MixtureDraws
    X : ndarray of shape (N, D)
        NaN where a value is missing. Of many rows some that are evenly spaced are looked at.
    seed : SeedSequence

    Returns
    -------
    list of FeatureCheck
        First those that the replicated data sets resemble least, at most `MAX_FEATURES`.
    """
    most = max(MIN_VALUES, min(MAX_ROWS, MAX_VALUES // (REPLICATES * X.shape[1])))
    rows = X[:: -(-len(X) // most)]
    rng = np.random.default_rng(seed)
    components = _components(draws, len(rows), rng)
    found = []
    for feature, values in enumerate(rows.T):
        known = ~np.isnan(values)
        # Noise is drawn for a feature that is not looked at, too: others do not depend on it.
        noise = rng.standard_normal(components.shape)
        if known.sum() < MIN_VALUES or np.ptp(values[known]) == 0:
            continue
        replicated = _replicated(draws, feature, components, noise)[:, known]
        replicated = _rounded_as(values[known], replicated)
        found.append(_check(feature, len(rows), values[known], replicated))
    return sorted(found, key=_likeness)[:MAX_FEATURES]


def _likeness(check: FeatureCheck) -> float:
    """Return the band's width in distances of the data: small where they lie far outside of it."""
    return check.band / check.farthest if check.farthest > 0.0 else math.inf


def _places(draws: MixtureDraws) -> tuple[IntArray, IntArray]:
    """Return the chain and the draw of each replicated data set, evenly spaced."""
    each = np.linspace(0, len(draws) - 1, REPLICATES).astype(np.int64)
    return np.divmod(each, draws.n_draws)


def _components(draws: MixtureDraws, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Draw the component of each row of each replicated data set, shape (R, n_rows)."""
    ends = np.cumsum(draws.weights[_places(draws)], axis=1)
    uniform = rng.random((REPLICATES, n_rows))
    return np.asarray((uniform[:, :, None] > ends[:, None, :-1]).sum(axis=2))


def _replicated(
    draws: MixtureDraws, feature: int, components: IntArray, noise: FloatArray
) -> FloatArray:
    """Return one feature of the replicated data sets, shape (R, n_rows)."""
    chain, draw = _places(draws)
    means = draws.means[chain, draw, :, feature]
    deviations = np.sqrt(draws.covariances[chain, draw, :, feature, feature])
    own = [np.take_along_axis(part, components, axis=1) for part in (means, deviations)]
    return np.asarray(own[0] + own[1] * noise)


def _rounded_as(values: FloatArray, replicated: FloatArray) -> FloatArray:
    """Round replicated values to as many decimals as those of the data have."""
    for decimals in range(MAX_DECIMALS + 1):
        if np.array_equal(np.round(values, decimals), values):
            return np.asarray(np.round(replicated, decimals))
    return replicated


def _check(feature: int, n_rows: int, values: FloatArray, replicated: FloatArray) -> FeatureCheck:
    """Evaluate the data and the replicated data sets, shape (R, n), of one feature."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    low, high = np.quantile(values, [0.005, 0.995])
    # Values that are nearly all alike have no distance between their quantiles.
    room = 0.25 * (high - low) or 0.25 * np.ptp(values)
    grid = np.linspace(low - room, high + room, PLACES)
    bandwidth = float(array_stats.kde(values)[2])
    shares = _shares(replicated, grid)
    excess = _shares(values[None], grid)[0] - shares.mean(axis=0)
    # Of a replicated data set the mean is taken of the others, as that of the data is.
    theirs = (shares - shares.mean(axis=0)) * REPLICATES / (REPLICATES - 1)
    distances, farthest = np.abs(theirs).max(axis=1), float(np.abs(excess).max())
    shown = np.linspace(0, REPLICATES - 1, SHOWN).astype(int)
    return FeatureCheck(
        feature=feature,
        n_rows=n_rows,
        n_values=len(values),
        grid=grid.tolist(),
        density=_digits(_density(values, grid, bandwidth)),
        replicated_densities=[_digits(_density(replicated[i], grid, bandwidth)) for i in shown],
        excess=np.round(excess, 4).tolist(),
        replicated_excess=np.round(theirs[shown], 4).tolist(),
        farthest=farthest,
        band=float(np.quantile(distances, WITHIN)),
        n_farther=int((distances >= farthest).sum()),
        n_replicates=REPLICATES,
    )


def _shares(samples: FloatArray, grid: FloatArray) -> FloatArray:
    """Return the share of each sample up to each place, from (R, n) to (R, len(grid))."""
    width = len(grid) + 1
    cells = np.searchsorted(grid, samples) + width * np.arange(len(samples))[:, None]
    counts = np.bincount(cells.ravel(), minlength=width * len(samples)).reshape(-1, width)
    return np.asarray(np.cumsum(counts, axis=1)[:, :-1] / samples.shape[1])


def _density(values: FloatArray, grid: FloatArray, bandwidth: float) -> FloatArray:
    """Return the mean of normal densities around the values, at each place."""
    distances = (grid[:, None] - values) / bandwidth
    return np.asarray(np.exp(-0.5 * distances**2).mean(axis=1) / (bandwidth * np.sqrt(2 * np.pi)))


def _digits(values: FloatArray) -> list[float]:
    """Write numbers with four digits of the largest: they are only looked at."""
    size = np.abs(values).max() or 1.0
    return [float(v) for v in np.round(values, 3 - int(np.floor(np.log10(size))))]
