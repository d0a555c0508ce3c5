"""`gmm-compare configs`: what ships."""

from __future__ import annotations

import json

import click

from experiments import config, terminal
from experiments.cli.summaries import examples


@click.command(
    "configs",
    epilog=examples(
        "gmm-compare configs",
        "gmm-compare run quickstart           run one of them",
        "gmm-compare run overlap --quick      a sweep, small enough to try",
        "gmm-compare configs --json",
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects as JSON instead.")
def command(as_json: bool) -> None:
    """List the configs that ship: name, kind, and the question that each asks.

    Kinds: `run` fits one number of components, `choose-k` several and lets criteria choose, `sweep`
    runs many experiments with something varied, `programs` draws posteriors by every program that
    is installed, and `gmm-compare run NAME` runs any of these. `sbc` is for `gmm-compare sbc NAME`,
    which checks a sampler.
    """
    loaded = [config.load_config(name) for name in config.shipped_configs()]
    if as_json:
        keys = ("name", "kind", "description")
        found = [{key: getattr(shipped, key) for key in keys} for shipped in loaded]
        click.echo(json.dumps(found, indent=1))
        return
    terminal.print_configs(loaded)
