"""``gmm-compare bench programs``: the experiment of that name, as a bench."""

from __future__ import annotations

from pathlib import Path

from experiments.config.load import load_config
from experiments.programs.run import run_programs


def main(quick: bool = False, out: Path | None = None) -> int:
    """Print the table, and what the programs say of each other.

    Parameters
    ----------
    quick : bool, default False
        300 draws a chain instead of 1000.
    out : Path, optional
        A folder for the page and for what each program found.

    Returns
    -------
    int
        1 where two programs draw different posteriors of one model; else 0.
    """
    return int(run_programs(load_config("programs", quick=quick), out).failed)
