"""The log marginal likelihood of the data, from draws: bridge sampling."""

from __future__ import annotations

import math

import numpy as np
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.conversion import standardise, vectors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.many import BatchDensity, density_of
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evidence import Evidence
from gmm_bayes.labels.one_labelling import OneLabelling
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.priors.base import Prior
from gmm_bayes.space.structures import Decomposed, get_structure

_MAX_ROUNDS = 1000
"""Most steps of the fixed-point iteration."""
_TOLERANCE = 1e-8
"""Change of the log evidence at which the iteration ends."""
_MAX_ROW_DENSITIES = 40_000_000
"""Densities of a row under a component that are computed at most, unless draws are few."""
_MIN_DRAWS = 400
"""Draws that are used however many rows there are."""


def bridge_evidence(
    target: LogPosterior, draws: MixtureDraws, rng: np.random.Generator, cores: int = 1
) -> Evidence:
    """Return the log marginal likelihood by bridge sampling from posterior draws.

    This is the bridge of Meng & Wong (1996) with their optimal function. It leads from the
    posterior on one labelling (:mod:`gmm_bayes.labels.one_labelling`) to a normal distribution with
    the draws' mean and covariance. Skewness is removed by averaging the density with its mirror
    image (the Warp-III transformation of Meng & Schilling 2002; Gronau et al. 2017, section 4). One
    half of each chain gives the normal distribution and the other half the estimate; then the
    halves change places. Modes that the draws did not visit do not count.

    Parameters
    ----------
    target : LogPosterior
        The posterior that was drawn from.
    draws : MixtureDraws
        In the data's own units, with any labels. Where there are many rows, evenly spaced draws
        stand for all.
    rng : numpy.random.Generator
    cores : int, default 1
        Threads; never changes the result.

    Returns
    -------
    Evidence
        Its standard error (Frühwirth-Schnatter 2004, equation 14, with autocorrelation counted) is
        never less than half the difference between the two halves.

    Raises
    ------
    ValueError
        If there are too few draws to estimate a covariance from a half of them.

    References
    ----------
    Frühwirth-Schnatter (2004), Econometrics Journal 7, 143-167.
    Gronau et al. (2017), J. Mathematical Psychology 81, 80-97.
    Meng & Schilling (2002), J. Comp. Graph. Statist. 11, 552-586.
    Meng & Wong (1996), Statistica Sinica 6, 831-860.
    """
    standardised = standardise(target, _thinned(draws, target))
    aligned, _ = relabel(standardised)
    labelling = OneLabelling(target, aligned.mean())
    # Aligning to the average again matters: the average moves a little in the last round.
    thetas = vectors(target, relabel(aligned, labelling.reference)[0])
    half = thetas.shape[1] // 2
    needed = 2 * (thetas.shape[-1] + 2)
    if thetas.shape[0] * half < needed:
        raise ValueError(
            f"a log marginal likelihood of {thetas.shape[-1]} parameters needs at least "
            f"{2 * needed} draws, but there are {len(draws)}"
        )
    with density_of(target, cores) as density:
        both = [
            _Bridge(density, labelling, one, rng).cross(other)
            for one, other in (
                (thetas[:, :half], thetas[:, half : 2 * half]),
                (thetas[:, half : 2 * half], thetas[:, :half]),
            )
        ]
    apart = 0.5 * abs(both[0].value - both[1].value)
    error = 0.5 * math.hypot(both[0].standard_error, both[1].standard_error)
    return Evidence(0.5 * (both[0].value + both[1].value), max(error, apart))


def marginal_likelihood_of(
    X: FloatArray,
    prior: Prior,
    covariance_type: str,
    draws: MixtureDraws,
    rng: np.random.Generator,
    cores: int = 1,
) -> Evidence:
    """Return :func:`bridge_evidence` of draws from the posterior of a model.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior or NIWPrior
    covariance_type : str
    draws : MixtureDraws
        In the data's own units.
    rng : numpy.random.Generator
    cores : int, default 1
        Threads; never changes the result.

    Raises
    ------
    ValueError
        If there are too few draws, or axes of the covariances have no coordinates of their own.
    """
    structure = get_structure(covariance_type)
    if isinstance(structure, Decomposed) and structure.turned:
        raise ValueError(
            f"covariance_type is {covariance_type!r}, whose draws have several vectors each, so "
            "that bridge sampling does not apply; sampler 'smc' gives a marginal likelihood"
        )
    target = LogPosterior(X, draws.n_components, prior, structure)
    return bridge_evidence(target, draws, rng, cores)


