"""Automatic differentiation variational inference (Kucukelbir et al. 2017), through PyMC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from gmm_bayes.core.types import FloatArray
from gmm_bayes.evidence import Evidence
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.space.structures import get_structure

if TYPE_CHECKING:
    from gmm_bayes.density.laplace import Hill
    from gmm_bayes.density.log_posterior import LogPosterior
    from gmm_bayes.density.many import Density
    from gmm_bayes.samplers.contract import Sampled, Task


METHODS = ("fullrank_advi", "advi")
MAX_PARETO_K = 0.7
"""Vehtari, Simpson, Gelman, Yao & Gabry (2024): above, importance ratios have no usable mean."""
MAX_DRIFT = 0.1
"""Of the variational parameters between the last two quarters of the path, in posterior sds."""
_PATH = 200
_NOTE = (
    "draws from a fitted approximation are independent by construction: R-hat and effective sample "
    "sizes say whether chains found the same approximation, not whether it is the posterior; "
    "Pareto-k does"
)


@dataclass(frozen=True)
class ADVI:
    """The normal distribution, on unconstrained space, that is closest to the posterior.

    Closest in the Kullback-Leibler divergence from it, which is too narrow rather than too wide,
    and lives in one mode: this is an approximation, whose draws are independent of each other but
    not drawn from the posterior. Each chain is an optimisation of its own (``pm.fit``), from a
    local maximum of the posterior density that it finds for itself, with the curvature there as
    unit of length; what is returned are draws from where it ended. The importance ratios of
    posterior to approximation say how good it is (Yao, Vehtari, Simpson & Gelman 2018).

    Parameters
    ----------
    method : {"fullrank_advi", "advi"}, default "fullrank_advi"
        A full covariance matrix, or a diagonal one ("mean field").
    n_iter : int, default 1000
        Steps of the optimiser; at least 100. The result is the average over the last half of them
        (Dhaka et al. 2020). ``tune`` is not used.
    n_mc : int, default 10
        Draws from the approximation per step.
    learning_rate : float, default 0.02
        Of Adam (Kingma & Ba 2015), in posterior standard deviations.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Dhaka et al. (2020), "Robust, accurate stochastic optimization for variational inference".
    Kucukelbir et al. (2017), J. Machine Learning Research 18(14).
    Yao, Vehtari, Simpson & Gelman (2018), "Yes, but did it work?: evaluating variational
    inference", ICML.
    """

    method: str = "fullrank_advi"
    n_iter: int = 1000
    n_mc: int = 10
    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"method of ADVI is {self.method!r}; allowed are {', '.join(map(repr, METHODS))}"
            )
        for name, least in (("n_iter", 100), ("n_mc", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but is {getattr(self, name)!r}")
        if not 0.0 < self.learning_rate < 1.0:
            raise ValueError(f"learning_rate must lie in (0, 1), but is {self.learning_rate!r}")

    def default_prior(self) -> LKJPrior:
        """Return ``LKJPrior()``."""
        return LKJPrior()

    def sample(self, task: Task) -> Sampled:
        """Return draws from the approximations.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts before a chain's optimisation is complete.
        """
        from gmm_bayes.density.conversion import own_draws
        from gmm_bayes.density.log_posterior import LogPosterior
        from gmm_bayes.samplers.contract import Sampled
        from gmm_bayes.samplers.sequential_chains import chains_in_turn

        target = LogPosterior(
            task.X, task.n_components, task.prior, get_structure(task.covariance_type)
        )
        runs, interrupted = chains_in_turn(task, target, self._run)
        evidence = _evidence(runs)
        return Sampled(
            own_draws(target, np.stack([run.thetas for run in runs])),
            {
                "lp": np.stack([run.lp for run in runs]),
                "log_importance_ratio": np.stack([run.log_ratios for run in runs]),
            },
            interrupted,
            {
                **_attributes(self),
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

    def _run(self, task: Task, density: Density, chain: int, seed: np.random.SeedSequence) -> _Run:
        from gmm_bayes.density.laplace import hill_near
        from gmm_bayes.samplers.starts import random_start

        target = density.target
        rng = np.random.default_rng(seed)
        total = task.chains * (task.draws + task.tune)

        def progress(share: float) -> None:
            task.progress(int(total * (chain + share) / task.chains), total)

        Z = target.scaling.standardise(task.X)
        start = random_start(Z, task.n_components, rng, target.structure)
        hill = hill_near(target, start, round_each=self.method == "advi")
        fitted = _optimise(self, target, hill, int(rng.integers(2**31)), progress)
        return _drawn(density, hill, fitted, task.draws, rng)


@dataclass(frozen=True)
class _Fitted:
    """A normal distribution in the hill's coordinates, and how the optimiser came to it."""

    centre: FloatArray
    factor: FloatArray
    drift: float
    losses: FloatArray


