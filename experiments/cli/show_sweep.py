"""One sweep run and shown: what `sweep` and `run` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.core.errors import UsageError

if TYPE_CHECKING:
    from experiments.config.experiment import ExperimentConfig

INTERRUPTED = 130


def sweep_and_show(
    config: ExperimentConfig,
    target: Path,
    as_json: bool = False,
    *,
    n_workers: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
) -> int:
    """Run a sweep, show its progress and its results; return the exit status.

    0: every cell is done. 1: some failed, the rest are kept. 130: interrupted.
    """
    from rich.console import Console

    from experiments.report.sweep.page import write_sweep_report
    from experiments.sweeps.results import read_results
    from experiments.sweeps.run import run_sweep
    from experiments.terminal.sweep_progress import display
    from experiments.terminal.sweep_results import print_results

    with display(Console(stderr=True)) as watch:
        try:
            sweep = run_sweep(
                config,
                target,
                n_workers=n_workers,
                scheduler=scheduler,
                retry_failed=retry_failed,
                watch=watch,
            )
        except KeyboardInterrupt:
            watch.stop()
            click.echo(f"gmm-compare: interrupted: {watch.state()}", err=True)
            return INTERRUPTED
    results = read_results(target)
    report = write_sweep_report(target)
    print_results(results, as_json=as_json)
    if not as_json:
        if sweep.aside is not None:
            click.echo(f"Results of another version of the code were moved to {sweep.aside}")
        click.echo(f"Results: {target}")
        click.echo(f"Report: {report}")
    if sweep.failed:
        click.echo(
            f"gmm-compare: {sweep.failed} of {sweep.total} cells failed, the rest are kept: "
            f"--retry-failed tries them again, and `gmm-compare results {target}` shows the errors",
            err=True,
        )
    return 1 if sweep.failed else 0


def sweep_target(config: ExperimentConfig, out: Path | None) -> Path:
    """Return where a sweep goes.

    Raises
    ------
    UsageError
        If the config is no sweep.
    """
    if config.sweep is None:
        raise UsageError(
            f"{config.name}: no [sweep] table in the config, allowed is one with it; "
            "`gmm-compare run` runs a single experiment"
        )
    return out or Path("runs") / config.name
