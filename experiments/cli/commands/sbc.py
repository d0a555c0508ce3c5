"""`gmm-compare sbc`: simulation-based calibration."""

from __future__ import annotations

from pathlib import Path

import click

from experiments import calibration, config, report, terminal
from experiments.cli.completers import complete_config, complete_override
from experiments.cli.summaries import examples


@click.command(
    "sbc",
    epilog=examples(
        "gmm-compare sbc sbc-nuts                      a config that ships",
        "gmm-compare sbc sbc-unknown-k                 the number of components, too",
        "gmm-compare sbc my.toml --n-sims 1000         your own prior",
    ),
)
@click.argument("source", metavar="CONFIG", shell_complete=complete_config)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where it goes.  [default: runs/NAME-sbc]"
)
@click.option(
    "--n-sims", type=int, default=300, show_default=True, help="Data sets to draw from the prior."
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_override,
    help="Override a key of the config, for example bayes.sampler=gibbs; may be repeated.",
)
def command(source: str, out: Path | None, n_sims: int, overrides: tuple[str, ...]) -> int:
    """Check that a sampler draws the posterior: simulation-based calibration.

    Truths are drawn from the config's prior, data of the config's size from the truths, and the
    ranks of the truths among the draws of their posteriors must be uniform (Talts et al. 2018). A
    run that was cut off goes on where it was. With n_components = "auto" the number of components
    is drawn from its prior, too, and is one of the quantities. Exit status 1: not calibrated.
    """
    loaded = config.load_config(source, overrides)
    of_the_other = "bayes" if loaded.n_components == "auto" else "settings"
    unused = ("em", "full", "engines", of_the_other, "thresholds", *config.OF_A_SWEEP)
    config.refuse_ignored("sbc", overrides, loaded, unused)
    directory = out or Path("runs") / f"{loaded.name}-sbc"
    page = directory / calibration.PAGE
    with terminal.progress_bars(terminal.standard_error()) as progress:
        try:
            result = calibration.run_calibration(loaded, directory, n_sims, progress)
            report.write_calibration_report(result, page)
        except KeyboardInterrupt:
            terminal.say(
                f"gmm-compare: interrupted: what was done is kept in {directory}, "
                "the same command goes on",
                to_error=True,
            )
            return 130
    width = max(map(len, result.p_values))
    click.echo(f"{'quantity':<{width}}  p-value")
    for name, p_value in result.p_values.items():
        mark = "  not uniform" if name in result.rejected else ""
        click.echo(f"{name:<{width}}  {p_value:7.2g}{mark}")
    click.echo(f"\n{result.sentence}")
    if result.n_short:
        click.echo(
            f"Simulations with draws worth fewer than {result.n_ranks - 1} independent ones: "
            f"{result.n_short} of {result.n_sims}."
        )
    terminal.say(f"Figure: {page}")
    return 0 if result.calibrated else 1
