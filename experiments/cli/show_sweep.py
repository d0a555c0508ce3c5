"""One sweep run and shown: what `sweep` and `run` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from experiments import api, report, sweeps, terminal
from experiments.core.errors import UsageError

if TYPE_CHECKING:
    from experiments.config import ExperimentConfig

# The exit status of a program that Ctrl-C ended: 128 and the number of the signal.
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
    console = terminal.standard_error()
    # How much of a sweep is left that was begun before, and how fast a cluster is, is not known.
    if scheduler is None and not target.exists():
        terminal.announce(console, api.foresee_sweep(config, n_workers))
    with terminal.sweep_bar(console) as watch:
        try:
            sweep = sweeps.run_sweep(
                config,
                target,
                n_workers=n_workers,
                scheduler=scheduler,
                retry_failed=retry_failed,
                watch=watch,
            )
            results = sweeps.read_results(target)
            page = report.write_sweep_report(target)
        except KeyboardInterrupt:
            watch.stop()
            terminal.say(f"gmm-compare: interrupted: {watch.state(target)}", to_error=True)
            return INTERRUPTED
    terminal.print_results(results, as_json=as_json)
    if not as_json:
        if sweep.aside is not None:
            terminal.say(f"Results of another version of the code were moved to {sweep.aside}")
        terminal.say(f"Results: {target}")
        terminal.say(f"Report: {page}")
    if sweep.failed:
        terminal.say(
            f"gmm-compare: {sweep.failed} of {sweep.total} cells failed, the rest are kept: "
            f"--retry-failed tries them again, and `gmm-compare results {target}` shows the errors",
            to_error=True,
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
