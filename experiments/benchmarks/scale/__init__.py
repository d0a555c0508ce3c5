"""Sweeps and data at their promised size, and what larger ones would cost: ``bench scale``.

Seconds of sweeps and of data on disk are the clock's, so that a busy machine shows in them; each
table says how busy it was. The cost model's are the processor's.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from experiments.benchmarks.scale.costs import Costs, measure_costs
from experiments.benchmarks.scale.counts import count_cells, count_rows, sweep_lines
from experiments.benchmarks.scale.disk import DiskFit, fit_on_disk, write_rows
from experiments.benchmarks.scale.sweeps import SweepTiming, time_em_sweep, time_nuts_sweep

# What is promised of each figure.
OVERHEAD_MS, SPEEDUP, GROWTH_MIB, NUTS_SECONDS, DISK_MIB = 15.0, 1.7, 20.0, 4.0, 500.0


def main(quick: bool = False) -> int:
    """Print the tables.

    Parameters
    ----------
    quick : bool, default False
        Few cells and few rows, to see that it runs.

    Returns
    -------
    int
        0.
    """
    with tempfile.TemporaryDirectory(prefix="gmm-compare-scale-") as name:
        folder = Path(name)
        sweep = _em_sweeps(folder, 30 if quick else 1000)
        _nuts_sweep(folder, 4 if quick else 60)
        _disk(folder, 500_000 if quick else 62_500_000)
    _costs(measure_costs(quick), sweep)
    return 0


def _em_sweeps(folder: Path, n_cells: int) -> SweepTiming:
    _title(f"{n_cells} cells of EM alone, N = 500, D = 2, K = 3")
    print(
        f"{'workers':>8}{'start (s)':>11}{'cells (s)':>11}{'fit (ms)':>10}{'beyond it (ms)':>16}"
        f"{'grown (MiB)':>13}"
    )
    found = []
    for workers in (1, 2):
        timing = time_em_sweep(folder / f"em-{workers}", n_cells, workers)
        print(
            f"{workers:8d}{timing.start:11.1f}{timing.seconds:11.1f}{timing.fit_ms:10.1f}"
            f"{timing.beyond_ms:16.1f}{timing.growth:13.1f}",
            flush=True,
        )
        found.append(timing)
    one, two = found
    speedup = (one.start + one.seconds) / (two.start + two.seconds)
    _judge("beyond the fit, a cell (two workers)", two.beyond_ms, OVERHEAD_MS, "ms")
    _judge("growth of the largest process", max(one.growth, two.growth), GROWTH_MIB, "MiB")
    _judge("two workers over one, start included", speedup, SPEEDUP, "times", at_least=True)
    return two


def _nuts_sweep(folder: Path, n_cells: int) -> None:
    _title(f"{n_cells} cells with NUTS, N = 300, D = 2, K = 3, two workers")
    found = time_nuts_sweep(folder / "nuts", n_cells)
    print(f"the first cell of each worker: {found.first:.1f} s; all: {found.seconds:.0f} s")
    _judge("median of the others", found.median, NUTS_SECONDS, "s")


def _disk(folder: Path, n_rows: int) -> None:
    path = write_rows(folder / "rows.npy", n_rows)
    _title(f"fit_em on {path.stat().st_size / 1e9:.2f} GB on disk, D = 4, K = 3")
    print(f"{'rows':<22}{'seconds':>9}{'peak (MiB)':>12}{'iterations':>12}  log-likelihood")
    found: dict[str, DiskFit] = {}
    for place in ("a dask array on disk", "a memory map", "in memory"):
        fit = found[place] = fit_on_disk(path, place)
        print(
            f"{place:<22}{fit.seconds:9.1f}{fit.peak_mib:12.0f}{fit.n_iter:12d}  "
            f"{fit.log_likelihood:.6f}",
            flush=True,
        )
    dask, mapped, memory = found.values()
    _judge("peak of the whole process", max(dask.peak_mib, mapped.peak_mib), DISK_MIB, "MiB")
    apart = max(abs(fit.log_likelihood / memory.log_likelihood - 1) for fit in (dask, mapped))
    _judge("log-likelihoods differ by", apart, 1e-10, "of themselves")


def _costs(costs: Costs, sweep: SweepTiming) -> None:
    _title("The cost model, fitted to this machine; one processor each")
    for line in costs.lines():
        print(line)
    for line in sweep_lines(sweep):
        print(line)
    for line in (*count_rows(costs), *count_cells(sweep)):
        print(line)


def _title(text: str) -> None:
    print(f"\n{text} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors)", flush=True)


def _judge(what: str, value: float, bound: float, unit: str, *, at_least: bool = False) -> None:
    met = value >= bound if at_least else value <= bound
    word = "at least" if at_least else "at most"
    print(
        f"  {what}: {value:.3g} {unit}, {word} {bound:g}: {'ok' if met else 'missed'}", flush=True
    )


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv))
