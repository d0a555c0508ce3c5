"""The blocked Gibbs sampler for the conjugate prior (Diebolt & Robert 1994), made to mix."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors.niw import NIWPrior
from gmm_em.core.threads import single_threaded_blas

if TYPE_CHECKING:
    from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.samplers.gibbs.chain import Chain, Crew, Problem, Record


@dataclass(frozen=True)
class Gibbs:
    """Draw all allocations given the parameters, then all parameters given the allocations.

    Needs an :class:`gmm_bayes.NIWPrior`. A sweep costs about as much as one EM step and cannot
    diverge. But it moves as slowly as EM converges, so that where components overlap the draws are
    worth little. There, every sweep is followed by moves on the posterior with the allocations
    integrated out (:mod:`gmm_bayes.samplers.gibbs.moves`). They are fitted to the posterior while
    tuning and
    frozen before the first draw is kept, and are Metropolis-Hastings steps: the chain is exactly
    stationary whatever was fitted. Where they would be refused, the sweeps go on alone.

    Chains start apart and find their modes independently; while tuning, each learns of the places
    where the others have been, and may jump there if the posterior has it so.

    Parameters
    ----------
    marginal_moves : bool, default True
        Whether to make such moves where they help. They need 40 iterations of tuning at least.

    References
    ----------
    Diebolt & Robert (1994), J. R. Statist. Soc. B 56, 363-375.
    Sahu & Roberts (1999), Statistics and Computing 9, 55-64.
    Shahbaba, Lan, Johnson & Neal (2014), Statistics and Computing 24, 339-349.
    Tierney (1994), Annals of Statistics 22, 1701-1728.
    """

    marginal_moves: bool = True

    def default_prior(self) -> NIWPrior:
        """Return ``NIWPrior()``."""
        return NIWPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for.

        Per-draw statistics are ``n_empty``, the number of components without a row, and, where
        such moves are made, the chances with which they were accepted: ``chance_turned`` and
        ``chance_jumped``.

        Raises
        ------
        ValueError
            If the prior is not conjugate.
        KeyboardInterrupt
            If the user interrupts before every chain has a draw to keep.
        """
        from gmm_bayes.samplers.contract import usable_cores

        if not isinstance(task.prior, NIWPrior):
            raise ValueError(
                f"the Gibbs sampler needs an NIWPrior, but the prior is {task.prior!r}; "
                "sampler 'nuts' takes it"
            )
        problem = Problem.of(task, task.prior)
        *seeds, seed_of_fits = task.seed.spawn(task.chains + 1)
        chains = [
            Chain(problem, seed, Record.of(task.draws, problem.coordinates)) for seed in seeds
        ]
        interrupted = False
        # The matrices here are small: BLAS threads would only be in the chains' way.
        with single_threaded_blas(), ThreadPoolExecutor(usable_cores(task)) as pool:
            crew = Crew(chains, task, pool, threading.Event(), seed_of_fits)
            try:
                crew.tune(self.marginal_moves)
                crew.all(Chain.draw)
            except KeyboardInterrupt:
                interrupted = True
        kept = min(chain.kept for chain in chains)
        if interrupted and kept == 0:
            raise KeyboardInterrupt
        return self._collect(problem, chains, kept, interrupted)

    def _collect(
        self, problem: Problem, chains: list[Chain], kept: int, interrupted: bool
    ) -> Sampled:
        from gmm_bayes.samplers.contract import Sampled

        def kept_of(name: str) -> NDArray[Any]:
            return np.stack([getattr(chain.record, name)[:kept] for chain in chains])

        weights, means, covariances = problem.coordinates.to_mixtures(kept_of("thetas"))
        loc, scale = problem.scaling.loc, problem.scaling.scale
        in_order = MixtureDraws(
            weights, loc + scale * means, covariances * scale[:, None] * scale[None, :]
        )
        stats = {"n_empty": kept_of("n_empty")}
        for name in ("turned", "jumped"):
            if np.isfinite(chances := kept_of(name)).all():
                stats[f"chance_{name}"] = chances
        moves = chains[0].moves
        return Sampled(
            in_order.permute(np.argsort(kept_of("labels"), axis=-1)),
            stats,
            interrupted,
            {"sampler": "gibbs", "kicks_per_turn": moves.n_kicks, "jumps": moves.n_jumps},
        )
