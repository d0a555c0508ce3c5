"""What the posterior says about EM's optimum, and EM about the posterior.

A posterior draw is a mixture like any other, so none may have a higher likelihood than the global
maximum. A draw above EM's likelihood proves that EM ended in a local optimum. Draws stay about
p / 2 below the top of their own mode, so most local optima are not given away by a draw itself but
by where EM leads from it: EM is restarted from the best draw and from a spread of others, and a
better optimum reached from any of them proves the same. Nothing better proves nothing, but is what
a global optimum looks like.

There is one exception. The likelihood of a mixture is unbounded where a component shrinks onto a
point or onto values that repeat (Day 1969), so a draw that has collapsed there exceeds every
sensible optimum. It says nothing against EM, but that prior and data leave the posterior without
hold; such draws are counted apart, and restarts that end there are not optima.

The other way round, EM may sit in a mode that no chain visited: then every draw's likelihood falls
short by more than a posterior around EM's optimum allows, and the posterior is incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtri

from experiments.analysis.agreement import JointDistance
from experiments.core.types import FloatArray
from experiments.values.base import ParameterValues
from experiments.values.comparison import Certificate, OptimumValues
from gmm_em import DegenerateError, Mixture, Run, fit_em
from gmm_em.covariance.collapse import collapsed
from gmm_em.fitting.result import distinct_optima

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws


# EM is restarted from the best draw and from this many others.
N_RESTARTS = 15
# The posterior misses EM's mode where its best draw is beyond the median of the deviance's limit
# and EM beyond all but this share of a normal posterior.
UNVISITED = 1e-3


def tolerance_for(n_samples: int) -> float:
    """How far apart two log-likelihoods must be to be different optima.

    EM stops within about 1e-8 per row of its limit; draws lie many thousand times farther below.
    """
    return max(1e-3, 1e-7 * n_samples)


def certify(
    em: Mixture,
    X: FloatArray,
    draws: MixtureDraws,
    log_likelihoods: FloatArray,
    n_parameters: int,
    joint: JointDistance | None,
    *,
    covariance_type: str = "full",
    n_restarts: int = N_RESTARTS,
) -> Certificate:
    """Compare EM's log-likelihood with those of posterior draws, and with where EM leads from them.

    Parameters
    ----------
    em : Mixture
        EM's estimate.
    X : ndarray of shape (n_samples, n_features)
        The rows that both were fitted to.
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
    n_restarts : int
        How many draws beside the best to restart EM from.
    """
    top = em.log_likelihood(X)
    tolerance = tolerance_for(len(X))
    spread = np.sqrt(np.diagonal(em.covariance))
    lost = collapsed(draws.covariances, spread).any(axis=-1)
    sound = np.flatnonzero(~lost)
    values = log_likelihoods.ravel()[sound]
    if not sound.size:
        return Certificate(
            em=top,
            n_draws=lost.size,
            n_collapsed=lost.size,
            tolerance=tolerance,
            n_parameters=n_parameters,
        )
    chosen = _spread(sound, values, n_restarts)
    optima = _optima(X, draws, chosen, tolerance, covariance_type)
    deviance = 2 * (top - values)
    better = max(0.0, float(values.max()) - top, *(o.log_likelihood - top for o in optima))
    unvisited = (
        joint is not None
        and joint.tail_probability < UNVISITED
        and bool(deviance.min() > chdtri(n_parameters, 0.5))
    )
    return Certificate(
        em=top,
        best_draw=float(values.max()),
        margin=float(top - values.max()),
        n_draws_above=int((values > top + tolerance).sum()),
        n_draws=lost.size,
        n_collapsed=int(lost.sum()),
        tolerance=tolerance,
        better_by=better if better > tolerance else 0.0,
        n_restarts=len(chosen),
        optima=optima,
        deviance_mean=float(deviance.mean()),
        deviance_distance=_distance(deviance, n_parameters),
        n_parameters=n_parameters,
        em_mode_unvisited=unvisited,
    )


def _distance(deviance: FloatArray, n_parameters: int) -> float:
    """Return the Kolmogorov-Smirnov distance of deviances from their chi-square limit."""
    cdf = chdtr(n_parameters, np.maximum(np.sort(deviance), 0.0))
    steps = np.linspace(0.0, 1.0, len(cdf) + 1)
    return float(max((steps[1:] - cdf).max(), (cdf - steps[:-1]).max()))


def _spread(sound: NDArray[np.intp], values: FloatArray, count: int) -> list[int]:
    """Choose the best of some draws and others evenly through the chains."""
    even = np.linspace(0, sound.size - 1, min(count, sound.size)).astype(int)
    return list(dict.fromkeys([int(sound[values.argmax()]), *(int(sound[i]) for i in even)]))


def _optima(
    X: FloatArray, draws: MixtureDraws, chosen: list[int], tolerance: float, covariance_type: str
) -> list[OptimumValues]:
    """Run EM from each chosen draw; the distinct optima reached, best first."""
    runs: list[Run] = []
    for index in chosen:
        try:
            result = fit_em(
                X, draws.n_components, covariance_type=covariance_type, init=draws[index]
            )
        except DegenerateError:
            # Where EM collapses there is no maximum to compare with.
            continue
        if not result.spurious:
            runs += result.runs
    return [
        OptimumValues(
            log_likelihood=optimum.objective,
            n_reached=optimum.n_runs,
            mixture=ParameterValues.of(runs[optimum.runs[0]].mixture),
        )
        for optimum in distinct_optima(tuple(runs), len(X), tolerance)
    ]
