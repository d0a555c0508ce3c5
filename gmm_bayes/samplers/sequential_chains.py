"""Chains that run one after another, each on every processor, as those of ADVI and SMC do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gmm_bayes.core.cores import processors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.many import BatchDensity, density_of
from gmm_bayes.samplers.contract import Task


def run_sequentially[Run](
    task: Task,
    target: LogPosterior,
    run: Callable[[Task, BatchDensity, int, np.random.SeedSequence], Run],
) -> tuple[list[Run], bool]:
    """Run the chains in order, and keep those that are complete when the user interrupts.

    Parameters
    ----------
    task : Task
    target : LogPosterior
    run : callable
        Given the task, the density of `target`, the chain's number and its seed.

    Returns
    -------
    runs : list
        What `run` returned, in the order of the chains.
    interrupted : bool

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before the first chain is complete.
    """
    runs: list[Run] = []
    with density_of(target, task.cores or processors()) as density:
        try:
            for chain, seed in enumerate(task.seed.spawn(task.chains)):
                runs.append(run(task, density, chain, seed))
        except KeyboardInterrupt:
            if not runs:
                raise
            return runs, True
    return runs, False
