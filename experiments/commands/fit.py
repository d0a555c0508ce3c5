"""`gmm-compare fit`: the user's own table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from experiments.commands.one_run import run_and_show


@click.command("fit")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-k", "--components", type=int, required=True, help="Number of components K.")
@click.option("--columns", help="Names of the columns to use, separated by commas.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the whole run.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME-kK]"
)
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of the table.")
def command(
    data: Path, components: int, columns: str | None, seed: int, out: Path | None, as_json: bool
) -> None:
    """Fit your own table: a CSV file with a header line, or a .npy array."""
    from experiments.config import parse_config, safe_name

    table: dict[str, Any] = {"source": "file", "path": str(data.resolve())}
    if columns is not None:
        table["columns"] = [name.strip() for name in columns.split(",")]
    values = {
        "name": safe_name(f"{data.stem}-k{components}"),
        "seed": seed,
        "n_components": components,
        "data": table,
    }
    config = parse_config(values, "gmm-compare fit")
    run_and_show(config, out or Path("runs") / config.name, as_json)
