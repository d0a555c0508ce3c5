"""Keys given on the command line that a command would ignore: they are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from experiments.config.experiment import ExperimentConfig
from experiments.core.errors import UsageError

# What only a sweep uses.
OF_A_SWEEP = ("sweep", "conclusion")
# What is not used where every program that is installed draws the posterior.
NOT_OF_PROGRAMS = (
    *OF_A_SWEEP,
    "engines",
    "em",
    "bayes",
    "settings",
    "full",
    "thresholds",
    "covariance_type",
)


def refuse_ignored(
    command: str, overrides: Sequence[str], config: ExperimentConfig, unused: Collection[str] = ()
) -> None:
    """Refuse overrides that would change nothing.

    Parameters
    ----------
    command : str
        What the error calls the command.
    overrides : sequence of str
        ``KEY=VALUE`` strings, as `load_config` takes them.
    config : ExperimentConfig
        What came of them.
    unused : collection of str
        Tables and keys of the config that this command does not use.

    Raises
    ------
    UsageError
        Naming the key.
    """
    for override in overrides:
        key = override.partition("=")[0].strip()
        for table, allowed in _ignored(config, unused):
            if key == table or key.startswith(f"{table}."):
                raise UsageError(f"--set {key}: {command} would ignore it, allowed is {allowed}")


def _ignored(config: ExperimentConfig, unused: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the tables that change nothing, each with what is allowed instead."""
    yield "quick", "the option --quick, or the keys themselves"
    for table in unused:
        yield table, "a key that it uses"
    # A sweep may vary the engines, and each cell then uses the tables of its own.
    if "engines" not in unused and (config.sweep is None or "engines" not in config.sweep.over):
        for name in {"em", "bayes"} - set(config.engines):
            yield name, f"a setting of {', '.join(config.engines)}, the engines that are fitted"
