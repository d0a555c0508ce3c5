"""One experiment run and shown: what `run` and `fit` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments import api, terminal
from experiments.storage.layout import REPORT

if TYPE_CHECKING:
    from experiments.config import ExperimentConfig


def run_and_show(config: ExperimentConfig, target: Path, as_json: bool) -> None:
    """Run one experiment, show its progress, and print what came of it."""
    with terminal.progress_bars(terminal.standard_error()) as progress:
        comparison = api.run_experiment(config, target, progress)
    if as_json:
        click.echo(comparison.to_json())
        return
    terminal.print_answer(comparison, api.conclusion_of_comparison(comparison))
    terminal.say(f"\nReport: {target / REPORT}")
