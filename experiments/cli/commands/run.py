"""`gmm-compare run`: one experiment or several."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from experiments import config, storage, sweeps
from experiments.cli.completers import complete_config, complete_override
from experiments.cli.show_programs import run_programs_and_show
from experiments.cli.show_run import run_and_show, show_dry_run
from experiments.cli.show_sweep import sweep_and_show
from experiments.cli.summaries import examples
from experiments.core.errors import UsageError
from experiments.core.files import refuse_unwritable

# What differs between the kinds of configs; the others fit once, and compare.
UNUSED: dict[str, Callable[[], tuple[str, ...]]] = {
    "sweep": lambda: ("full",),
    "programs": lambda: config.NOT_OF_PROGRAMS,
}
CHECKS: dict[str, Callable[[Path], None]] = {
    "sweep": lambda target: sweeps.SweepDirectory(target).check(),
    # A run of programs that was interrupted goes on in its folder.
    "programs": partial(refuse_unwritable, purpose="the results of the programs"),
}
SHOWN = {"sweep": sweep_and_show, "programs": run_programs_and_show}


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
@click.option(
    "--dry-run", is_flag=True, help="Show data, engines and about how long it takes; run nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of the table.")
def command(
    configs: tuple[str, ...],
    out: Path | None,
    overrides: tuple[str, ...],
    quick: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run experiments: fit, compare, print the answer and leave a report.

    CONFIG is a TOML file or the name of a shipped config (see `gmm-compare configs`). One with a
    [sweep] table is swept: `gmm-compare sweep` says how, and on what, it runs. One with a
    [programs] table draws one posterior by every program that is installed.
    """
    loaded = [config.load_config(source, overrides, quick) for source in configs]
    for experiment in loaded:
        unused = UNUSED.get(experiment.kind, lambda: config.OF_A_SWEEP)()
        config.refuse_ignored("run", overrides, experiment, unused)
    if dry_run:
        for experiment in loaded:
            show_dry_run(experiment)
        return 0
    if len(loaded) == 1:
        targets = [out or Path("runs") / loaded[0].name]
    else:
        targets = [(out or Path("runs")) / experiment.name for experiment in loaded]
    if len(set(targets)) < len(targets):
        raise UsageError("two of the configs have the same name, allowed is each name once")
    # Every config is checked before the first one runs.
    for experiment, target in zip(loaded, targets, strict=True):
        CHECKS.get(experiment.kind, storage.check_target)(target)
    status = 0
    for experiment, target in zip(loaded, targets, strict=True):
        show = SHOWN.get(experiment.kind, run_and_show)
        status = max(status, show(experiment, target, as_json))
    return status
