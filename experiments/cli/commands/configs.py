"""`gmm-compare configs`: what ships."""

from __future__ import annotations

import json

import click

from experiments.cli.commands import examples


@click.command(
    "configs",
    epilog=examples(
        "gmm-compare configs",
        "gmm-compare run quickstart           run one of them",
        "gmm-compare run overlap --quick      a sweep, small enough to try",
        "gmm-compare configs --json",
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects as JSON instead.")
def command(as_json: bool) -> None:
    """List the configs that ship: name, kind, and the question that each asks.

    Kinds: `run` fits one number of components, `choose-k` several and lets criteria choose, `sweep`
    runs many experiments with something varied. `gmm-compare run NAME` runs any of them.
    """
    from experiments.config.load import load_config, shipped_configs

    loaded = [load_config(name) for name in shipped_configs()]
    if as_json:
        keys = ("name", "kind", "description")
        found = [{key: getattr(config, key) for key in keys} for config in loaded]
        click.echo(json.dumps(found, indent=1))
        return
    from rich.table import Table

    from experiments.terminal.console import console

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for config in loaded:
        table.add_row(config.name, config.kind, config.description)
    console().print(table)
