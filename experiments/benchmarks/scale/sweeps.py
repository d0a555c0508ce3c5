"""Sweeps of many cells: what they cost beyond their fits, and whether memory stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil  # type: ignore[import-untyped]

from experiments.config.experiment import ExperimentConfig
from experiments.config.load import parse_config
from experiments.sweeps.plan import make_plan
from experiments.sweeps.progress import Progress
from experiments.sweeps.results import load_results
from experiments.sweeps.run import run_sweep

EM_CELL: dict[str, Any] = {
    "name": "scale",
    "n_components": 3,
    "engines": ["em"],
    "data": {
        "source": "synthetic",
        "n_samples": 500,
        "truth": {"kind": "generated", "n_features": 2, "average_overlap": 0.02},
    },
    "em": {"n_bootstrap": 0},
}
NUTS_CELL: dict[str, Any] = {
    **EM_CELL,
    "engines": ["em", "bayes"],
    "data": {**EM_CELL["data"], "n_samples": 300},
}


@dataclass(frozen=True)
class SweepTiming:
    """What a sweep took.

    Attributes
    ----------
    start : float
        Seconds before the first cell could run: plan and workers.
    seconds : float
        From then on, the results table included.
    fit_ms : float
        Milliseconds of a cell's fits.
    beyond_ms : float
        Milliseconds of a worker for a cell beyond them.
    plan_ms, own_ms : float
        Milliseconds of the processor that this process, which is one however many work, spends
        on a cell: before the first runs, and from then on.
    growth : float
        MiB by which a process grew, at most, between a quarter of the cells and the last.
    bytes_per_cell : float
        On disk, of its file and its row.
    """

    start: float
    seconds: float
    fit_ms: float
    beyond_ms: float
    plan_ms: float
    own_ms: float
    growth: float
    bytes_per_cell: float


@dataclass(frozen=True)
class NutsTiming:
    """Seconds of the whole sweep, of the slowest first cell, and of the median other cell."""

    seconds: float
    first: float
    median: float


class Watch:
    """Notes when cells begin to run, and what memory each process holds."""

    def __init__(self, total: int) -> None:
        self._quarter = total // 4
        self.began = self.own = 0.0
        self.early: dict[int, float] = {}
        self.late: dict[int, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Take notes at the first call, at a quarter of the cells, and at the last."""
        if not progress.done:
            self.began, self.own = time.perf_counter(), time.process_time()
        if progress.done == self._quarter:
            self.early = _memory()
        if not progress.missing:
            self.late = _memory()

    @property
    def growth(self) -> float:
        """MiB by which a process has grown, at most."""
        return max(self.late[i] - self.early[i] for i in self.late.keys() & self.early.keys())


def time_em_sweep(directory: Path, n_cells: int, n_workers: int) -> SweepTiming:
    """Run a sweep of EM alone and take its times."""
    config, watch = _config(EM_CELL, n_cells), Watch(n_cells)
    begin = time.process_time()
    make_plan(config)
    plan = time.process_time() - begin
    start = time.perf_counter()
    run_sweep(config, directory, n_workers=n_workers, watch=watch)
    end, own = time.perf_counter(), time.process_time() - watch.own
    fits = _done(directory, n_cells)["em.seconds"]
    on_disk = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    seconds = end - watch.began
    return SweepTiming(
        start=watch.began - start,
        seconds=seconds,
        fit_ms=1e3 * float(fits.mean()),
        beyond_ms=1e3 * (seconds * n_workers - float(fits.sum())) / n_cells,
        plan_ms=1e3 * plan / n_cells,
        own_ms=1e3 * own / n_cells,
        growth=watch.growth,
        bytes_per_cell=on_disk / n_cells,
    )


def time_nuts_sweep(directory: Path, n_cells: int, n_workers: int = 2) -> NutsTiming:
    """Run a sweep with NUTS and take its times."""
    start = time.perf_counter()
    run_sweep(_config(NUTS_CELL, n_cells), directory, n_workers=n_workers)
    seconds = time.perf_counter() - start
    # The first cell of each worker compiles, which no other takes as long as.
    cells = np.sort(_done(directory, n_cells)["cell_seconds"].to_numpy())
    return NutsTiming(seconds, float(cells[-1]), float(np.median(cells[:-n_workers])))


def _config(cell: dict[str, Any], n_cells: int) -> ExperimentConfig:
    return parse_config({**cell, "sweep": {"seeds": n_cells}}, "bench scale")


def _done(directory: Path, n_cells: int) -> pd.DataFrame:
    frame = load_results(directory)
    failed = frame[frame["status"] != "done"]
    if len(failed) or len(frame) != n_cells:
        raise RuntimeError(f"{len(failed)} of {n_cells} cells failed: {failed['error'].iloc[0]}")
    return frame


def _memory() -> dict[int, float]:
    """MiB that this process and those below it hold, by their number."""
    return {process.pid: process.memory_info().rss / 2**20 for process in _processes()}


def _processes() -> Iterator[psutil.Process]:
    own = psutil.Process(os.getpid())
    yield own
    yield from own.children(recursive=True)
