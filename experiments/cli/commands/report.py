"""`gmm-compare report`: the page again, from the stored numbers."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.commands import examples


@click.command(
    "report",
    epilog=examples("gmm-compare run quickstart", "gmm-compare report runs/quickstart"),
)
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Write the report of a run or a sweep again, from the numbers in its directory.

    Of a sweep that is still running, or was interrupted, it shows the cells that are done.
    """
    from experiments.api.saved import read_run
    from experiments.api.saving import write_run_report
    from experiments.report.sweep.page import write_sweep_report
    from experiments.storage.layout import MANIFEST

    if (directory / MANIFEST).is_file():
        path = write_sweep_report(directory)
    else:
        path = write_run_report(read_run(directory), directory)
    click.echo(f"Report: {path}")
