"""Every program that is installed, run and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments import programs
from experiments.storage.layout import REPORT

if TYPE_CHECKING:
    from experiments.config import ExperimentConfig


def run_programs_and_show(config: ExperimentConfig, target: Path, as_json: bool) -> int:
    """Measure and compare all programs, and print each line as it is known.

    The exit status is 1 where two programs draw different posteriors of one model, else 0.
    """
    ran = programs.run_programs(config, target, click.echo if not as_json else _nothing)
    click.echo(json.dumps(ran.to_dict(), indent=1) if as_json else f"\nReport: {target / REPORT}")
    return int(ran.failed)


def _nothing(_: str) -> None:
    """Say nothing."""
