"""The experiments that ship as a table on standard output."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from experiments.config.experiment import ExperimentConfig
from experiments.terminal.streams import standard_output


def print_configs(configs: Iterable[ExperimentConfig]) -> None:
    """Print a line for each config: its name, its kind and the question that it asks."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for config in configs:
        table.add_row(config.name, config.kind, config.description)
    standard_output().print(table)
