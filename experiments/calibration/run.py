"""A calibration from start to result: simulations kept as they come, and what they amount to."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from experiments.calibration.result import ALPHA, RESULT, SIMULATIONS, Calibrated
from experiments.calibration.simulate import Calibration
from experiments.calibration.simulator import N_DRAWS, Simulation, Simulator
from experiments.calibration.uniformity import Uniformity, holm
from experiments.calibration.unknown_k import UnknownKCalibration
from experiments.config.experiment import ExperimentConfig
from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.core.files import clear_scratch, refuse_unwritable, replacing
from experiments.core.progress import Report, silent
from experiments.core.seeds import stream
from experiments.datasets.load import load_dataset
from experiments.storage.layout import CONFIG

# Seconds after which a file with a temporary name was left by a process that is no more.
ABANDONED = 3600.0
MIN_SIMS = 20
"""Fewest simulations from which a calibration may be judged."""


def run_calibration(
    config: ExperimentConfig, directory: Path, n_sims: int, progress: Report = silent
) -> Calibrated:
    """Calibrate a config's posterior; write the result.

    Every simulation is kept in a file of its own as soon as it is done, under an address made of
    all that determines it, so that a run that was cut off goes on where it was.

    Parameters
    ----------
    config : ExperimentConfig
    directory : Path
    n_sims : int
        At least `MIN_SIMS`.
    progress : callable
        Called with (stage, done, total).

    Raises
    ------
    UsageError
        If the config, the directory or `n_sims` does not allow it.
    """
    if n_sims < MIN_SIMS:
        raise UsageError(f"--n-sims {n_sims}: allowed is {MIN_SIMS} or more")
    try:
        calibration = calibration_of(config)
    except UsageError as error:
        raise UsageError(f"{config.name}: {error}") from None
    _check_directory(directory)
    folder = directory / SIMULATIONS / address(config, calibration)
    folder.mkdir(parents=True, exist_ok=True)
    for place in (directory, folder):
        clear_scratch(place, ABANDONED)
    start = time.perf_counter()
    simulations = list(_simulations(calibration, folder, n_sims, progress))
    result = summarise(config, calibration, simulations, time.perf_counter() - start)
    with replacing(directory / CONFIG) as scratch:
        scratch.write_text(config.to_toml(), encoding="utf-8")
    with replacing(directory / RESULT) as scratch:
        scratch.write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")
    return result


def calibration_of(config: ExperimentConfig) -> Simulator:
    """Return the calibration of a config's posterior on data of the config's size.

    Raises
    ------
    UsageError
        If the config's prior, data or number of components does not allow it.
    """
    X = load_dataset(config.data, config.name, stream(config.seed, "data")).X
    if config.n_components == "auto":
        return UnknownKCalibration.of(config, X)
    return Calibration.of(config, X)


def summarise(
    config: ExperimentConfig,
    calibration: Simulator,
    simulations: list[Simulation],
    seconds: float = 0.0,
) -> Calibrated:
    """Test the ranks of all simulations."""
    names = simulations[0].ranks
    ranks = {name: [simulation.ranks[name] for simulation in simulations] for name in names}
    test = Uniformity(len(simulations), N_DRAWS + 1)
    p_values = {name: test.p_value(np.asarray(values)) for name, values in ranks.items()}
    return Calibrated(
        name=config.name,
        sampler=calibration.title,
        size=calibration.size,
        ranks=ranks,
        p_values=p_values,
        rejected=holm(p_values, ALPHA),
        n_sims=len(simulations),
        n_ranks=N_DRAWS + 1,
        n_short=sum(simulation.ess < N_DRAWS for simulation in simulations),
        seconds=seconds,
    )


def address(config: ExperimentConfig, calibration: Simulator) -> str:
    """Return sixteen hexadecimal digits of all that determines a simulation."""
    content = {
        "code": code_version(),
        "bayes": calibration.settings,
        "covariance_type": calibration.covariance_type,
        "size": list(calibration.size.values()),
        "seed": config.seed,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _simulations(
    calibration: Simulator, folder: Path, n_sims: int, progress: Report
) -> Iterator[Simulation]:
    progress("simulations", 0, n_sims)
    for number in range(n_sims):
        path = folder / f"{number:05d}.json"
        simulation = _read(path)
        if simulation is None:
            simulation = calibration.simulate(number)
            with replacing(path) as scratch:
                scratch.write_text(json.dumps(asdict(simulation)), encoding="utf-8")
        yield simulation
        progress("simulations", number + 1, n_sims)


def _read(path: Path) -> Simulation | None:
    """Return what is kept of a simulation, or None where nothing readable is."""
    try:
        kept = json.loads(path.read_bytes())
        return Simulation({str(k): int(v) for k, v in kept["ranks"].items()}, float(kept["ess"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _check_directory(directory: Path) -> None:
    refuse_unwritable(directory, "the calibration")
    if directory.is_dir():
        names = {entry.name for entry in directory.iterdir()}
        if names and SIMULATIONS not in names:
            raise UsageError(
                f"{directory}: holds files that are not a calibration's, allowed is a new or empty "
                "folder or that of an earlier calibration"
            )
