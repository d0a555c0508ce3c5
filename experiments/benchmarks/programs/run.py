"""Draws each posterior by every program that is installed, and prints how they compare."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from experiments.api.comparing import compare_fits
from experiments.api.comparison import Comparison
from experiments.api.saving import write_run
from experiments.benchmarks.programs.contestants import contestants
from experiments.benchmarks.programs.measure import CHAINS, DATA, SEED, rows_of
from experiments.benchmarks.programs.page import write_page
from experiments.benchmarks.programs.stored import Measured, read_fit
from experiments.benchmarks.programs.table import header, legend, row
from experiments.core.errors import FitError
from experiments.core.files import refuse_unwritable
from experiments.core.processor import processor_line
from experiments.engines.fit import fit_engines
from experiments.engines.registry import LIBRARIES
from experiments.values.comparison import Finding

DRAWS = 1000
QUICK_DRAWS = 300


def main(quick: bool = False, out: Path | None = None) -> int:
    """Print the table, and what the programs say of each other.

    Parameters
    ----------
    quick : bool, default False
        300 draws a chain instead of 1000.
    out : Path, optional
        A folder for `report.html`, for the comparison of each data set, and for what each program
        found, from which an interrupted bench goes on.

    Returns
    -------
    int
        1 where two programs draw different posteriors of one model; else 0.
    """
    draws = QUICK_DRAWS if quick else DRAWS
    programs = contestants()
    if out is not None:
        refuse_unwritable(out, "the results of the bench")
    print(
        f"The posterior of {len(DATA)} data sets under InverseWishartPrior() by "
        f"{len(programs)} programs: {CHAINS} chains of {draws} draws after {draws} of tuning."
    )
    print(_missing(list(programs)), end="")
    print(processor_line())
    print("\n".join(legend()))
    print(f"\n{header()}", flush=True)
    with _folder(out) as folder:
        found = [_measured(folder, data, name, draws) for data in DATA for name in programs]
        compared = {data: _compare(folder, data, list(programs)) for data in DATA}
        if out is not None:
            for data, comparison in compared.items():
                write_run(folder / data, comparison)
            print(f"\n{write_page(out / 'report.html', found, compared, draws)}")
    failed = False
    for data, comparison in compared.items():
        print(f"\n{data}, K = {DATA[data]}")
        for finding in said_of_programs(comparison):
            failed |= finding.level == "fail"
            print(f"  {finding.level:<5}{finding.text}")
    return int(failed)


def said_of_programs(comparison: Comparison) -> list[Finding]:
    """Return the findings about several posteriors."""
    return [finding for finding in comparison.verdict if finding.id.startswith("posteriors")]


def _missing(present: Sequence[str]) -> str:
    """Name the programs that could take part, were they installed."""
    absent = [name for name in LIBRARIES if name not in present]
    return "".join(
        f"Not installed: {name} (pip install 'gmm-compare[{name}]').\n" for name in absent
    )


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """Give the folder that was asked for, or one that is gone afterwards."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="gmm-compare-programs-") as made:
        yield Path(made)


def _measured(folder: Path, data: str, name: str, draws: int) -> Measured:
    """Measure in a process of its own, or read what was measured before, and print it."""
    place = _place(folder, data, name)
    if not _is_there(place, draws):
        place.mkdir(parents=True, exist_ok=True)
        task = [name, data, str(draws), repr(time.time()), str(place)]
        module = "experiments.benchmarks.programs.measure"
        done = subprocess.run(
            [sys.executable, "-m", module, *task], capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise FitError(f"{data}: {name} did not draw the posterior: {last}")
    found = Measured.read(place)
    print(row(found), flush=True)
    return found


def _place(folder: Path, data: str, name: str) -> Path:
    return folder / "programs" / data / name


def _is_there(place: Path, draws: int) -> bool:
    """Whether a program was measured before, with as many draws."""
    if not (place / "measured.json").is_file():
        return False
    return bool(Measured.read(place).settings.get("draws", draws) == draws)


def _compare(folder: Path, data: str, names: Sequence[str]) -> Comparison:
    """Compare the programs with each other, and with EM."""
    dataset = rows_of(data)
    em = fit_engines(dataset, DATA[data], ["em"], {"em": {"n_bootstrap": 0}}, SEED)
    drawn = {name: read_fit(_place(folder, data, name), dataset.X) for name in names}
    return compare_fits(dataset, {**em, **drawn}, experiment=data, seed=SEED)
