"""The command line: `gmm-compare`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from experiments.errors import UsageError

if TYPE_CHECKING:
    from experiments.config import ExperimentConfig

EPILOG = """
\b
Examples:
  gmm-compare run quickstart                     a known mixture, three components
  gmm-compare run old-faithful --set seed=7      real data, another seed
  gmm-compare run my.toml --out results/mine     your own config
  gmm-compare fit mydata.csv -k 3                your own table of numbers
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gmm-compare")
def cli() -> None:
    """Fit a Gaussian mixture by EM and by Bayes, and learn whether to believe it."""


@cli.command()
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
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
    help="Override a key of the config, for example em.n_init=50; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of the table.")
def run(
    configs: tuple[str, ...], out: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Run experiments: fit, compare, print the answer and leave a report.

    CONFIG is a TOML file or the name of a shipped config (see `gmm-compare configs`).
    """
    from experiments.config import load_config
    from experiments.store import check_target

    loaded = [load_config(config, overrides) for config in configs]
    if len(loaded) == 1:
        targets = [out or Path("runs") / loaded[0].name]
    else:
        targets = [(out or Path("runs")) / config.name for config in loaded]
    if len(set(targets)) < len(targets):
        raise UsageError("two of the configs have the same name, allowed is each name once")
    # Every config is checked before the first one runs.
    for target in targets:
        check_target(target)
    for config, target in zip(loaded, targets, strict=True):
        _run(config, target, as_json)


@cli.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-k", "--components", type=int, required=True, help="Number of components K.")
@click.option("--columns", help="Names of the columns to use, separated by commas.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the whole run.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME-kK]"
)
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of the table.")
def fit(
    data: Path, components: int, columns: str | None, seed: int, out: Path | None, as_json: bool
) -> None:
    """Fit your own table: a CSV file with a header line, or a .npy array."""
    from experiments.config import parse_config, safe_name

    table: dict[str, Any] = {"source": "file", "path": str(data.resolve())}
    if columns is not None:
        table["columns"] = [name.strip() for name in columns.split(",")]
    values = {
        "name": safe_name(f"{data.stem}-k{components}"),
        "seed": seed,
        "n_components": components,
        "data": table,
    }
    config = parse_config(values, "gmm-compare fit")
    _run(config, out or Path("runs") / config.name, as_json)


@cli.command()
def configs() -> None:
    """List the configs that ship, and the question that each asks."""
    from experiments.config import load_config, shipped_configs

    for name in shipped_configs():
        click.echo(f"{name:<16}{load_config(name).description}")


@cli.command()
@click.option("--comparison", is_flag=True, help="That of comparison.json instead.")
def schema(comparison: bool) -> None:
    """Print the JSON Schema of a config, for editors to complete from."""
    from experiments.comparison import Comparison
    from experiments.config import ExperimentConfig

    found = (
        Comparison.model_json_schema(mode="serialization")
        if comparison
        else ExperimentConfig.model_json_schema()
    )
    click.echo(json.dumps(found, indent=1))


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
def report(directory: Path) -> None:
    """Write the report of a run directory again, from its comparison.json."""
    from experiments.store import REPORT, read_run

    path = read_run(directory).report(directory / REPORT)
    click.echo(f"Report: {path}")


@cli.command()
@click.argument("what", type=click.Choice(["em"]))
@click.option("--quick", is_flag=True, help="Small sizes only, to see that it runs.")
def bench(what: str, quick: bool) -> int:
    """Measure speed against other libraries, as ratios in one run."""
    from importlib import import_module

    status: int = import_module(f"experiments.benchmarks.{what}").main(quick=quick)
    return status


def _run(config: ExperimentConfig, target: Path, as_json: bool) -> None:
    from rich.console import Console

    from experiments.progress import bars
    from experiments.runner import run_experiment
    from experiments.store import REPORT

    with bars(Console(stderr=True)) as progress:
        comparison = run_experiment(config, target, progress)
    if as_json:
        click.echo(comparison.to_json())
        return
    # A pipe has no width of its own: 80 columns are what every reader has.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 80)
    console.print(comparison)
    click.echo(f"\nReport: {target / REPORT}")


def main() -> None:
    """Run the command line; exit 0 done, 1 the work failed, 2 the caller's mistake."""
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except UsageError as error:
        _fail(str(error), 2)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted: nothing was written", 130)
    except BrokenPipeError:
        # The reader has left: what it has not read is not missed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'input/output'}: {error.strerror or error}", 1)
    sys.exit(status or 0)


def _fail(message: str, status: int) -> None:
    line = " ".join(message.split())
    click.echo(f"gmm-compare: {line}", err=True)
    sys.exit(status)
