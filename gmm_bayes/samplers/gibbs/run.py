"""A run of the Gibbs sampler: from a task to draws."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors.conjugate import SemiConjugatePrior
from gmm_bayes.samplers.chain_starts import find_starts
from gmm_bayes.samplers.contract import Sampled, Task, usable_cores
from gmm_bayes.samplers.gibbs.chain import Chain
from gmm_bayes.samplers.gibbs.chain_pool import ChainPool
from gmm_bayes.samplers.gibbs.moves import Trace
from gmm_bayes.samplers.gibbs.setup import Setup
from gmm_bayes.space.structures import get_structure
from gmm_em.core.threads import single_threaded_blas


def sample(task: Task, prior: SemiConjugatePrior, *, marginal_moves: bool) -> Sampled:
    """Return the draws that `task` asks for.

    Parameters
    ----------
    task : Task
    prior : SemiConjugatePrior
        That of the task.
    marginal_moves : bool
        Whether to move on the marginal posterior between sweeps, where that helps.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before every chain has a draw to keep.
    """
    structure = get_structure(task.covariance_type)
    starts, task = find_starts(task, LogPosterior(task.X, task.n_components, prior, structure))
    setup = Setup.of(task, prior, starts)
    *seeds, seed_of_fits = task.seed.spawn(task.chains + 1)
    chains = [Chain(setup, seed, task.draws) for seed in seeds]
    interrupted = False
    # The matrices are small here, so that threads of BLAS would only slow the chains down.
    with single_threaded_blas(), ThreadPoolExecutor(usable_cores(task)) as threads:
        pool = ChainPool(chains, task, threads, threading.Event(), seed_of_fits)
        try:
            pool.tune(marginal_moves)
            pool.run(Chain.draw)
        except KeyboardInterrupt:
            interrupted = True
    kept = min(chain.kept for chain in chains)
    if interrupted and kept == 0:
        raise KeyboardInterrupt
    return _collect(setup, chains, kept, interrupted)


def _collect(setup: Setup, chains: list[Chain], kept: int, interrupted: bool) -> Sampled:
    """Return the first `kept` draws of every chain, with components numbered as at its start."""
    traces = [chain.trace.rows(0, kept) for chain in chains]
    trace = Trace(
        thetas=np.stack([trace.thetas for trace in traces]),
        labels=np.stack([trace.labels for trace in traces]),
        n_empty=np.stack([trace.n_empty for trace in traces]),
        turned=np.stack([trace.turned for trace in traces]),
        jumped=np.stack([trace.jumped for trace in traces]),
    )
    weights, means, covariances = setup.coordinates.to_mixtures(trace.thetas)
    reordered = MixtureDraws(weights, *setup.scaling.to_own_units(means, covariances))
    stats: dict[str, NDArray[Any]] = {"n_empty": trace.n_empty}
    chances = {"chance_turned": trace.turned, "chance_jumped": trace.jumped}
    stats |= {name: values for name, values in chances.items() if np.isfinite(values).all()}
    moves = chains[0].moves
    return Sampled(
        reordered.permute(np.argsort(trace.labels, axis=-1)),
        stats,
        interrupted,
        {
            "sampler": "gibbs",
            "kicks_per_turn": moves.n_kicks,
            "jumps": moves.n_jumps,
        },
        origins=(setup.starts.origin,) * len(chains),
        population=setup.starts.mixtures,
    )
