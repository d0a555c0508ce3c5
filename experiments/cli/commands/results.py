"""`gmm-compare results`: what a sweep has found so far."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.commands import examples


@click.command(
    "results",
    epilog=examples(
        "gmm-compare results runs/overlap",
        "gmm-compare results runs/overlap --columns",
        "gmm-compare results runs/overlap --csv > overlap.csv",
    ),
)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--columns", is_flag=True, help="Say what each column of the table holds.")
@click.option("--json", "as_json", is_flag=True, help="Print every cell as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every cell as CSV.")
def command(directory: Path, columns: bool, as_json: bool, as_csv: bool) -> None:
    """Show the results table of a sweep, finished or not: a line for each point of its axes."""
    from experiments.sweeps.results import read_results
    from experiments.terminal.sweep_results import print_columns, print_results

    results = read_results(directory)
    if columns:
        print_columns(results, as_json)
    else:
        print_results(results, as_json=as_json, as_csv=as_csv)
