"""Chains of variational inference: an optimisation and draws each, and how good they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pymc as pm
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from gmm_bayes.core.limits import MAX_DRIFT, MAX_PARETO_K
from gmm_bayes.core.missing import filled
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.conversion import own_draws, standardised_draws
from gmm_bayes.density.laplace import LaplaceApproximation, laplace_near
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.many import BatchDensity
from gmm_bayes.evidence import Evidence
from gmm_bayes.labels.one_labelling import OneLabelling
from gmm_bayes.samplers.advi.optimisation import ADVISettings, FittedNormal, optimise
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.samplers.sequential_chains import run_sequentially
from gmm_bayes.samplers.starts import random_start
from gmm_bayes.space.structures import get_structure

_PATH_LENGTH = 200
"""Averages along the path of the ELBO that are kept."""

_NOTE = (
    "draws from a fitted approximation are independent by construction: R-hat and effective sample "
    "sizes say whether chains found the same approximation, not whether it is the posterior; "
    "Pareto-k does"
)


def sample(settings: ADVISettings, task: Task) -> Sampled:
    """Return draws from an approximation for each chain.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before a chain's optimisation is complete.
    """
    target = LogPosterior(
        task.X, task.n_components, task.prior, get_structure(task.covariance_type)
    )
    runs, interrupted = run_sequentially(task, target, partial(_run_chain, settings))
    evidence = _evidence(runs)
    return Sampled(
        own_draws(target, np.stack([run.thetas for run in runs])),
        {
            "lp": np.stack([run.lp for run in runs]),
            "log_importance_ratio": np.stack([run.log_ratios for run in runs]),
        },
        interrupted,
        {
            **_attributes(settings),
            "pareto_k": [run.pareto_k for run in runs],
            "elbo": [run.elbo for run in runs],
            "drift": [run.drift for run in runs],
            "log_marginal_likelihood": evidence.value,
            "log_marginal_likelihood_se": evidence.standard_error,
        },
        evidence,
        _problems(runs),
        (_NOTE,),
        {"elbo": np.stack([run.path for run in runs])},
    )


@dataclass(frozen=True)
class _Approximation:
    """One chain: draws from its approximation, and how good that is.

    Parameters
    ----------
    thetas : ndarray of shape (S, size)
        Draws.
    lp : ndarray of shape (S,)
        Their log posterior densities.
    log_ratios : ndarray of shape (S,)
        Log importance ratios of the posterior to the approximation.
    one_labelling_log_ratios : ndarray of shape (S,)
        The same for the posterior restricted to one labelling of the components.
    pareto_k : float
        Of the importance ratios.
    elbo : float
    drift : float
        As in :class:`gmm_bayes.samplers.advi.optimisation.FittedNormal`.
    path : ndarray of shape (T,)
        The ELBO along the optimisation.
    """

    thetas: FloatArray
    lp: FloatArray
    log_ratios: FloatArray
    one_labelling_log_ratios: FloatArray
    pareto_k: float
    elbo: float
    drift: float
    path: FloatArray


def _run_chain(
    settings: ADVISettings,
    task: Task,
    density: BatchDensity,
    chain: int,
    seed: np.random.SeedSequence,
) -> _Approximation:
    """Run one chain: a start, an optimisation, and draws."""
    target = density.target
    rng = np.random.default_rng(seed)
    total = task.chains * (task.draws + task.tune)

    def progress(share: float) -> None:
        task.progress(int(total * (chain + share) / task.chains), total)

    Z = filled(target.scaling.standardise(task.X))
    start = random_start(Z, task.n_components, rng, target.structure)
    local = laplace_near(target, start, diagonal=settings.method == "advi")
    fitted = optimise(settings, target, local, int(rng.integers(2**31)), progress)
    return _draws_of(density, local, fitted, task.draws, rng)


def _draws_of(
    density: BatchDensity,
    local: LaplaceApproximation,
    fitted: FittedNormal,
    n_draws: int,
    rng: np.random.Generator,
) -> _Approximation:
    """Draw from the approximation and compare it with the posterior.

    A draw is made again where float64 cannot tell one of its covariances from a singular matrix.
    """
    size = fitted.centre.size
    thetas, noise = np.empty((0, size)), np.empty((0, size))
    while len(thetas) < n_draws:
        more = rng.standard_normal((n_draws, size))
        proposed = local.mean + (fitted.centre + more @ fitted.factor.T) @ local.factor.T
        there = np.isfinite(density.posterior(proposed)[0])
        thetas, noise = (
            np.concatenate([thetas, proposed[there]]),
            np.concatenate([noise, more[there]]),
        )
    thetas, noise = thetas[:n_draws], noise[:n_draws]
    lp = density.posterior(thetas)[0]
    log_det = np.log(fitted.factor.diagonal()).sum() + np.log(local.factor.diagonal()).sum()
    log_q = -0.5 * (noise**2).sum(axis=1) - log_det - 0.5 * size * math.log(2.0 * math.pi)
    reference = standardised_draws(density.target, thetas[None]).mean()
    one_labelling = OneLabelling(density.target, reference).restrict(lp, thetas)
    return _Approximation(
        thetas=thetas,
        lp=lp,
        log_ratios=lp - log_q,
        one_labelling_log_ratios=one_labelling - log_q,
        pareto_k=float(array_stats.psislw(lp - log_q)[1]),
        elbo=float((lp - log_q).mean()),
        drift=fitted.drift,
        # The optimiser's losses are those of the density in the coordinates of the start.
        path=np.log(local.factor.diagonal()).sum() - _means_of_parts(fitted.losses, _PATH_LENGTH),
    )


def _means_of_parts(values: FloatArray, n_parts: int) -> FloatArray:
    """Return the means of equal parts of `values`, in order."""
    return np.array([part.mean() for part in np.array_split(values, min(n_parts, values.size))])


def _evidence(runs: list[_Approximation]) -> Evidence:
    """Return the evidence by importance sampling; its error is NaN where the ratios have no mean.

    The posterior is restricted to one labelling, because the approximation covers only one of the
    posterior's K! copies.
    """
    ratios = np.stack([run.one_labelling_log_ratios for run in runs])
    value = float(logsumexp(ratios) - math.log(ratios.size))
    if max(run.pareto_k for run in runs) > MAX_PARETO_K:
        return Evidence(value, math.nan)
    return Evidence(value, float(np.exp(ratios - value).std(ddof=1) / math.sqrt(ratios.size)))


def _problems(runs: list[_Approximation]) -> tuple[str, ...]:
    """Return a sentence for each limit that the worst chain exceeds."""
    problems = []
    worst = max(run.pareto_k for run in runs)
    if worst > MAX_PARETO_K:
        problems.append(
            f"Pareto-k of the importance ratios is {worst:.2f}, above {MAX_PARETO_K}: the "
            "approximation is too far from the posterior for its draws to stand for it; use "
            "sampler 'nuts'"
        )
    drift = max(run.drift for run in runs)
    if drift > MAX_DRIFT:
        problems.append(
            f"the optimiser was still moving at its end, by {drift:.2f} posterior standard "
            f"deviations in a quarter of its steps, above {MAX_DRIFT}: raise n_iter"
        )
    return tuple(problems)


def _attributes(settings: ADVISettings) -> dict[str, Any]:
    """Return what is recorded with the posterior."""
    return {
        "inference_library": pm.__name__,
        "inference_library_version": pm.__version__,
        "sampler": "advi",
        "advi_method": settings.method,
        "n_iter": settings.n_iter,
        "n_mc": settings.n_mc,
        "learning_rate": settings.learning_rate,
    }
