"""Many experiments from one config. Imports: analysis and the rooms below it.

A plan of cells, workers that run them, a directory that keeps them, and the results table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.sweeps.directory import SweepDirectory
    from experiments.sweeps.results import SweepResults, load_results, read_results
    from experiments.sweeps.run import run_sweep

__all__ = [
    "SweepDirectory",
    "SweepResults",
    "load_results",
    "read_results",
    "run_sweep",
]

_HOMES = {
    "SweepDirectory": "experiments.sweeps.directory",
    "SweepResults": "experiments.sweeps.results",
    "load_results": "experiments.sweeps.results",
    "read_results": "experiments.sweeps.results",
    "run_sweep": "experiments.sweeps.run",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