def _optimise(advi: ADVI, target: LogPosterior, hill: Hill, seed: int, progress: Any) -> _Fitted:
    import pymc as pm

    from gmm_bayes.pymc_model.as_ops import MODE, interpreting, whitened_posterior

    quarter = advi.n_iter // 4
    averages = np.zeros((4, 2 * target.space.size))
    stopped: list[BaseException] = []

    def watch(approximation: Any, losses: FloatArray, step: int) -> None:
        centre, factor = _parameters(approximation)
        averages[min((step - 1) // quarter, 3)] += np.concatenate([centre, factor.diagonal()])
        if step > advi.n_iter // 2:
            mean[0] += centre
            mean[1] += factor
        try:
            if step % 50 == 0:
                progress(step / advi.n_iter)
        except BaseException as error:
            # PyMC takes an interrupt for the end of the optimisation and says nothing.
            stopped.append(error)
            raise KeyboardInterrupt from error

    mean: list[Any] = [0.0, 0.0]
    with interpreting():
        approximation = pm.fit(
            n=advi.n_iter,
            method=advi.method,
            model=whitened_posterior(target, hill.peak, hill.factor),
            random_seed=seed,
            start={"eta": np.zeros(target.space.size)},
            callbacks=[watch],
            obj_n_mc=advi.n_mc,
            obj_optimizer=pm.adam(learning_rate=advi.learning_rate),
            progressbar=False,
            compile_kwargs={"mode": MODE},
        )
    if stopped:
        raise stopped[0]
    losses = np.asarray(approximation.hist)
    if losses.size < advi.n_iter:  # a signal, taken in the same way
        raise KeyboardInterrupt
    n_averaged = advi.n_iter - advi.n_iter // 2
    counts = np.array([quarter, quarter, quarter, advi.n_iter - 3 * quarter])
    averages /= counts[:, None]
    drift = float(np.abs(averages[3] - averages[2]).max())
    return _Fitted(mean[0] / n_averaged, mean[1] / n_averaged, drift, losses)


def _parameters(approximation: Any) -> tuple[FloatArray, FloatArray]:
    """Return centre (n,) and lower triangular factor (n, n) of PyMC's normal approximation."""
    values = {parameter.name: parameter.get_value() for parameter in approximation.params}
    centre = values["mu"]
    if "rho" in values:
        return centre, np.diag(np.logaddexp(0.0, values["rho"]))
    factor = np.zeros((centre.size, centre.size))
    factor[np.tril_indices(centre.size)] = values["L_tril"]
    np.fill_diagonal(factor, np.logaddexp(0.0, factor.diagonal()))
    return centre, factor


@dataclass(frozen=True)
class _Run:
    """One chain: draws from its approximation, and how good that is."""

    thetas: FloatArray
    lp: FloatArray
    log_ratios: FloatArray
    folded_log_ratios: FloatArray
    pareto_k: float
    elbo: float
    drift: float
    path: FloatArray


def _drawn(
    density: Density, hill: Hill, fitted: _Fitted, n_draws: int, rng: np.random.Generator
) -> _Run:
    """Return draws, thrown again where float64 cannot tell a covariance from a singular one."""
    from arviz_stats.base import array_stats

    from gmm_bayes.density.conversion import standardised_draws
    from gmm_bayes.labels.one_labelling import Fold

    size = fitted.centre.size
    thetas, noise = np.empty((0, size)), np.empty((0, size))
    while len(thetas) < n_draws:
        more = rng.standard_normal((n_draws, size))
        proposed = hill.peak + (fitted.centre + more @ fitted.factor.T) @ hill.factor.T
        there = np.isfinite(density.posterior(proposed)[0])
        thetas, noise = (
            np.concatenate([thetas, proposed[there]]),
            np.concatenate([noise, more[there]]),
        )
    thetas, noise = thetas[:n_draws], noise[:n_draws]
    lp = density.posterior(thetas)[0]
    log_det = np.log(fitted.factor.diagonal()).sum() + np.log(hill.factor.diagonal()).sum()
    log_q = -0.5 * (noise**2).sum(axis=1) - log_det - 0.5 * size * math.log(2.0 * math.pi)
    reference = standardised_draws(density.target, thetas[None]).mean()
    folded = Fold(density.target, reference).restrict(lp, thetas) - log_q
    return _Run(
        thetas=thetas,
        lp=lp,
        log_ratios=lp - log_q,
        folded_log_ratios=folded,
        pareto_k=float(array_stats.psislw(lp - log_q)[1]),
        elbo=float((lp - log_q).mean()),
        drift=fitted.drift,
        # The optimiser's density is that of the hill's coordinates.
        path=np.log(hill.factor.diagonal()).sum() - _means_of_parts(fitted.losses, _PATH),
    )


def _means_of_parts(values: FloatArray, n_parts: int) -> FloatArray:
    return np.array([part.mean() for part in np.array_split(values, min(n_parts, values.size))])


def _evidence(runs: list[_Run]) -> Evidence:
    """Return the evidence by importance sampling; its error is NaN where the ratios have no mean.

    On one labelling: an approximation of one copy of the posterior can stand for it, not for K!.
    """
    ratios = np.stack([run.folded_log_ratios for run in runs])
    value = float(logsumexp(ratios) - math.log(ratios.size))
    if max(run.pareto_k for run in runs) > MAX_PARETO_K:
        return Evidence(value, math.nan)
    return Evidence(value, float(np.exp(ratios - value).std(ddof=1) / math.sqrt(ratios.size)))


def _problems(runs: list[_Run]) -> tuple[str, ...]:
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


def _attributes(advi: ADVI) -> dict[str, Any]:
    import pymc as pm

    return {
        "inference_library": pm.__name__,
        "inference_library_version": pm.__version__,
        "sampler": "advi",
        "advi_method": advi.method,
        "n_iter": advi.n_iter,
        "n_mc": advi.n_mc,
        "learning_rate": advi.learning_rate,
    }
