"""`gmm-compare configs`: what ships."""

from __future__ import annotations

import click

from experiments.commands import examples


@click.command("configs", epilog=examples("gmm-compare configs", "gmm-compare run quickstart"))
def command() -> None:
    """List the configs that ship: name, kind, and the question that each asks."""
    from experiments.config import load_config, shipped_configs

    loaded = [load_config(name) for name in shipped_configs()]
    width = max(len(config.name) for config in loaded)
    for config in loaded:
        click.echo(f"{config.name:<{width}}  {config.kind:<8}  {config.description}")
