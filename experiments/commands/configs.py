"""`gmm-compare configs`: what ships."""

from __future__ import annotations

import click


@click.command("configs")
def command() -> None:
    """List the configs that ship, and the question that each asks."""
    from experiments.config import load_config, shipped_configs

    for name in shipped_configs():
        click.echo(f"{name:<16}{load_config(name).description}")
