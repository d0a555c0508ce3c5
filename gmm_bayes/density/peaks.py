"""The distinct local maxima of the posterior density that climbs from many points reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.climb import climb_all
from gmm_bayes.density.conversion import own_draws
from gmm_bayes.density.laplace import LaplaceApproximation, laplace_near
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_em import Mixture
from gmm_em.covariance.collapse import collapsed
from gmm_em.fitting.maxima import Atlas

_MOST_ROWS = 500
"""Rows on which two maxima are told apart at most."""


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
    n = len(target.X)
    rows = target.X[np.unique(np.linspace(0, n - 1, _MOST_ROWS).round().astype(np.intp))]
    profiles = mixtures.log_prob(rows)[0]
    atlas = Atlas(float(n))
    sound = ~collapsed(mixtures.covariances[0], target.X.std(axis=0)).any(axis=-1)
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


def spread_of(thetas: FloatArray) -> FloatArray:
    """Return the Cholesky factor of the covariance of vectors (n, P), shrunk to its diagonal.

    The diagonal counts as if as many vectors as there are parameters had it.
    """
    n, p = thetas.shape
    covariance = np.atleast_2d(np.cov(thetas, rowvar=False))
    share = n / (n + p)
    covariance = share * covariance + (1.0 - share) * np.diag(np.diag(covariance))
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(p))
