"""What a shell may offer for a half-typed argument: configs, their keys, engines."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def complete_config(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the shipped configs, and files."""
    from experiments.config.load import shipped_configs

    offered = [CompletionItem(name) for name in shipped_configs() if name.startswith(incomplete)]
    # The shell itself knows files best.
    return [*offered, CompletionItem(incomplete, type="file")]


def complete_override(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the keys of a config, followed by an equals sign."""
    from experiments.config.experiment import ExperimentConfig
    from experiments.config.keys import known_keys

    keys = [f"{key}=" for key in known_keys(ExperimentConfig)]
    return [CompletionItem(key) for key in keys if key.startswith(incomplete)]


def complete_engines(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer engines, after those already named before a comma."""
    from experiments.engines.registry import available_engines

    before, comma, last = incomplete.rpartition(",")
    named = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in available_engines()
        if name.startswith(last) and name not in named
    ]
