"""The search for the modes of a posterior: climbs from draws and from a population's particles."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from gmm_bayes.core.limits import MIN_MODE_MASS, UNVISITED_MASS
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.conversion import standardise, vectors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.peaks import Peak, find_peaks, log_mass_of_hill, spread_of
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evaluation.modes import PosteriorMode
from gmm_bayes.labels.relabelling import relabel
from gmm_em import Mixture

_CLIMBS_PER_CHAIN = 100
"""Draws of each chain that are climbed from, and particles of the population."""
_OPERATIONS = 2e9
"""Multiplications that all climbs may cost, roughly."""
_DENSITIES_PER_CLIMB = 60
_FEWEST_CLIMBS = 10
"""With fewer climbs per chain there are no modes."""


def find_modes(
    target: LogPosterior, draws: MixtureDraws, population: MixtureDraws | None, cores: int
) -> tuple[PosteriorMode, ...]:
    """Return the modes to which draws and particles lead uphill, by decreasing mass.

    Two climbs end in one mode where the data could not tell their mixtures apart: where N times the
    mean square of the log ratio of their densities over the rows is below 0.1
    (:mod:`gmm_em.fitting.maxima`), so that labels do not matter. Modes are left out where they have
    less than one part in a hundred of the draws and of a normal posterior, and where a component
    has collapsed. There are none where climbs would take too long, for a single component, and
    where components share some of volume, shape and orientation.

    Parameters
    ----------
    target : LogPosterior
    draws : MixtureDraws
        Aligned, in the data's own units.
    population : MixtureDraws or None
        Particles, in the data's own units.
    cores : int
    """
    per_chain = _affordable(target, draws, population)
    known = draws.n_components > 1 and not target.structure.decomposed
    if not known or per_chain < _FEWEST_CLIMBS:
        return ()
    standardised = vectors(target, standardise(target, draws))
    factor = spread_of(standardised.reshape(-1, standardised.shape[-1]))
    starts = [*_evenly(standardised, per_chain)]
    if population is not None:
        starts += [*_evenly(vectors(target, standardise(target, population)), per_chain)]
    origin = np.repeat(np.arange(len(starts)), [len(part) for part in starts])
    peaks = find_peaks(target, np.concatenate(starts), factor, cores)
    if not peaks:
        return ()
    counts = np.array(
        [np.bincount(origin[peak.runs], minlength=draws.n_chains + 1) for peak in peaks]
    )
    return _modes_of(peaks, counts, _shares_of_hills(target, peaks, counts[:, :-1], factor, cores))


def _shares_of_hills(
    target: LogPosterior, peaks: list[Peak], visits: IntArray, factor: FloatArray, cores: int
) -> FloatArray:
    """Return which share of the posterior lies on the hill of each peak, roughly.

    `visits` (n, C) counts the draws of each chain that lead to it. If the posterior were normal on
    each hill, its height and curvature would tell. Where a peak that no chain has visited would
    then matter, the hills are looked at more closely.
    """
    log_masses = np.array([peak.log_mass for peak in peaks])
    shares = softmax(log_masses)
    if (shares[visits.sum(axis=1) == 0] > UNVISITED_MASS).any():
        for i in np.flatnonzero(shares >= MIN_MODE_MASS):
            log_masses[i] = log_mass_of_hill(target, peaks[i], factor, cores)
        shares = softmax(log_masses)
    return np.asarray(shares)


def _affordable(target: LogPosterior, draws: MixtureDraws, population: MixtureDraws | None) -> int:
    """Return from how many draws of each chain to climb."""
    n, d = target.X.shape
    density = n * target.n_components * (4.0 + d * d) + target.space.size**2
    groups = draws.n_chains + (population is not None)
    most = int(_OPERATIONS / (density * _DENSITIES_PER_CLIMB * groups))
    return min(most, _CLIMBS_PER_CHAIN, draws.n_draws)


def _evenly(thetas: FloatArray, count: int) -> list[FloatArray]:
    """Return of each chain of vectors (C, S, P) so many, evenly spaced."""
    at = np.linspace(0, thetas.shape[1] - 1, min(count, thetas.shape[1])).round().astype(np.intp)
    return list(thetas[:, at])


def _as_draws(mixture: Mixture) -> MixtureDraws:
    """Return a mixture as a single draw."""
    return MixtureDraws(
        mixture.weights[None, None], mixture.means[None, None], mixture.covariances[None, None]
    )


def _modes_of(peaks: list[Peak], counts: IntArray, shares: FloatArray) -> tuple[PosteriorMode, ...]:
    """Return the modes of some peaks.

    `counts` (n, C + 1) tells how many draws of each chain, and last how many particles of the
    population, lead to each; `shares` (n,) is the share of its hill.
    """
    by_chain = counts[:, :-1] / np.maximum(counts[:, :-1].sum(axis=0), 1)
    masses = by_chain.mean(axis=1)
    modes = [
        PosteriorMode(
            relabel(_as_draws(peak.mixture))[0][0],
            peak.log_density,
            float(masses[i]),
            tuple(by_chain[i].tolist()),
            int(counts[i, -1]),
            float(shares[i]),
        )
        for i, peak in enumerate(peaks)
        if max(masses[i], shares[i]) >= MIN_MODE_MASS
    ]
    return tuple(sorted(modes, key=lambda mode: -mode.mass))
