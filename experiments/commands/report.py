"""`gmm-compare report`: the page again, from the stored numbers."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.commands import examples


@click.command(
    "report",
    epilog=examples("gmm-compare run quickstart", "gmm-compare report runs/quickstart"),
)
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Write the report of a run directory again, from its comparison.json."""
    from experiments.store import read_run, write_run_report

    path = write_run_report(read_run(directory), directory)
    click.echo(f"Report: {path}")
