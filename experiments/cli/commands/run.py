"""`gmm-compare run`: one experiment or several."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.commands import examples
from experiments.cli.completers import complete_config, complete_override
from experiments.cli.show_run import run_and_show
from experiments.cli.show_sweep import sweep_and_show
from experiments.core.errors import UsageError


@click.command(
    "run",
    epilog=examples(
        "gmm-compare run quickstart",
        "gmm-compare run quickstart old-faithful --out results",
        "gmm-compare run quickstart --set data.n_samples=300 --set em.n_init=50",
        "gmm-compare run old-faithful --set n_components=3 --set name=three",
        'gmm-compare run quickstart --set \'engines=["em", "bayes", "sklearn"]\'',
        "gmm-compare run my.toml --json > comparison.json",
    ),
)
@click.argument(
    "configs", nargs=-1, required=True, metavar="CONFIG...", shell_complete=complete_config
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where the run directory goes; of several configs, the folder above.  "
    "[default: runs/NAME]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_override,
    help="Override a key of the config, for example em.n_init=50; may be repeated.",
)
@click.option("--quick", is_flag=True, help="The small size that the config's [quick] table says.")
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of the table.")
def command(
    configs: tuple[str, ...],
    out: Path | None,
    overrides: tuple[str, ...],
    quick: bool,
    as_json: bool,
) -> int:
    """Run experiments: fit, compare, print the answer and leave a report.

    CONFIG is a TOML file or the name of a shipped config (see `gmm-compare configs`). One with a
    [sweep] table is swept: `gmm-compare sweep` says how, and on what, it runs.
    """
    from experiments.config.load import load_config
    from experiments.storage.runs import check_target
    from experiments.sweeps.directory import SweepDirectory

    loaded = [load_config(config, overrides, quick) for config in configs]
    if len(loaded) == 1:
        targets = [out or Path("runs") / loaded[0].name]
    else:
        targets = [(out or Path("runs")) / config.name for config in loaded]
    if len(set(targets)) < len(targets):
        raise UsageError("two of the configs have the same name, allowed is each name once")
    # Every config is checked before the first one runs.
    for config, target in zip(loaded, targets, strict=True):
        if config.sweep is None:
            check_target(target)
        else:
            SweepDirectory(target).check()
    status = 0
    for config, target in zip(loaded, targets, strict=True):
        if config.sweep is None:
            run_and_show(config, target, as_json)
        else:
            status = max(status, sweep_and_show(config, target, as_json))
    return status
