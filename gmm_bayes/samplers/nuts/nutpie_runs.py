"""A run of nutpie that reports progress and can be interrupted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import nutpie
from numpy.typing import NDArray

from gmm_bayes.samplers.contract import Task, usable_cores
from gmm_bayes.samplers.nuts.output import STATISTICS, NUTSSettings

_POLL_SECONDS = 0.02


def run_nutpie(settings: NUTSSettings, task: Task, model: Any) -> tuple[Any, bool]:
    """Run nutpie in the background and report its progress.

    Parameters
    ----------
    settings : NUTSSettings
    task : Task
    model : object
        A density in the form that nutpie compiles.

    Returns
    -------
    trace : xarray.DataTree
    interrupted : bool
        Whether the user stopped the run.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before every chain has a draw to keep.
    """
    total = task.chains * (task.draws + task.tune)
    finished = 0

    def count(chains: list[Any]) -> None:
        nonlocal finished  # called from nutpie's thread: only an integer is handed over
        finished = sum(chain.finished_draws for chain in chains)

    background = nutpie.sample(
        model,
        draws=task.draws,
        tune=task.tune,
        chains=task.chains,
        cores=usable_cores(task),
        seed=int(task.seed.generate_state(1, np.uint64)[0]),
        target_accept=settings.target_accept,
        maxdepth=settings.max_treedepth,
        adaptation=settings.adaptation,
        progress_bar=False,
        progress_callback=count,
        progress_rate=50,
        blocking=False,
    )
    try:
        trace, interrupted = None, False
        while trace is None:
            try:
                trace = _quietly(background.wait, timeout=_POLL_SECONDS)
            except TimeoutError:
                task.progress(finished, total)
    except KeyboardInterrupt:
        trace, interrupted = _quietly(background.abort), True
        if common_length(trace) == 0:
            raise
    except BaseException:  # the progress callback failed: leave no sampler running behind its back
        background.cancel()
        raise
    if not interrupted:
        task.progress(total, total)
    return trace, interrupted


def _quietly(function: Callable[..., Any], **options: Any) -> Any:
    """Call `function` without ArviZ's warning of a trace that has fewer draws than chains.

    ArviZ takes such a trace for one with exchanged dimensions. Here it is an interrupted run.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found .* dimension to be longer than")
        return function(**options)


def common_length(trace: Any) -> int:
    """Return how many draws every chain has.

    A chain that was interrupted has NaN in place of its missing draws.
    """
    if "posterior" not in trace.children or not trace["posterior"].sizes.get("draw", 0):
        return 0
    values = next(iter(trace["posterior"].data_vars.values())).to_numpy()
    there = np.isfinite(values.reshape(*values.shape[:2], -1)).all(axis=-1)
    return int(there.sum(axis=1).min())


def statistics(trace: Any, n_draws: int) -> Mapping[str, NDArray[Any]]:
    """Return the statistics of the first `n_draws` draws of each chain, under ArviZ's names."""
    stats = trace["sample_stats"]
    return {new: stats[old].to_numpy()[:, :n_draws] for old, new in STATISTICS.items()}
