"""One experiment run and shown: what `run` and `fit` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from experiments.config.experiment import ExperimentConfig


def run_and_show(config: ExperimentConfig, target: Path, as_json: bool) -> None:
    """Run one experiment, show its progress, and print what came of it."""
    from rich.console import Console
    from rich.text import Text

    from experiments.analysis.headline import conclusion_of_comparison
    from experiments.api.run import run_experiment
    from experiments.storage.layout import REPORT
    from experiments.terminal.console import console
    from experiments.terminal.progress import bars

    with bars(Console(stderr=True)) as progress:
        comparison = run_experiment(config, target, progress)
    if as_json:
        click.echo(comparison.to_json())
        return
    out = console()
    out.print(comparison)
    out.print(Text(f"\n{conclusion_of_comparison(comparison)}", style="bold"))
    click.echo(f"\nReport: {target / REPORT}")
