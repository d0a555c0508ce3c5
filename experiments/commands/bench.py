"""`gmm-compare bench`: speed, as ratios."""

from __future__ import annotations

import click

from experiments.commands import examples


@click.command("bench", epilog=examples("gmm-compare bench em --quick", "gmm-compare bench bayes"))
@click.argument("what", type=click.Choice(["em", "bayes"]))
@click.option("--quick", is_flag=True, help="Small sizes only, to see that it runs.")
def command(what: str, quick: bool) -> int:
    """Measure speed against other libraries, as ratios in one run."""
    from importlib import import_module

    status: int = import_module(f"experiments.benchmarks.{what}").main(quick=quick)
    return status
