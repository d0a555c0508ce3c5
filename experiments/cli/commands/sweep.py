"""`gmm-compare sweep`: many experiments from one config."""

from __future__ import annotations

from pathlib import Path

import click

from experiments import config
from experiments.cli.completers import complete_config, complete_override
from experiments.cli.show_run import show_dry_run
from experiments.cli.show_sweep import sweep_and_show, sweep_target
from experiments.cli.summaries import examples


@click.command(
    "sweep",
    epilog=examples(
        "gmm-compare sweep initialisation --quick",
        "gmm-compare sweep my.toml --workers 8 --out results/mine",
        "gmm-compare sweep my.toml --scheduler tls://host:8786",
        "gmm-compare sweep my.toml --set sweep.seeds=100 --retry-failed",
    ),
)
@click.argument("source", metavar="CONFIG", shell_complete=complete_config)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where the sweep goes.  [default: runs/NAME]"
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Processes on this machine; 0: this one only.  [default: one a processor]",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="An existing dask cluster, for example tls://host:8786."
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_override,
    help="Override a key of the config, for example sweep.seeds=50; may be repeated.",
)
@click.option("--quick", is_flag=True, help="The small size that the config's [quick] table says.")
@click.option("--retry-failed", is_flag=True, help="Run the cells that failed earlier again.")
@click.option(
    "--dry-run", is_flag=True, help="Show data, engines and about how long it takes; run nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print every cell as JSON.")
def command(  # noqa: PLR0913 - click hands over each option as a parameter
    source: str,
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    overrides: tuple[str, ...],
    quick: bool,
    retry_failed: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run the cells of a config's [sweep] table that are not done yet.

    Interrupt it at any moment: the same command goes on from there. Numbers do not depend on the
    workers. Exit status 1: some cells failed, the rest are kept.
    """
    loaded = config.load_config(source, overrides, quick)
    config.refuse_ignored("sweep", overrides, loaded, ("full",))
    target = sweep_target(loaded, out)
    if dry_run:
        show_dry_run(loaded, workers)
        return 0
    return sweep_and_show(
        loaded,
        target,
        as_json,
        n_workers=workers,
        scheduler=scheduler,
        retry_failed=retry_failed,
    )
