"""`gmm-compare schema`: for editors and for readers of comparison.json."""

from __future__ import annotations

import json

import click

from experiments.cli.commands import examples


@click.command(
    "schema",
    epilog=examples(
        "gmm-compare schema > gmm-compare.schema.json   for your editor",
        "gmm-compare schema --comparison                what `run --json` prints",
        "gmm-compare schema --components                of several numbers (-k 1-6)",
    ),
)
@click.option("--comparison", is_flag=True, help="That of comparison.json instead.")
@click.option("--components", is_flag=True, help="That of components.json instead.")
def command(comparison: bool, components: bool) -> None:
    """Print the JSON Schema of a config, for editors to complete from.

    It names every key, what is allowed there and what it means. An editor that knows TOML schemas
    reads it from a first line `#:schema gmm-compare.schema.json` of a config.
    """
    from experiments.api.comparison import Comparison
    from experiments.api.components import ComponentsComparison
    from experiments.config.experiment import ExperimentConfig

    if comparison or components:
        model = Comparison if comparison else ComponentsComparison
        found = model.model_json_schema(mode="serialization")
    else:
        found = ExperimentConfig.model_json_schema()
    click.echo(json.dumps(found, indent=1))
