"""Many experiments from one config: what is missing is run, what is done is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.analysis.thresholds import thresholds_with
from experiments.config.experiment import ExperimentConfig
from experiments.sweeps.cell import Task
from experiments.sweeps.directory import SweepDirectory
from experiments.sweeps.plan import Cell, Plan, make_plan
from experiments.sweeps.progress import Progress, Watch, unwatched
from experiments.sweeps.results import write_results
from experiments.sweeps.workers import Workers, workers


@dataclass(frozen=True)
class Sweep:
    """What a call of `run_sweep` did.

    Attributes
    ----------
    directory : Path
    total, done, failed : int
        Cells of the sweep, by what became of them.
    ran : int
        Those that this call ran; the others were there.
    aside : Path or None
        Where the results of another version of the code were moved.
    """

    directory: Path
    total: int
    done: int
    failed: int
    ran: int
    aside: Path | None


def run_sweep(
    config: ExperimentConfig,
    directory: str | Path,
    *,
    n_workers: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    watch: Watch = unwatched,
) -> Sweep:
    """Run the cells of a sweep that are not done yet, and write the results table.

    Numbers do not depend on where or in what order cells run. A script that calls this with local
    workers needs ``if __name__ == "__main__":`` around the call, as with every process pool.

    Parameters
    ----------
    config : ExperimentConfig
        With a ``[sweep]`` table.
    directory : str or Path
        Of the sweep, new or begun earlier. Results that other code made are moved aside.
    n_workers : int, optional
        Processes on this machine, by default one for each processor; 0 runs in this process.
    scheduler : str, optional
        Address of an existing `dask.distributed` cluster to run on instead.
    retry_failed : bool, default False
        Whether cells that failed earlier are run again.
    watch : callable
        Called with a `Progress` as cells finish.

    Returns
    -------
    Sweep

    Raises
    ------
    UsageError
        If a cell's config, the directory or the cluster cannot be used: before anything is run.
    OSError
        If a result cannot be written. What was written before stays, and the same call goes on
        from there; so it does after an interrupt.
    """
    store = SweepDirectory(Path(directory))
    store.check()
    thresholds_with(config.thresholds)
    plan = make_plan(config)
    aside = store.make_room(plan.code)
    with store.locked():
        store.begin(plan)
        progress = Progress(len(plan.cells))
        todo = list(_todo(store, plan, retry_failed, progress))
        progress.before = progress.total - len(todo)
        try:
            if todo:
                at_most = min(n_workers, len(todo)) if n_workers else n_workers
                with workers(at_most, scheduler) as place:
                    _run(store, plan, todo, place, progress, watch)
            write_results(store, plan)
        except OSError as error:
            raise _with_advice(error, progress) from error
    return Sweep(store.path, progress.total, progress.done, progress.failed, len(todo), aside)


def _todo(
    store: SweepDirectory, plan: Plan, retry_failed: bool, progress: Progress
) -> Iterator[Cell]:
    """Yield the cells to run, and count the others."""
    for cell in plan.cells:
        status = store.status(cell.address)
        if status == "done":
            progress.done += 1
        elif status == "failed" and not retry_failed:
            progress.failed += 1
        else:
            yield cell


def _run(
    store: SweepDirectory,
    plan: Plan,
    todo: list[Cell],
    place: Workers,
    progress: Progress,
    watch: Watch,
) -> None:
    # Points of a random sweep may coincide: their cells are one.
    copies = Counter(cell.address for cell in todo)
    keep = plan.config.sweep.keep if plan.config.sweep else "scalars"
    running: dict[str, dict[str, Any]] = {}

    def tasks() -> Iterator[Task]:
        # Made one at a time: a million configs would not fit in memory.
        for cell in {cell.address: cell for cell in todo}.values():
            values = plan.config_of(cell).model_dump(mode="json", exclude_none=True)
            running[cell.address] = values
            yield Task(cell.address, values, keep)

    def show() -> None:
        progress.running = min(place.n_running, len(running))
        watch(progress)

    show()
    for address, outcome in place.run(tasks(), len(copies)):
        store.write(address, running.pop(address), outcome)
        progress.failed += copies[address] if outcome.error else 0
        progress.done += 0 if outcome.error else copies[address]
        show()


def _with_advice(error: OSError, progress: Progress) -> OSError:
    """Say what is kept and what to do, in the one line that the command prints."""
    reason = error.strerror or str(error)
    kept = progress.done + progress.failed
    advice = f"{reason}: {kept} of {progress.total} cells are kept, and the same command goes on"
    return OSError(error.errno, advice, error.filename)
