"""The table of all programs on all data sets: in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.programs.stored import Measured


@dataclass(frozen=True)
class Column:
    """A number of the table.

    Attributes
    ----------
    title : str
    value : callable
        From what was measured; None where it is not known.
    form : str
        How it is written.
    means : str
        What it is.
    """

    title: str
    value: Callable[[Measured], float | None]
    form: str
    means: str

    def text(self, measured: Measured) -> str:
        """Write the number of one program on one data set."""
        value = self.value(measured)
        return "?" if value is None else f"{value:{self.form}}"


COLUMNS: tuple[Column, ...] = (
    Column(
        "first (s)",
        lambda one: one.first,
        ".1f",
        "seconds from the start of a process to the end of a fit of a few draws: importing, "
        "compiling, finding starts",
    ),
    Column(
        "fit (s)",
        lambda one: one.seconds,
        ".1f",
        "seconds of the fit after that: tuning, drawing, aligning, and what is compiled anew",
    ),
    Column("ESS", lambda one: one.ess, ".0f", "the smallest bulk ESS of a parameter"),
    Column("ESS/s", lambda one: one.rate, ".0f", "effective draws per second of the clock"),
    Column("ESS/CPU s", lambda one: one.cpu_rate, ".0f", "per second of a processor"),
    Column("R-hat", lambda one: one.r_hat, ".3f", "the largest of a parameter"),
    Column("MiB", lambda one: one.mib, ".0f", "the largest memory of a process"),
    Column("lines", lambda one: one.lines, "d", "of code that state the model"),
)


def header() -> str:
    """Return the line of titles."""
    return f"{'data':<14}{'program':<10}" + "".join(f"{one.title:>11}" for one in COLUMNS)


def row(measured: Measured) -> str:
    """Return the line of a program on a data set."""
    numbers = "".join(f"{one.text(measured):>11}" for one in COLUMNS)
    return f"{measured.data:<14}{measured.title:<10}{numbers}"


def legend() -> list[str]:
    """Say what the columns are."""
    return [f"  {one.title:<10} {one.means}" for one in COLUMNS]


def by_data(found: Sequence[Measured]) -> dict[str, list[Measured]]:
    """Group what was measured by its data set, in the order of both."""
    groups: dict[str, list[Measured]] = {}
    for one in found:
        groups.setdefault(one.data, []).append(one)
    return groups
