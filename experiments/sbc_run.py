"""A calibration from start to result: simulations kept as they come, and what they amount to."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.code_version import code_version
from experiments.config import ExperimentConfig
from experiments.errors import UsageError
from experiments.progress import Report, silent
from experiments.sbc import N_DRAWS, Calibration, Simulation
from experiments.sbc_uniformity import Uniformity, holm
from experiments.store import CONFIG, replacing

RESULT, PAGE, SIMULATIONS = "sbc.json", "sbc.html", "simulations"
ALPHA = 0.01
"""Probability that a calibrated sampler is called miscalibrated, over all quantities."""
MIN_SIMS = 20
MAX_SHORT = 0.05
"""Share of simulations that may have fewer effective draws than ranks need."""


@dataclass(frozen=True)
class Calibrated:
    """The result of a calibration.

    Attributes
    ----------
    name, sampler : str
    size : mapping of str to int
        ``n_samples``, ``n_features``, ``n_components``.
    ranks : mapping of str to list of int
        Of each quantity, by simulation.
    p_values : mapping of str to float
    rejected : tuple of str
        Quantities whose ranks are not uniform.
    n_sims, n_ranks : int
    n_short : int
        Simulations whose draws were worth too little, however long the chains.
    seconds : float
        Of this run; simulations that were there already cost nothing.
    """

    name: str
    sampler: str
    size: Mapping[str, int]
    ranks: Mapping[str, list[int]]
    p_values: Mapping[str, float]
    rejected: tuple[str, ...]
    n_sims: int
    n_ranks: int
    n_short: int
    seconds: float

    @property
    def mixed(self) -> bool:
        """Whether enough posteriors were drawn well enough to rank a truth in."""
        return self.n_short <= MAX_SHORT * self.n_sims

    @property
    def calibrated(self) -> bool:
        """Whether nothing speaks against the sampler."""
        return self.mixed and not self.rejected

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.rejected:
            named = ", ".join(self.rejected[:3]) + (" and more" if len(self.rejected) > 3 else "")
            return (
                f"Not calibrated: ranks of {len(self.rejected)} of {len(self.p_values)} quantities "
                f"are not uniform ({named}; a calibrated sampler is told so in {ALPHA:.0%} of all "
                "calibrations at most)."
            )
        if not self.mixed:
            return (
                f"Not calibrated: in {self.n_short} of {self.n_sims} simulations the draws were "
                f"worth fewer than {self.n_ranks - 1} independent ones; the sampler does not mix."
            )
        return (
            f"Calibrated: ranks of all {len(self.p_values)} quantities are uniform "
            f"({self.n_sims} simulations, false-alarm rate {ALPHA:.0%})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        return {
            "schema_version": 1,
            **asdict(self),
            "rejected": list(self.rejected),
            "alpha": ALPHA,
            "calibrated": self.calibrated,
            "sentence": self.sentence,
        }


def run_calibration(
    config: ExperimentConfig, directory: Path, n_sims: int, progress: Report = silent
) -> Calibrated:
    """Calibrate a config's posterior; write the result and its figure.

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
    from experiments.sbc_figure import write_page

    if n_sims < MIN_SIMS:
        raise UsageError(f"--n-sims {n_sims}: allowed is {MIN_SIMS} or more")
    try:
        calibration = Calibration.of(config)
    except UsageError as error:
        raise UsageError(f"{config.name}: {error}") from None
    _check_directory(directory)
    folder = directory / SIMULATIONS / address(config, calibration)
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    simulations = list(_simulations(calibration, folder, n_sims, progress))
    result = summarise(config, calibration, simulations, time.perf_counter() - start)
    with replacing(directory / CONFIG) as scratch:
        scratch.write_text(config.to_toml(), encoding="utf-8")
    with replacing(directory / RESULT) as scratch:
        scratch.write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")
    write_page(result, directory / PAGE)
    return result


def summarise(
    config: ExperimentConfig,
    calibration: Calibration,
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
        sampler=f"{config.bayes.sampler} with prior {config.bayes.prior.kind}",
        size={
            name: getattr(calibration, name) for name in ("n_samples", "n_features", "n_components")
        },
        ranks=ranks,
        p_values=p_values,
        rejected=holm(p_values, ALPHA),
        n_sims=len(simulations),
        n_ranks=N_DRAWS + 1,
        n_short=sum(simulation.ess < N_DRAWS for simulation in simulations),
        seconds=seconds,
    )


def address(config: ExperimentConfig, calibration: Calibration) -> str:
    """Return sixteen hexadecimal digits of all that determines a simulation."""
    content = {
        "code": code_version(),
        "bayes": config.bayes.model_dump(mode="json"),
        "covariance_type": calibration.covariance_type,
        "size": [calibration.n_samples, calibration.n_features, calibration.n_components],
        "seed": config.seed,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _simulations(
    calibration: Calibration, folder: Path, n_sims: int, progress: Report
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
    for folder in (directory, *directory.parents):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is a file, allowed is a folder for the calibration")
    if directory.is_dir():
        names = {entry.name for entry in directory.iterdir()}
        if names and SIMULATIONS not in names:
            raise UsageError(
                f"{directory}: holds files that are not a calibration's, allowed is a new or empty "
                "folder or that of an earlier calibration"
            )
