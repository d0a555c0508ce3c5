"""`gmm-compare bench`: speed, as ratios."""

from __future__ import annotations

import click


@click.command("bench")
@click.argument("what", type=click.Choice(["em"]))
@click.option("--quick", is_flag=True, help="Small sizes only, to see that it runs.")
def command(what: str, quick: bool) -> int:
    """Measure speed against other libraries, as ratios in one run."""
    from importlib import import_module

    status: int = import_module(f"experiments.benchmarks.{what}").main(quick=quick)
    return status
