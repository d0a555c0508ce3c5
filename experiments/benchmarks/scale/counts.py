"""What the cost model says of a billion rows and of a million cells, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from experiments.benchmarks.scale.costs import Costs
from experiments.benchmarks.scale.sweeps import SweepTiming

ROWS, N_FEATURES, N_COMPONENTS, CHUNK_ROWS = 1_000_000_000, 4, 3, 1_000_000
CELLS = 1_000_000
# Iterations on all rows: runs begin where those on a sample of the rows have ended.
ITERATIONS = 30
# A machine of the arithmetic.
PROCESSORS, MEMORY_GB, HOURS = 16, 64, 1.0


def sweep_lines(sweep: SweepTiming) -> Iterator[str]:
    """Write down what a sweep costs."""
    yield (
        f"seconds of a sweep = {sweep.start:.1f} + cells (fit + {sweep.beyond_ms / 1e3:.4f}) / "
        f"workers, and no less than {_own(sweep):.4f} cells"
    )
    yield f"bytes of a sweep on disk = {sweep.bytes_per_cell:.0f} cells"


def count_rows(costs: Costs) -> Iterator[str]:
    """Yield the arithmetic of a billion rows."""
    iteration = costs.em.seconds(ROWS, N_FEATURES, N_COMPONENTS)
    work = ITERATIONS * iteration
    gigabytes = 8 * ROWS * N_FEATURES / 1e9
    chunks = ROWS // CHUNK_ROWS
    scheduler = ITERATIONS * chunks * costs.chunk
    left = HOURS * 3600 - scheduler
    machines = max(1, ceil(work / PROCESSORS / left)) if left > 0 else 0
    seconds = work / PROCESSORS / max(machines, 1) + scheduler
    yield f"\nA billion rows, D = {N_FEATURES}, K = {N_COMPONENTS}"
    yield f"  rows: 8 x {ROWS:.0e} x {N_FEATURES} bytes = {gigabytes:.0f} GB"
    yield (
        f"  one iteration: {iteration:.0f} s of a processor; {ITERATIONS} of them: "
        f"{work:.0f} s = {work / 3600:.1f} h"
    )
    yield (
        f"  scheduler: {ITERATIONS} iterations x {chunks} chunks x {costs.chunk:.1e} s = "
        f"{scheduler:.0f} s"
    )
    yield (
        f"  on one machine of {PROCESSORS} processors: {work / PROCESSORS:.0f} + {scheduler:.0f} s "
        f"= {(work / PROCESSORS + scheduler) / 60:.0f} min, "
        + (
            f"in {MEMORY_GB} GB of memory"
            if gigabytes < MEMORY_GB
            else f"from disk, or in the memory of {ceil(gigabytes / MEMORY_GB)} machines"
        )
    )
    yield f"  within {HOURS:g} h: {machines} of these machines, {seconds / 60:.0f} min"


def count_cells(sweep: SweepTiming) -> Iterator[str]:
    """Yield the arithmetic of a million cells like those measured."""
    each = (sweep.fit_ms + sweep.beyond_ms) / 1e3
    work = CELLS * each
    machine = work / PROCESSORS
    driver = CELLS * _own(sweep)
    useful = max(1, ceil(machine / driver))
    yield "\nA million cells of EM, N = 500, D = 2, K = 3"
    yield (
        f"  a cell: {sweep.fit_ms:.1f} ms of fit + {sweep.beyond_ms:.1f} ms beyond it; a million: "
        f"{work:.0f} s = {work / 3600:.1f} h of a processor"
    )
    yield f"  on one machine of {PROCESSORS} processors: {machine / 3600:.1f} h"
    yield (
        f"  the process that plans and writes: {sweep.plan_ms:.2f} + {sweep.own_ms:.2f} ms a cell, "
        f"{driver / 3600:.1f} h in all, which no number of machines shortens"
    )
    yield (
        f"  so {useful} such machines finish in {max(machine / useful, driver) / 3600:.1f} h, and "
        "more would wait"
    )
    yield f"  on disk: {sweep.bytes_per_cell:.0f} bytes a cell, {sweep.bytes_per_cell / 1e3:.1f} GB"


def _own(sweep: SweepTiming) -> float:
    return (sweep.plan_ms + sweep.own_ms) / 1e3
