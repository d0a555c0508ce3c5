"""The distinct local maxima of the posterior density that climbs from many points reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from gmm_bayes.core.missing import spread
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.climb import climb_all
from gmm_bayes.density.conversion import own_draws
from gmm_bayes.density.laplace import LaplaceApproximation, laplace_near
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.draws import MixtureDraws
from gmm_em import Mixture
from gmm_em.covariance.collapse import collapsed
from gmm_em.fitting.maxima import Atlas

_MOST_ROWS = 500
"""Rows on which two maxima are told apart at most."""
_POINTS = 64
"""Points of a peak's normal distribution from which the mass of its hill is estimated."""


@dataclass(frozen=True)
class Peak:
    """A local maximum of the posterior density.

    Parameters
    ----------
    mixture : gmm_em.Mixture
        In the data's own units.
    log_density : float
        On unconstrained space.
    normal : LaplaceApproximation
        The normal distribution there.
    runs : ndarray of int
        The climbs that ended there.
    """

    mixture: Mixture
    log_density: float
    normal: LaplaceApproximation
    runs: IntArray

    @property
    def log_mass(self) -> float:
        """The log mass of that normal distribution, but for a constant."""
        return self.log_density + float(np.log(np.diag(self.normal.factor)).sum())


def find_peaks(
    target: LogPosterior, starts: FloatArray, factor: FloatArray, cores: int
) -> list[Peak]:
    """Return the distinct maxima that climbs from `starts` (n, P) reach, the highest first.

    Two climbs end in one maximum where the data could not tell their mixtures apart: where N times
    the mean square of the log ratio of their densities over the rows is below 0.1
    (:mod:`gmm_em.fitting.maxima`). So labels do not matter. Ends where a component has collapsed
    are no maxima and are left out.

    Parameters
    ----------
    target : LogPosterior
    starts : ndarray of shape (n, P)
        On the support.
    factor : ndarray of shape (P, P)
        As for :func:`gmm_bayes.density.climb.climb_all`.
    cores : int
    """
    ends, values = climb_all(target, starts, factor, cores)
    mixtures = own_draws(target, ends[None])
    profiles = _profiles(target, mixtures)
    atlas = Atlas(float(len(target.X)))
    sound = ~collapsed(mixtures.covariances[0], spread(target.X)).any(axis=-1)
    order = np.argsort(-values, kind="stable")
    for run in order[sound[order]]:
        atlas.add(int(run), float(values[run]), profiles[run], "")
    return [
        Peak(
            mixtures[maximum.run],
            maximum.objective,
            laplace_near(target, ends[maximum.run]),
            np.array(maximum.hits),
        )
        for maximum in atlas.maxima
    ]


def log_mass_of_hill(target: LogPosterior, peak: Peak, factor: FloatArray, cores: int) -> float:
    """Return the log mass of the hill of a peak, on the scale of :attr:`Peak.log_mass`.

    The mass of a normal distribution is wrong where a shallow maximum lies on a ridge between
    others: most of that distribution is on their hills. Here 64 of its points, of Sobol's sequence,
    are weighted by the ratio of the posterior's density to that of the normal distribution, and
    those from which the density leads uphill to another peak have the weight 0. It is a rough
    estimate.

    Parameters
    ----------
    target : LogPosterior
    peak : Peak
    factor : ndarray of shape (P, P)
        As for :func:`gmm_bayes.density.climb.climb_all`.
    cores : int

    Returns
    -------
    float
        -inf where every point lies on another hill.
    """
    sequence = qmc.Sobol(len(factor), scramble=False)
    sequence.fast_forward(1)  # the first point is the corner, where a normal is infinite
    points = ndtri(sequence.random(_POINTS))
    starts = peak.normal.mean + points @ peak.normal.factor.T
    ends, values = climb_all(target, starts, factor, cores)
    atlas = Atlas(float(len(target.X)))
    own = own_draws(target, peak.normal.mean[None, None])
    atlas.add(-1, peak.log_density, _profiles(target, own)[0], "")
    profiles = _profiles(target, own_draws(target, ends[None]))
    ratios = [
        target(start)[0] + 0.5 * float(point @ point) - peak.log_density
        for start, point, end, profile in zip(starts, points, values, profiles, strict=True)
        if atlas.find(float(end), profile) is not None
    ]
    return peak.log_mass + float(logsumexp(ratios)) - np.log(_POINTS) if ratios else -np.inf


def _profiles(target: LogPosterior, mixtures: MixtureDraws) -> FloatArray:
    """Return log densities (n, M) of some of the rows under mixtures (1, n)."""
    n = len(target.X)
    rows = target.X[np.unique(np.linspace(0, n - 1, _MOST_ROWS).round().astype(np.intp))]
    return np.asarray(mixtures.log_prob(rows, "mar")[0])


def spread_of(thetas: FloatArray) -> FloatArray:
    """Return the Cholesky factor of the covariance of vectors (n, P), shrunk to its diagonal.

    The diagonal counts as if as many vectors as there are parameters had it.
    """
    n, p = thetas.shape
    covariance = np.atleast_2d(np.cov(thetas, rowvar=False))
    share = n / (n + p)
    covariance = share * covariance + (1.0 - share) * np.diag(np.diag(covariance))
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(p))
