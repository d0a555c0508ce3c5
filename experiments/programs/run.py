"""Draws each posterior by every program that is installed, and says how they compare."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.api.comparing import compare_fits
from experiments.api.comparison import Comparison
from experiments.api.saving import write_run
from experiments.config.experiment import ExperimentConfig
from experiments.core.errors import FitError, UsageError
from experiments.core.files import refuse_unwritable, replacing
from experiments.core.processor import processor_line
from experiments.engines.fit import fit_engines
from experiments.engines.registry import what_is_missing
from experiments.programs.cases import PosteriorCase, cases_of, programs_of
from experiments.programs.contestants import STATEMENTS, contestants
from experiments.programs.measure import CHAINS
from experiments.programs.page import write_page
from experiments.programs.stored import Measured, place_of, read_fit
from experiments.programs.table import header, legend, row
from experiments.storage.layout import CONFIG, REPORT
from experiments.values.comparison import Finding

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ran:
    """What all programs found.

    Attributes
    ----------
    measured : tuple of Measured
        Of every data set and program.
    compared : mapping of str to Comparison
        The posteriors of each data set.
    """

    measured: tuple[Measured, ...]
    compared: Mapping[str, Comparison]

    @property
    def failed(self) -> bool:
        """Whether two programs draw different posteriors of one model."""
        return any(
            finding.level == "fail"
            for comparison in self.compared.values()
            for finding in said_of_programs(comparison)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: what was measured, and what the programs say of each other."""
        return {
            "measured": [
                {**asdict(one), "rate": one.rate, "cpu_rate": one.cpu_rate} for one in self.measured
            ],
            "verdict": {
                label: [finding.model_dump() for finding in said_of_programs(comparison)]
                for label, comparison in self.compared.items()
            },
        }


def run_programs(config: ExperimentConfig, out: Path | None = None, say: Say = print) -> Ran:
    """Measure every program on every data set, and compare what they drew.

    Parameters
    ----------
    config : ExperimentConfig
        With a table `[programs]`.
    out : Path, optional
        A folder for the config, `programs.json`, `report.html`, the comparison of each data set,
        and what each program found, from which an interrupted run goes on.
    say : callable, default print
        Called with each line as it is known.

    Raises
    ------
    UsageError
        If the config or the folder cannot be used.
    FitError
        If a program fails.
    """
    cases, programs = cases_of(config), contestants()
    if out is not None:
        refuse_unwritable(out, "the results of the programs")
    for line in _lead(config, list(cases), list(programs)):
        say(line)
    with _folder(config, out) as folder:
        found = []
        for case in cases.values():
            for name in programs:
                found.append(_measured(folder, case, name))
                say(row(found[-1]))
        compared = {
            label: _compare(folder, case, list(programs), config.seed)
            for label, case in cases.items()
        }
        ran = Ran(tuple(found), compared)
        if out is not None:
            for label, comparison in compared.items():
                write_run(folder / label, comparison)
            with replacing(folder / "programs.json") as scratch:
                scratch.write_text(json.dumps(ran.to_dict(), indent=1) + "\n", encoding="utf-8")
            write_page(folder / REPORT, config, cases, ran.measured, compared)
    for label, comparison in compared.items():
        say(f"\n{label}, K = {cases[label].n_components}")
        for finding in said_of_programs(comparison):
            say(f"  {finding.level:<5}{finding.text}")
    return ran


def foresee_programs(config: ExperimentConfig) -> str:
    """Say what a run would do."""
    cases = ", ".join(f"{one.label} (K = {one.n_components})" for one in cases_of(config).values())
    programs = contestants()
    lines = [
        f"{config.name}: {cases}",
        f"programs: {', '.join(programs)}",
        *_missing(list(programs)),
        f"{CHAINS} chains of {programs_of(config).draws} draws by each; nobody knows how long that "
        "takes.",
        "Nothing was run.",
    ]
    return "\n".join(lines)


def said_of_programs(comparison: Comparison) -> list[Finding]:
    """Return the findings about several posteriors."""
    return [finding for finding in comparison.verdict if finding.id.startswith("posteriors")]


def _lead(config: ExperimentConfig, labels: Sequence[str], programs: Sequence[str]) -> list[str]:
    draws = programs_of(config).draws
    return [
        f"The posterior of {len(labels)} data sets under InverseWishartPrior() by "
        f"{len(programs)} programs: {CHAINS} chains of {draws} draws after {draws} of tuning.",
        *_missing(programs),
        processor_line(),
        *legend(),
        f"\n{header()}",
    ]


def _missing(present: Sequence[str]) -> list[str]:
    """Name the programs that could take part, were they installed."""
    absent = [name for name in STATEMENTS if name not in present]
    return [f"Engine {name} needs {what_is_missing(name)}." for name in absent]


@contextmanager
def _folder(config: ExperimentConfig, out: Path | None) -> Iterator[Path]:
    """Give the folder that was asked for, or one that is gone afterwards, with the config in it."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="gmm-compare-programs-") as made:
            (Path(made) / CONFIG).write_text(config.to_toml(), encoding="utf-8")
            yield Path(made)
        return
    out.mkdir(parents=True, exist_ok=True)
    text, kept = config.to_toml(), out / CONFIG
    if kept.exists() and kept.read_text(encoding="utf-8") != text:
        raise UsageError(f"{out} has what another config found, allowed is a folder of its own")
    with replacing(kept) as scratch:
        scratch.write_text(text, encoding="utf-8")
    yield out


def _measured(folder: Path, case: PosteriorCase, name: str) -> Measured:
    """Measure in a process of its own, or read what was measured before."""
    place = place_of(folder, case.label, name)
    if not (place / "measured.json").is_file():
        place.mkdir(parents=True, exist_ok=True)
        task = [name, case.label, repr(time.time()), str(folder)]
        module = "experiments.programs.measure"
        done = subprocess.run(
            [sys.executable, "-m", module, *task], capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise FitError(f"{case.label}: {name} did not draw the posterior: {last}")
    return Measured.read(place)


def _compare(folder: Path, case: PosteriorCase, names: Sequence[str], seed: int) -> Comparison:
    """Compare the programs with each other, and with EM."""
    dataset = case.dataset()
    em = fit_engines(dataset, case.n_components, ["em"], {"em": {"n_bootstrap": 0}}, seed)
    drawn = {name: read_fit(place_of(folder, case.label, name), dataset.X) for name in names}
    return compare_fits(dataset, {**em, **drawn}, experiment=case.label, seed=seed)
