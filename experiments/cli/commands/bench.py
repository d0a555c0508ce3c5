"""`gmm-compare bench`: speed, as ratios."""

from __future__ import annotations

import click

from experiments.cli.commands import examples


@click.command(
    "bench",
    epilog=examples(
        "gmm-compare bench em --quick      EM against scikit-learn",
        "gmm-compare bench bayes           the samplers against the textbook model",
        "gmm-compare bench comparison      comparing two fits: seconds and memory",
        "gmm-compare bench scale           sweeps, data on disk, and a cost model",
    ),
)
@click.argument("what", type=click.Choice(["em", "bayes", "comparison", "scale"]))
@click.option("--quick", is_flag=True, help="Small sizes only, or fewer draws.")
def command(what: str, quick: bool) -> int:
    """Measure speed: of fitting against other libraries, of comparing against the clock.

    Ratios come from one run on one machine; close other programs, or judge by the processor's
    seconds.
    """
    from importlib import import_module

    status: int = import_module(f"experiments.benchmarks.{what}").main(quick=quick)
    return status
