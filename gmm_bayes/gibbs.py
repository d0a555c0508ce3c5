"""The blocked Gibbs sampler for the conjugate prior (Diebolt & Robert 1994)."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.checks import check_covariance_type
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors import NIWPrior
from gmm_bayes.scaling import Scaling
from gmm_bayes.unconstrained import UnconstrainedSpace

if TYPE_CHECKING:
    from gmm_bayes.sampling import Sampled, Task

FloatArray = NDArray[np.float64]

_SWEEPS_AT_ONCE = 50  # between looks at whether to stop; long enough to cost nothing
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Gibbs:
    """Draw all allocations given the parameters, then all parameters given the allocations.

    Needs an :class:`gmm_bayes.NIWPrior`. A sweep costs about as much as one EM step, needs no
    tuning, and cannot diverge; but it walks slowly where components overlap, and hardly ever leaves
    a mode.
    """

    def default_prior(self) -> NIWPrior:
        """Return ``NIWPrior()``."""
        return NIWPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for.

        Raises
        ------
        ValueError
            If the prior is not conjugate.
        KeyboardInterrupt
            If the user interrupts before every chain has a draw to keep.
        """
        from gmm_bayes.sampling import Sampled, usable_cores

        if not isinstance(task.prior, NIWPrior):
            raise ValueError(
                f"the Gibbs sampler needs an NIWPrior, but the prior is {task.prior!r}; "
                "sampler 'nuts' takes it"
            )
        check_covariance_type(task.covariance_type, ["full"], "the Gibbs sampler")
        scaling = Scaling.from_data(task.X)
        chains = [_Chain(task, task.prior, scaling, seed) for seed in task.seed.spawn(task.chains)]
        stop = threading.Event()
        interrupted = False
        with ThreadPoolExecutor(usable_cores(task)) as pool:
            jobs = [pool.submit(chain.run, stop) for chain in chains]
            try:
                _watch(jobs, chains, task)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                stop.set()
        for job in jobs:
            job.result()
        kept = min(chain.kept for chain in chains)
        if interrupted and kept == 0:
            raise KeyboardInterrupt
        loc, scale = scaling.loc, scaling.scale
        draws = MixtureDraws(
            np.stack([chain.weights[:kept] for chain in chains]),
            loc + scale * np.stack([chain.means[:kept] for chain in chains]),
            np.stack([chain.covariances[:kept] for chain in chains]) * scale[:, None] * scale,
        )
        stats = {"n_empty": np.stack([chain.empty[:kept] for chain in chains])}
        return Sampled(draws, stats, interrupted, {"sampler": "gibbs"})


def _watch(jobs: list[Future[None]], chains: Iterable[_Chain], task: Task) -> None:
    total = task.chains * (task.draws + task.tune)
    unfinished: set[Future[None]] = set(jobs)
    while unfinished:
        _, unfinished = wait(jobs, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
        if any(job.done() and job.exception() for job in jobs):
            return
        task.progress(sum(chain.done for chain in chains), total)


@dataclass
class _Chain:
    """One chain: where it is, and what it has kept (standardised scale)."""

    task: Task
    prior: NIWPrior
    scaling: Scaling
    seed: np.random.SeedSequence
    done: int = 0
    weights: FloatArray = field(init=False)
    means: FloatArray = field(init=False)
    covariances: FloatArray = field(init=False)
    empty: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        s, k, d = self.task.draws, self.task.n_components, self.task.X.shape[1]
        self.weights = np.empty((s, k))
        self.means = np.empty((s, k, d))
        self.covariances = np.empty((s, k, d, d))
        self.empty = np.empty(s, dtype=np.int64)

    @property
    def kept(self) -> int:
        """Draws after tuning."""
        return max(0, self.done - self.task.tune)

    def run(self, stop: threading.Event) -> None:
        """Tune and draw until done or stopped."""
        from gmm_bayes.gibbs_kernels import sweeps
        from gmm_bayes.starts import random_start

        rng = np.random.default_rng(self.seed)
        Z = self.scaling.standardise(self.task.X)
        k, d = self.task.n_components, Z.shape[1]
        start = random_start(Z, k, rng)
        weights, means, covariances = UnconstrainedSpace(k, d).to_mixtures(start)
        whiteners = np.linalg.inv(np.linalg.cholesky(covariances))
        mean_loc, kappa, nu, psi = self.prior.standardised(self.scaling.loc, self.scaling.scale)
        data = np.ascontiguousarray(Z.T)
        end = self.task.tune + self.task.draws
        while self.done < end and not stop.is_set():
            tuning = self.done < self.task.tune
            n = min(_SWEEPS_AT_ONCE, (self.task.tune if tuning else end) - self.done)
            sweeps(
                data, rng, n, self.prior.concentration, mean_loc, kappa, nu, psi,
                weights, means, whiteners, -1 if tuning else self.kept,
                self.weights, self.means, self.covariances, self.empty,
            )  # fmt: skip
            self.done += n
