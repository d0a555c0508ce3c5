"""One program on one data set, in a process of its own, so that nothing is loaded or compiled yet.

``python -m experiments.programs.measure PROGRAM LABEL STARTED FOLDER`` reads the config in the
folder, and writes what it found beside it.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from experiments.config.experiment import ExperimentConfig
from experiments.config.load import load_config
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines
from experiments.engines.registry import load_engine
from experiments.programs.cases import PosteriorCase, cases_of, programs_of
from experiments.programs.contestants import Contestant, contestants
from experiments.programs.stored import Measured, place_of, write
from experiments.storage.layout import CONFIG

CHAINS = 4
# Draws a chain of the first fit, and those that tune it. SMC needs twice as many as parameters.
FIRST_DRAWS, FIRST_TUNE = 40, 20
# Of `ru_maxrss`: Linux counts KiB, macOS bytes.
PER_MIB = 2**20 if sys.platform == "darwin" else 2**10


def settings_of(program: Contestant, draws: int, tune: int) -> dict[str, Any]:
    """Return the settings of a program's engine, as far as it has them."""
    asked = {**program.settings, "draws": draws, "tune": tune, "chains": CHAINS}
    known = load_engine(program.engine).settings.model_fields
    return {name: value for name, value in asked.items() if name in known}


def measure(
    program: Contestant, case: PosteriorCase, config: ExperimentConfig, started: float, folder: Path
) -> Measured:
    """Fit twice, a few draws first, and write what was found into a folder.

    Parameters
    ----------
    program : Contestant
    case : PosteriorCase
        The data.
    config : ExperimentConfig
        Says how many draws are kept of each chain, after as many that tune it, and the seed.
    started : float
        When the process was started, by `time.time`.
    folder : Path
        Of the program and the data.
    """
    dataset, draws = case.dataset(), programs_of(config).draws

    def fit_with(settings: dict[str, Any]) -> Fit:
        return _fit(program, dataset, case.n_components, settings, config.seed)

    fit_with(settings_of(program, FIRST_DRAWS, FIRST_TUNE))
    first = time.time() - started
    clock, processors = time.perf_counter(), sum(os.times()[:4])
    settings = settings_of(program, draws, draws)
    fit = fit_with(settings)
    seconds = time.perf_counter() - clock
    found = fit.diagnostics
    measured = Measured(
        data=case.label,
        program=program.name,
        title=program.title or fit.title,
        first=first,
        seconds=seconds,
        cpu=sum(os.times()[:4]) - processors,
        mib=largest_memory(),
        ess=float(found["min_ess_bulk"]),
        r_hat=float(found["max_r_hat"]),
        n_draws=int(found["n_draws"]),
        n_divergent=int(found.get("n_divergent") or 0),
        lines=program.lines,
        settings=settings,
    )
    write(folder, measured, fit)
    return measured


def largest_memory() -> float:
    """Return the largest memory in MiB of this process or of one that it called, such as Stan's."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in both) / PER_MIB


def _fit(
    program: Contestant, dataset: Dataset, n_components: int, settings: dict[str, Any], seed: int
) -> Fit:
    name = program.engine
    return fit_engines(dataset, n_components, [name], {name: settings}, seed)[name]


def main(name: str, label: str, started: str, folder: str) -> None:
    """Measure what the arguments say."""
    config = load_config(Path(folder) / CONFIG)
    place = place_of(Path(folder), label, name)
    measure(contestants()[name], cases_of(config)[label], config, float(started), place)


if __name__ == "__main__":
    main(*sys.argv[1:])
