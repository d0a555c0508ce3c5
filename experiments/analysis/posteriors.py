"""Posteriors of several programs beside each other, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.core.words import listed
from experiments.engines.contract import Fit
from gmm_bayes import MixtureDraws
from gmm_em.parameter_names import ParameterLayout, ParameterName

# Draws of each posterior between which distances are taken: all pairs of twice as many.
MOST_DRAWS = 200
PERMUTATIONS = 999
# Posteriors disagree where equal ones would look so different in this share of cases.
LEVEL = 0.001


@dataclass(frozen=True)
class PosteriorPair:
    """How far two posteriors are apart.

    Attributes
    ----------
    names : tuple of str
        The two engines.
    parameters : tuple of str
        The free parameters.
    z : ndarray of shape (n_parameters,)
        Differences of the posterior means, in Monte Carlo standard errors of both.
    energy_distance : float
        Between the joint distributions of all parameters in pooled standard deviations (Székely &
        Rizzo 2013, equation 6.1); may be negative, since it is estimated without bias.
    p_value : float
        Share of random divisions of the draws whose energy distance is as large.
    """

    names: tuple[str, str]
    parameters: tuple[str, ...]
    z: FloatArray
    energy_distance: float
    p_value: float

    @property
    def limit(self) -> float:
        """What the largest z of equal posteriors exceeds in a share of at most `LEVEL` (Šidák)."""
        one = 1.0 - (1.0 - LEVEL) ** (1.0 / len(self.z))
        return float(-ndtri(0.5 * one))

    @property
    def p_value_of_means(self) -> float:
        """Largest share of cases in which means of equal posteriors would differ as much."""
        one = 2.0 * ndtr(-np.abs(self.z).max())
        return float(-math.expm1(len(self.z) * math.log1p(-one)))

    @property
    def agree(self) -> bool:
        """Whether neither the means nor the draws tell the two apart."""
        return bool(np.abs(self.z).max() <= self.limit) and self.p_value > LEVEL


@dataclass(frozen=True)
class PosteriorsCompared:
    """Every two of several posteriors; as text, one sentence.

    Attributes
    ----------
    pairs : tuple of PosteriorPair
    titles : mapping of str to str
        What each engine is called.
    """

    pairs: tuple[PosteriorPair, ...]
    titles: Mapping[str, str]

    @property
    def agree(self) -> bool:
        """Whether every two agree."""
        return all(pair.agree for pair in self.pairs)

    def __str__(self) -> str:
        """Return whether the posteriors agree, in one sentence."""
        worst = max(self.pairs, key=lambda pair: (not pair.agree, np.abs(pair.z).max()))
        largest = float(np.abs(worst.z).max())
        if worst.agree:
            return (
                f"{listed(list(self.titles.values()))} agree on all {len(worst.z)} parameters to "
                f"within {largest:.1f} Monte Carlo errors."
            )
        parameter = worst.parameters[int(np.abs(worst.z).argmax())]
        return (
            f"{listed([self.titles[name] for name in worst.names])} do not draw the same "
            f"posterior: {parameter} differs by {largest:.1f} Monte Carlo errors, and the draws "
            f"have an energy distance of {worst.energy_distance:.2g} (p = {worst.p_value:.2g})."
        )


def compare_posteriors(
    fits: Mapping[str, Fit], covariance_type: str = "full", seed: int = 0
) -> PosteriorsCompared:
    """Compare every two posteriors among fits of the same data, with components in one order.

    Parameters
    ----------
    fits : mapping of str to Fit
        `Comparison.fits`, for example. Those without draws are left out.
    covariance_type : str, default "full"
        Which parameters are free.
    seed : int, default 0
        Of the draws and permutations for the energy distance.

    Returns
    -------
    PosteriorsCompared

    Raises
    ------
    UsageError
        If fewer than two of them have draws.
    """
    drawn = {name: fit.draws for name, fit in fits.items() if fit.draws is not None}
    if len(drawn) < 2:
        raise UsageError(
            f"{len(drawn)} of {len(fits)} fits have posterior draws, allowed is 2 or more"
        )
    pairs = tuple(
        _pair((one, other), drawn[one], drawn[other], covariance_type, seed)
        for one, other in combinations(drawn, 2)
    )
    return PosteriorsCompared(pairs, {name: fits[name].title or name for name in drawn})


def _pair(
    names: tuple[str, str],
    one: MixtureDraws,
    other: MixtureDraws,
    covariance_type: str,
    seed: int,
) -> PosteriorPair:
    layout = ParameterLayout(one.n_components, one.n_features, covariance_type)
    # The last weight is what the others leave.
    last = ParameterName("weight", one.n_components - 1)
    free = [name for name in layout.names if name != last]
    both = [np.stack([name.value(draws) for name in free], axis=-1) for draws in (one, other)]
    spread = np.sqrt(np.mean([values.var(axis=(0, 1)) for values in both], axis=0))
    scaled = [values / spread for values in both]
    errors = [_errors(values) for values in scaled]
    means = [values.mean(axis=(0, 1)) for values in scaled]
    z = (means[1] - means[0]) / np.hypot(*errors)
    rng = np.random.default_rng(stream(seed, f"energy distance {names[0]} {names[1]}"))
    distance, p_value = _energy_test(
        [_independent(*each) for each in zip(scaled, errors, strict=True)], rng
    )
    return PosteriorPair(names, tuple(map(str, free)), z, distance, p_value)


def _errors(values: FloatArray) -> FloatArray:
    """Return the Monte Carlo standard error of every mean; `values` are (C, S, n_parameters)."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    series = np.moveaxis(values, -1, 0)
    return np.array([array_stats.mcse(s, method="mean", chain_axis=0, draw_axis=1) for s in series])


def _independent(values: FloatArray, errors: FloatArray) -> FloatArray:
    """Return draws so far apart that they are nearly independent, at most `MOST_DRAWS`.

    As many are kept as the parameter with the largest error has effective draws.
    """
    flat = values.reshape(-1, values.shape[-1])
    effective = float((flat.var(axis=0) / errors**2).min())
    n_kept = int(min(MOST_DRAWS, len(flat), max(2.0, effective)))
    return np.asarray(flat[np.linspace(0, len(flat) - 1, n_kept).astype(int)])


def _energy_test(samples: list[FloatArray], rng: np.random.Generator) -> tuple[float, float]:
    """Return the energy distance and its permutation p-value (Székely & Rizzo 2013, section 6)."""
    pooled = np.concatenate(samples)
    distances = cdist(pooled, pooled)
    n = len(samples[0])
    first = np.zeros((PERMUTATIONS + 1, len(pooled)))
    first[0, :n] = 1.0
    for row in first[1:]:
        row[rng.permutation(len(pooled))[:n]] = 1.0
    found = _energies(distances, first)
    # A permutation of a statistic that equals it but for rounding counts as equal.
    as_large = found[1:] >= found[0] - 1e-12 * abs(found[0])
    return float(found[0]), float((1 + as_large.sum()) / (PERMUTATIONS + 1))


def _energies(distances: FloatArray, first: FloatArray) -> FloatArray:
    """Return the unbiased energy distances (B,) for indicators `first` (B, N) of one sample."""
    second = 1.0 - first
    n, m = first[0].sum(), second[0].sum()
    of_first = first @ distances
    within = np.einsum("bi,bi->b", of_first, first) / (n * (n - 1.0))
    between = np.einsum("bi,bi->b", of_first, second) / (n * m)
    others = np.einsum("bi,bi->b", second @ distances, second) / (m * (m - 1.0))
    return np.asarray(2.0 * between - within - others)
