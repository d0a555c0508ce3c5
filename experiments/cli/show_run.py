"""One experiment run and shown: what `run` and `fit` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments import api, programs, terminal
from experiments.storage.layout import REPORT

if TYPE_CHECKING:
    from experiments.config import ExperimentConfig


def run_and_show(config: ExperimentConfig, target: Path, as_json: bool) -> int:
    """Run one experiment, show its progress, and print what came of it; return the exit status."""
    console = terminal.standard_error()
    with terminal.progress_bars(console) as progress:
        comparison = api.run_experiment(
            config, target, progress, lambda found: terminal.announce(console, found)
        )
    if as_json:
        click.echo(comparison.to_json())
        return 0
    terminal.print_answer(comparison, api.conclusion_of_comparison(comparison))
    terminal.say(f"\nReport: {target / REPORT}")
    return 0


def show_dry_run(config: ExperimentConfig, n_workers: int | None = None) -> None:
    """Print what an experiment or a sweep would do, and about how long it would take."""
    if config.programs is not None:
        click.echo(programs.foresee_programs(config))
        return
    found = api.foresee(config) if config.sweep is None else api.foresee_sweep(config, n_workers)
    terminal.print_foreseen(found)
