"""What a shell may offer for a half-typed argument: configs, their keys, engines."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from experiments import config, engines


def complete_config(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the shipped configs, and files."""
    names = [name for name in config.shipped_configs() if name.startswith(incomplete)]
    # The last item asks the shell to complete the word as the name of a file.
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def complete_override(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the keys of a config, followed by an equals sign, then the values of some keys."""
    key, equals, _ = incomplete.partition("=")
    if equals:
        values = config.allowed_values(config.ExperimentConfig).get(key, ())
        offered = [f"{key}={value}" for value in values]
        return [CompletionItem(text) for text in offered if text.startswith(incomplete)]
    keys = [f"{key}=" for key in config.known_keys(config.ExperimentConfig)]
    return [CompletionItem(key) for key in keys if key.startswith(incomplete)]


def complete_engines(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer engines, after those already named before a comma."""
    return _next_of(list(engines.available_engines()), incomplete)


def complete_structures(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer structures of covariances, after those already named before a comma."""
    return _next_of(list(config.COVARIANCE_NAMES), incomplete)


def _next_of(names: list[str], incomplete: str) -> list[CompletionItem]:
    before, comma, last = incomplete.rpartition(",")
    named = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in names
        if name.startswith(last) and name not in named
    ]
