"""What the posterior says about EM's optimum, and EM about the posterior.

A posterior draw is a mixture like any other, so none may have a higher likelihood than the global
maximum. A draw above EM's likelihood proves that EM ended in a local optimum. Draws stay about
p / 2 below the top of their own mode, so most local optima are not given away by a draw itself but
by where EM leads from it: EM is restarted from the best draw and from a spread of others, and a
better optimum reached from any of them proves the same. Where the chains are caught as EM is, their
draws lead nowhere else; so EM is also restarted from starts of the certificate's own, which depend
neither on the posterior nor on EM's seed (`restarts`). Nothing better proves nothing, but is what a
global optimum looks like. A maximum that is as high as EM's, and another mixture, is counted.

There is one exception. The likelihood of a mixture is unbounded where a component shrinks onto a
point or onto values that repeat (Day 1969), so a draw that has collapsed there exceeds every
sensible optimum. It says nothing against EM, but that prior and data leave the posterior without
hold; such draws are counted apart, and restarts that end there are not optima.

The other way round, EM may sit in a mode that no chain visited: then every draw's likelihood falls
short by more than a posterior around EM's optimum allows, and the posterior is incomplete. That is
so only if EM, restarted from draws, does not come to its own optimum, for then the posterior is on
EM's hill, and the prior holds it off the top; and if the hill of EM's optimum has a mass that
counts beside the chains' (`hills`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtri

from experiments.analysis.agreement import JointDistance
from experiments.analysis.hills import log_mass
from experiments.analysis.restarts import are_one, runs_from, runs_of_its_own
from experiments.core.types import FloatArray
from experiments.values.base import ParameterValues
from experiments.values.certificate import Certificate, OptimumValues
from gmm_em import Mixture, Run
from gmm_em.covariance.collapse import collapsed
from gmm_em.e_step import observed
from gmm_em.fitting.result import distinct_optima

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws


# EM is restarted from the best draw and from this many others.
N_RESTARTS = 15
# The posterior misses EM's mode where its best draw is beyond the median of the deviance's limit
# and EM beyond all but this share of a normal posterior.
UNVISITED = 1e-3
# What is higher by more than this, in log-likelihood, is no matter of where EM stopped.
LITTLE = 1.0
# A mode matters where it holds this share of the mass of the chains' mode, or more.
LEAST_MASS = 0.05


def tolerance_for(n_samples: int) -> float:
    """How far apart two log-likelihoods must be to be different optima.

    EM stops within about 1e-8 per row of its limit; draws lie many thousand times farther below.
    """
    return max(1e-3, 1e-7 * n_samples)


def certify(  # noqa: PLR0913 - everything that the two fits are compared by
    em: Mixture,
    X: FloatArray,
    draws: MixtureDraws,
    log_likelihoods: FloatArray,
    n_parameters: int,
    joint: JointDistance | None,
    *,
    covariance_type: str = "full",
    seed: np.random.SeedSequence | None = None,
    modes: Sequence[Mixture] = (),
) -> Certificate:
    """Compare EM's log-likelihood with those of posterior draws, and with where EM leads from them.

    Parameters
    ----------
    em : Mixture
        EM's estimate.
    X : ndarray of shape (n_samples, n_features)
        The rows that both were fitted to, NaN where a value is missing.
    draws : MixtureDraws
        The posterior, C chains of S draws.
    log_likelihoods : ndarray of shape (C, S)
        Of the rows at each draw.
    n_parameters : int
        Number of free parameters p. Where the posterior is normal, the deviance
        ``2 (em - draw)`` is chi-square with p degrees of freedom (van der Vaart 1998,
        *Asymptotic Statistics*, theorem 10.1 with 5.39).
    joint : JointDistance or None
        EM's distance from the posterior mean.
    covariance_type : str
        What the covariances of both leave free.
    seed : numpy.random.SeedSequence, optional
        Of the starts of the certificate's own; without one there are none.
    modes : sequence of Mixture
        What else EM is restarted from: modes that a population from the prior has found.
    """
    top = observed.log_likelihood(em, X)
    tolerance = tolerance_for(len(X))
    spread = np.sqrt(np.diagonal(em.covariance))
    lost = collapsed(draws.covariances, spread).any(axis=-1)
    sound = np.flatnonzero(~lost)
    values = log_likelihoods.ravel()[sound]
    chosen = _spread(sound, values, N_RESTARTS) if sound.size else []
    from_draws = runs_from(X, [draws[index] for index in chosen], covariance_type)
    others = runs_from(X, modes, covariance_type)
    if seed is not None:
        others += runs_of_its_own(X, em, covariance_type, seed)
    optima = _optima([*from_draws, *others], len(X), tolerance)
    found = Certificate(
        em=top,
        n_draws=lost.size,
        n_collapsed=int(lost.sum()),
        tolerance=tolerance,
        n_restarts=len(chosen),
        n_other_restarts=len(others),
        optima=optima,
        n_equal=_n_equal(em, top, optima, tolerance),
        n_parameters=n_parameters,
    )
    heights = [*values.tolist(), *(optimum.log_likelihood for optimum in optima)]
    better = max(0.0, *(height - top for height in heights)) if heights else 0.0
    short = better > tolerance and _is_short_of_its_top(em, X, covariance_type, better, tolerance)
    gain = {"stopped_short" if short else "better_by": better if better > tolerance else 0.0}
    found = found.model_copy(update=gain)
    if not sound.size:
        return found
    deviance = 2 * (top - values)
    # Where EM is caught the chains are set against the best that was found from anywhere.
    best = em if not found.better_by or not optima else Mixture(**optima[0].mixture.model_dump())
    shortfall = 2 * (observed.log_likelihood(best, X) - float(values.max()))
    improbable = best is not em or (joint is not None and joint.tail_probability < UNVISITED)
    far = improbable and shortfall > float(chdtri(n_parameters, 0.5))
    same = any(are_one(best, run.mixture) for run in from_draws)
    ratio = None
    # Beside EM's own hill the prior explains why draws stay below its top; beside another it does
    # not, although EM may lead from some of them to there.
    if far and not (same and best is em):
        ratio = _log_mass_ratio(X, best, from_draws, covariance_type, n_parameters)
    return found.model_copy(
        update={
            "best_draw": float(values.max()),
            "margin": float(top - values.max()),
            "n_draws_above": int((values > top + tolerance).sum()),
            "deviance_mean": float(deviance.mean()),
            "deviance_distance": _distance(deviance, n_parameters),
            "same_hill": same,
            "pulled": far and same and best is em,
            "shortfall": shortfall / 2,
            "log_mass_ratio": ratio,
            "em_mode_unvisited": ratio is not None and ratio > math.log(LEAST_MASS),
        }
    )


def _is_short_of_its_top(
    em: Mixture, X: FloatArray, covariance_type: str, better: float, tolerance: float
) -> bool:
    """Say whether EM, going on from its estimate, gets as high as what is better by a little."""
    if better > LITTLE:
        return False
    top = observed.log_likelihood(em, X)
    ends = [run.log_likelihood for run in runs_from(X, [em], covariance_type)]
    return max(ends, default=top) >= top + better - tolerance


def _n_equal(em: Mixture, top: float, optima: list[OptimumValues], tolerance: float) -> int:
    """Count maxima as high as EM's that are other mixtures."""
    high = [optimum for optimum in optima if abs(optimum.log_likelihood - top) <= tolerance]
    return sum(not are_one(em, Mixture(**optimum.mixture.model_dump())) for optimum in high)


