"""A run of the telescoping sampler: from a task to draws."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.cores import processors
from gmm_bayes.core.limits import MAX_POINTWISE
from gmm_bayes.samplers.threaded_chains import run_on_threads
from gmm_bayes.unknown_k.chain import SharedSetup, TelescopingChain
from gmm_bayes.unknown_k.draws import VaryingDraws
from gmm_bayes.unknown_k.task import UnknownKTask
from gmm_em.core.threads import single_threaded_blas


@dataclass(frozen=True)
class SampledUnknownK:
    """What the telescoping sampler returns.

    Parameters
    ----------
    draws : VaryingDraws
    interrupted : bool
        Whether the user stopped it, so that there are fewer draws than asked for.
    """

    draws: VaryingDraws
    interrupted: bool


def sample(task: UnknownKTask) -> SampledUnknownK:
    """Return the draws that `task` asks for.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before every chain has a draw to keep.
    """
    setup = SharedSetup.of(task)
    every = max(1, -(-task.chains * task.draws * len(task.X) // MAX_POINTWISE))
    chains = [TelescopingChain(setup, seed, every) for seed in task.seed.spawn(task.chains)]
    total = task.chains * (task.draws + task.tune)
    stop = threading.Event()
    interrupted = False

    def report() -> None:
        task.progress(sum(chain.done for chain in chains), total)

    def work(chain: TelescopingChain, stop: threading.Event) -> None:
        chain.begin(stop)
        chain.run(task.tune, keep=False, stop=stop)
        chain.run(task.draws, keep=True, stop=stop)

    with (
        single_threaded_blas(),
        ThreadPoolExecutor(min(task.chains, task.cores or processors())) as threads,
    ):
        try:
            run_on_threads(chains, work, threads, stop, report)
        except KeyboardInterrupt:
            interrupted = True
    kept = min(chain.kept for chain in chains)
    if interrupted and kept == 0:
        raise KeyboardInterrupt
    return SampledUnknownK(_collect(setup, chains, kept, every), interrupted)


def _collect(
    setup: SharedSetup, chains: list[TelescopingChain], kept: int, every: int
) -> VaryingDraws:
    """Return the first `kept` draws of every chain in the data's own units."""
    parts = [chain.draws(kept) for chain in chains]
    whiteners = np.concatenate([part.whiteners for part in parts])
    factors = np.linalg.inv(whiteners)
    means, covariances = setup.scaling.to_own_units(
        np.concatenate([part.means for part in parts]), factors @ factors.transpose(0, 2, 1)
    )
    return VaryingDraws(
        n_components=np.stack([part.n_components for part in parts]),
        n_filled=np.stack([part.n_filled for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        means=means,
        covariances=covariances,
        allocations=np.stack([part.allocations for part in parts]),
        every=every,
    )