def _thinned(draws: MixtureDraws, target: LogPosterior) -> MixtureDraws:
    """Return evenly spaced draws, as many as the time for their densities allows."""
    # Each draw costs its density, that of a proposal, and both mirror images.
    most = max(_MIN_DRAWS, _MAX_ROW_DENSITIES // (4 * target.X.shape[0] * target.n_components))
    per_chain = max(4, most // draws.n_chains)
    return draws.thin(per_chain)[0]


class _Bridge:
    """A bridge between a normal distribution, made from some draws, and the posterior."""

    def __init__(
        self,
        density: BatchDensity,
        labelling: OneLabelling,
        made_from: FloatArray,
        rng: np.random.Generator,
    ) -> None:
        flat = made_from.reshape(-1, made_from.shape[-1])
        self._density = density
        self._labelling = labelling
        self._rng = rng
        self._centre = flat.mean(axis=0)
        covariance = np.atleast_2d(np.cov(flat, rowvar=False))
        # The weight of K = 1 has no entry in the vector, so nothing here is constant; the ridge
        # only keeps rounding from making the matrix indefinite.
        ridge = 1e-10 * np.trace(covariance) / len(covariance)
        self._factor = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))

    def cross(self, thetas: FloatArray) -> Evidence:
        """Return the evidence that draws (C, S, size) from the posterior give."""
        shape = thetas.shape[:2]
        flat = thetas.reshape(-1, thetas.shape[-1])
        noise = self._rng.standard_normal(flat.shape)
        of_draws = self._log_ratio(flat).reshape(shape)
        of_proposals = self._log_ratio(self._centre + noise @ self._factor.T)
        effective = _effective(array_stats.ess(of_draws, method="mean"), of_draws.size)
        log_r = _iterate(of_draws.ravel(), of_proposals, effective)
        share = effective / (effective + of_proposals.size)
        # Both terms of the bridge, with the densities normalised by the estimate.
        upper = np.exp(_log_bridge(of_proposals - log_r, share))
        lower = np.exp(_log_bridge(of_draws - log_r, share) - (of_draws - log_r))
        lower_ess = _effective(array_stats.ess(lower, method="mean"), lower.size)
        variance = upper.var() / upper.mean() ** 2 / upper.size
        variance += lower.var() / lower.mean() ** 2 / lower_ess
        return Evidence(log_r, math.sqrt(variance))

    def _log_ratio(self, thetas: FloatArray) -> FloatArray:
        """Return the log of posterior, made symmetric, over normal density (n,), unnormalised."""
        mirrored = 2.0 * self._centre - thetas
        sides = [
            self._labelling.restrict(self._density.posterior(side)[0], side)
            for side in (thetas, mirrored)
        ]
        white = np.linalg.solve(self._factor, (thetas - self._centre).T)
        log_normal = (
            -0.5 * (white**2).sum(axis=0)
            - np.log(np.diagonal(self._factor)).sum()
            - 0.5 * len(self._factor) * math.log(2.0 * math.pi)
        )
        return np.asarray(np.logaddexp(*sides) - math.log(2.0) - log_normal)


def _iterate(of_draws: FloatArray, of_proposals: FloatArray, effective: float) -> float:
    """Return the fixed point of Meng & Wong's (1996) equation 4.1, in logarithms."""
    n = of_proposals.size
    log_share, log_rest = math.log(effective / (effective + n)), math.log(n / (effective + n))
    log_r = float(np.median(of_draws))
    for _ in range(_MAX_ROUNDS):
        upper = of_proposals - np.logaddexp(log_share + of_proposals, log_rest + log_r)
        lower = -np.logaddexp(log_share + of_draws, log_rest + log_r)
        previous = log_r
        log_r = float(logsumexp(upper) - math.log(n) - logsumexp(lower) + math.log(of_draws.size))
        if abs(log_r - previous) < _TOLERANCE:
            break
    return log_r


def _log_bridge(log_ratio: FloatArray, share: float) -> FloatArray:
    """Return the log of ``x / (share x + 1 - share)`` for x = exp(log_ratio), whatever its size."""
    return np.asarray(log_ratio - np.logaddexp(math.log(share) + log_ratio, math.log1p(-share)))


def _effective(ess: float, n: int) -> float:
    """Return a usable effective number of draws: at least 1, at most as many as there are."""
    value = float(ess)
    return min(max(value, 1.0), float(n)) if math.isfinite(value) else 1.0