def _log_mass_ratio(
    X: FloatArray, best: Mixture, from_draws: list[Run], covariance_type: str, n_parameters: int
) -> float | None:
    """Compare the mass around the best optimum with that around the best that draws lead to."""
    if not from_draws:
        return None
    other = max(from_draws, key=lambda run: run.objective).mixture
    ours, theirs = (
        log_mass(X, mixture, covariance_type, n_parameters) for mixture in (best, other)
    )
    if ours is None:
        return None
    if theirs is None:
        # The optimum below the chains is no hill; what is left to compare is the height.
        return observed.log_likelihood(best, X) - observed.log_likelihood(other, X)
    return ours - theirs


def _distance(deviance: FloatArray, n_parameters: int) -> float:
    """Return the Kolmogorov-Smirnov distance of deviances from their chi-square limit."""
    cdf = chdtr(n_parameters, np.maximum(np.sort(deviance), 0.0))
    steps = np.linspace(0.0, 1.0, len(cdf) + 1)
    return float(max((steps[1:] - cdf).max(), (cdf - steps[:-1]).max()))


def _spread(sound: NDArray[np.intp], values: FloatArray, count: int) -> list[int]:
    """Choose the best of some draws and others evenly through the chains."""
    even = np.linspace(0, sound.size - 1, min(count, sound.size)).astype(int)
    return list(dict.fromkeys([int(sound[values.argmax()]), *(int(sound[i]) for i in even)]))


def _optima(runs: list[Run], n_samples: int, tolerance: float) -> list[OptimumValues]:
    """Return the distinct optima that runs reached, best first."""
    return [
        OptimumValues(
            log_likelihood=optimum.objective,
            n_reached=optimum.n_runs,
            mixture=ParameterValues.of(runs[optimum.runs[0]].mixture),
        )
        for optimum in distinct_optima(tuple(runs), n_samples, tolerance)
    ]
