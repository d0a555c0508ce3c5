"""`gmm-compare report`: the page again, from the stored numbers."""

from __future__ import annotations

from pathlib import Path

import click

from experiments import api, report, terminal
from experiments.cli.summaries import examples
from experiments.storage.layout import MANIFEST


@click.command(
    "report",
    epilog=examples("gmm-compare run quickstart", "gmm-compare report runs/quickstart"),
)
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Write the report of a run or a sweep again, from the numbers in its directory.

    Of a sweep that is still running, or was interrupted, it shows the cells that are done.
    """
    if (directory / MANIFEST).is_file():
        path = report.write_sweep_report(directory)
    else:
        path = api.write_run_report(api.read_run(directory), directory)
    terminal.say(f"Report: {path}")
