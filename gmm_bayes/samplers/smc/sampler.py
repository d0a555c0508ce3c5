"""Sequential Monte Carlo (Del Moral, Doucet & Jasra 2006), through PyMC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from gmm_bayes.core.types import FloatArray
from gmm_bayes.evidence import Evidence
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.space.structures import get_structure

if TYPE_CHECKING:
    from gmm_bayes.density.many import Density
    from gmm_bayes.samplers.contract import Sampled, Task


_NOTE = (
    "chains are independent runs of many particles each, in no order of time: R-hat compares the "
    "runs, but effective sample sizes do not count what particles share through their ancestors"
)


@dataclass(frozen=True)
class SMC:
    """Particles drawn from the prior, moved and resampled as the likelihood is switched on.

    Each chain is a run of its own: ``draws`` particles, first from the prior, then from ``prior x
    likelihood ** beta`` for beta rising to 1 (``pm.sample_smc``). Where modes are many this finds
    what chains that start in one mode miss, and it gives the log marginal likelihood. Nothing is
    tuned beforehand: ``tune`` is not used.

    Parameters
    ----------
    threshold : float, default 0.5
        Each beta is the one at which the effective share of particles falls to this.
    correlation : float, default 0.1
        Moves at one temperature go on until the average correlation of particles with where they
        were is below this.
    max_steps : int, default 40
        Most moves at one temperature.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    threshold: float = 0.5
    correlation: float = 0.1
    max_steps: int = 40

    def __post_init__(self) -> None:
        for name in ("threshold", "correlation"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie in (0, 1), but is {getattr(self, name)!r}")
        if self.max_steps < 2:
            raise ValueError(f"max_steps must be at least 2, but is {self.max_steps!r}")

    def default_prior(self) -> LKJPrior:
        """Return ``LKJPrior()``."""
        return LKJPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for.

        Raises
        ------
        ValueError
            If there are fewer particles than a covariance of the parameters needs.
        KeyboardInterrupt
            If the user interrupts before a chain is complete: particles on the way from the prior
            are not draws from the posterior.
        """
        from gmm_bayes.density.conversion import own_draws
        from gmm_bayes.density.log_posterior import LogPosterior
        from gmm_bayes.samplers.contract import Sampled
        from gmm_bayes.samplers.sequential_chains import chains_in_turn

        target = LogPosterior(
            task.X, task.n_components, task.prior, get_structure(task.covariance_type)
        )
        if task.draws < 2 * target.space.size:
            raise ValueError(
                f"SMC needs at least {2 * target.space.size} draws per chain, twice the number of "
                f"parameters, but draws is {task.draws}"
            )
        runs, interrupted = chains_in_turn(task, target, self._run)
        levels = np.array([run.log_marginal_likelihood for run in runs])
        evidence = _pooled(levels)
        return Sampled(
            own_draws(target, np.stack([run.thetas for run in runs])),
            {"lp": np.stack([run.lp for run in runs])},
            interrupted,
            {
                **_attributes(self),
                "n_temperatures": [run.n_temperatures for run in runs],
                "log_marginal_likelihood": evidence.value,
                "log_marginal_likelihood_se": evidence.standard_error,
                "log_marginal_likelihood_by_chain": levels.tolist(),
            },
            evidence,
            notes=(_NOTE,),
        )

    def _run(self, task: Task, density: Density, chain: int, seed: np.random.SeedSequence) -> _Run:
        import pymc as pm

        from gmm_bayes.pymc_model.as_ops import MODE, interpreting, prior_and_likelihood
        from gmm_bayes.samplers.smc.kernel import FoldedKernel

        total = task.chains * (task.draws + task.tune)

        def progress(beta: float) -> None:
            # Temperatures fall by a factor: the fourth root makes their steps about equally long.
            task.progress(int(total * (chain + beta**0.25) / task.chains), total)

        with interpreting():
            trace = pm.sample_smc(
                draws=task.draws,
                kernel=FoldedKernel,
                model=prior_and_likelihood(density.target),
                random_seed=int(seed.generate_state(1)[0]),
                chains=1,
                cores=1,
                compute_convergence_checks=False,
                progressbar=False,
                compile_kwargs={"mode": MODE},
                threshold=self.threshold,
                density=density,
                progress=progress,
                correlation=self.correlation,
                max_steps=self.max_steps,
            )
        thetas = trace["posterior"]["theta"].to_numpy()[0]
        stages = trace["sample_stats"]["log_marginal_likelihood"].to_numpy().ravel()
        return _Run(thetas, density.posterior(thetas)[0], float(stages[-1]), stages.size)


@dataclass(frozen=True)
class _Run:
    """One chain: vectors (S, size), their log densities (S,), and its own evidence."""

    thetas: FloatArray
    lp: FloatArray
    log_marginal_likelihood: float
    n_temperatures: int


def _pooled(levels: FloatArray) -> Evidence:
    """Return the evidence of all chains: each one's marginal likelihood is unbiased, so their mean.

    The standard error is that of the mean, by the delta method; NaN for a single chain.
    """
    n = levels.size
    value = float(logsumexp(levels) - math.log(n))
    if n == 1:
        return Evidence(value, math.nan)
    return Evidence(value, float(np.exp(levels - value).std(ddof=1) / math.sqrt(n)))


def _attributes(smc: SMC) -> dict[str, object]:
    import pymc as pm

    return {
        "inference_library": pm.__name__,
        "inference_library_version": pm.__version__,
        "sampler": "smc",
        "threshold": smc.threshold,
        "correlation": smc.correlation,
        "max_steps": smc.max_steps,
    }
