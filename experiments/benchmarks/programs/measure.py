"""One program on one data set, in a process of its own, so that nothing is loaded or compiled yet.

``python -m experiments.benchmarks.programs.measure PROGRAM DATA DRAWS STARTED FOLDER`` writes what
it found into the folder.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks.programs.contestants import Contestant, contestants
from experiments.benchmarks.programs.stored import Measured, write
from experiments.config.load import load_config
from experiments.core.seeds import stream
from experiments.datasets.dataset import Dataset
from experiments.datasets.load import load_dataset
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines
from experiments.engines.registry import load_engine

# Configs that ship, and with how many components their data are fitted.
DATA = {"quickstart": 3, "old-faithful": 2, "galaxies": 3}
CHAINS = 4
# Draws a chain of the first fit, and those that tune it. SMC needs twice as many as parameters.
FIRST_DRAWS, FIRST_TUNE = 40, 20
SEED = 2026
# Of `ru_maxrss`: Linux counts KiB, macOS bytes.
PER_MIB = 2**20 if sys.platform == "darwin" else 2**10


def rows_of(data: str) -> Dataset:
    """Return the rows of one of the configs in `DATA`."""
    config = load_config(data)
    return load_dataset(config.data, data, stream(config.seed, "data"), DATA[data])


def settings_of(program: Contestant, draws: int, tune: int) -> dict[str, Any]:
    """Return the settings of a program's engine, as far as it has them."""
    asked = {**program.settings, "draws": draws, "tune": tune, "chains": CHAINS}
    known = load_engine(program.engine).settings.model_fields
    return {name: value for name, value in asked.items() if name in known}


def measure(name: str, data: str, draws: int, started: float, folder: Path) -> Measured:
    """Fit twice, a few draws first, and write what was found into a folder.

    Parameters
    ----------
    name : str
        Of a contestant.
    data : str
        One of `DATA`.
    draws : int
        Kept of each chain, after as many that tune it.
    started : float
        When the process was started, by `time.time`.
    folder : Path
    """
    program, dataset = contestants()[name], rows_of(data)
    _fit(program, dataset, data, settings_of(program, FIRST_DRAWS, FIRST_TUNE))
    first = time.time() - started
    clock, processors = time.perf_counter(), sum(os.times()[:4])
    settings = settings_of(program, draws, draws)
    fit = _fit(program, dataset, data, settings)
    seconds = time.perf_counter() - clock
    found = fit.diagnostics
    measured = Measured(
        data=data,
        program=name,
        title=program.title or fit.title,
        first=first,
        seconds=seconds,
        cpu=sum(os.times()[:4]) - processors,
        mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PER_MIB,
        ess=float(found["min_ess_bulk"]),
        r_hat=float(found["max_r_hat"]),
        n_draws=int(found["n_draws"]),
        n_divergent=int(found.get("n_divergent") or 0),
        lines=program.lines,
        settings=settings,
    )
    write(folder, measured, fit)
    return measured


def _fit(program: Contestant, dataset: Dataset, data: str, settings: dict[str, Any]) -> Fit:
    name = program.engine
    return fit_engines(dataset, DATA[data], [name], {name: settings}, SEED)[name]


if __name__ == "__main__":
    measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
