"""Runs of PyMC's sequential Monte Carlo sampler, one for each chain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import pymc as pm
from scipy.special import logsumexp

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.conversion import own_draws
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.many import BatchDensity
from gmm_bayes.evidence import Evidence
from gmm_bayes.pymc_model.as_ops import MODE, interpreting, prior_and_likelihood
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.samplers.sequential_chains import run_sequentially
from gmm_bayes.samplers.smc.kernel import OneLabellingKernel
from gmm_bayes.space.structures import get_structure

_NOTE = (
    "chains are independent runs of many particles each, in no order of time: R-hat compares the "
    "runs, but effective sample sizes do not count what particles share through their ancestors"
)


class SMCSettings(Protocol):
    """The settings of :class:`gmm_bayes.SMC`."""

    @property
    def threshold(self) -> float:
        """Effective share of particles that each temperature leaves."""

    @property
    def correlation(self) -> float:
        """Moves go on until particles are correlated less than this with where they were."""

    @property
    def max_steps(self) -> int:
        """Most moves at one temperature."""


@dataclass(frozen=True)
class _Particles:
    """One chain: vectors (S, size), their log densities (S,), and its own evidence."""

    thetas: FloatArray
    lp: FloatArray
    log_marginal_likelihood: float
    n_temperatures: int


def sample(settings: SMCSettings, task: Task) -> Sampled:
    """Return the draws that `task` asks for.

    Raises
    ------
    ValueError
        If there are fewer particles than a covariance of the parameters needs.
    KeyboardInterrupt
        If the user interrupts before a chain is complete. Particles on the way from the prior are
        not draws from the posterior.
    """
    target = LogPosterior(
        task.X, task.n_components, task.prior, get_structure(task.covariance_type)
    )
    if task.draws < 2 * target.space.size:
        raise ValueError(
            f"SMC needs at least {2 * target.space.size} draws per chain, twice the number of "
            f"parameters, but draws is {task.draws}"
        )
    runs, interrupted = run_sequentially(task, target, partial(_run_chain, settings))
    levels = np.array([run.log_marginal_likelihood for run in runs])
    evidence = _mean_evidence(levels)
    return Sampled(
        own_draws(target, np.stack([run.thetas for run in runs])),
        {"lp": np.stack([run.lp for run in runs])},
        interrupted,
        {
            **_attributes(settings),
            "n_temperatures": [run.n_temperatures for run in runs],
            "log_marginal_likelihood": evidence.value,
            "log_marginal_likelihood_se": evidence.standard_error,
            "log_marginal_likelihood_by_chain": levels.tolist(),
        },
        evidence,
        notes=(_NOTE,),
    )


def _run_chain(
    settings: SMCSettings,
    task: Task,
    density: BatchDensity,
    chain: int,
    seed: np.random.SeedSequence,
) -> _Particles:
    """Run one chain: all its particles, from the prior to the posterior."""
    total = task.chains * (task.draws + task.tune)

    def progress(beta: float) -> None:
        # beta grows by a factor at each step: its fourth root grows by about equal amounts.
        task.progress(int(total * (chain + beta**0.25) / task.chains), total)

    with interpreting():
        trace = pm.sample_smc(
            draws=task.draws,
            kernel=OneLabellingKernel,
            model=prior_and_likelihood(density.target),
            random_seed=int(seed.generate_state(1)[0]),
            chains=1,
            cores=1,
            compute_convergence_checks=False,
            progressbar=False,
            compile_kwargs={"mode": MODE},
            threshold=settings.threshold,
            density=density,
            progress=progress,
            correlation=settings.correlation,
            max_steps=settings.max_steps,
        )
    thetas = trace["posterior"]["theta"].to_numpy()[0]
    stages = trace["sample_stats"]["log_marginal_likelihood"].to_numpy().ravel()
    return _Particles(thetas, density.posterior(thetas)[0], float(stages[-1]), stages.size)


def _mean_evidence(levels: FloatArray) -> Evidence:
    """Return the mean of the chains' marginal likelihoods, each of which is unbiased.

    The standard error is that of the mean, by the delta method; it is NaN for a single chain.
    """
    n = levels.size
    value = float(logsumexp(levels) - math.log(n))
    if n == 1:
        return Evidence(value, math.nan)
    return Evidence(value, float(np.exp(levels - value).std(ddof=1) / math.sqrt(n)))


def _attributes(settings: SMCSettings) -> dict[str, object]:
    """Return what is recorded with the posterior."""
    return {
        "inference_library": pm.__name__,
        "inference_library_version": pm.__version__,
        "sampler": "smc",
        "threshold": settings.threshold,
        "correlation": settings.correlation,
        "max_steps": settings.max_steps,
    }
