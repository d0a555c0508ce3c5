"""Runs written to folders: values, posterior, page and how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from experiments.report.provenance import Provenance
from experiments.storage.environment import environment
from experiments.storage.layout import CONFIG, ENVIRONMENT, REPORT
from experiments.storage.runs import new_run


class Writable(Protocol):
    """What a run directory can hold: a comparison, or those at several numbers of components."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Wall-clock seconds of the fits, by engine."""

    def write_into(self, folder: Path) -> None:
        """Write the values, and the posterior where there is one, into a folder."""

    def write_page(self, path: Path, made: Provenance | None = None) -> Path:
        """Write the page."""


def write_run(directory: Path, comparison: Writable, config: str | None = None) -> Path:
    """Write a run directory so that it appears complete or not at all.

    An earlier run in its place is replaced when it came from the same config and data with the
    same versions, and so holds the same numbers; any other is moved aside to ``NAME-1``,
    ``NAME-2``, and so on.

    Parameters
    ----------
    directory : Path
    comparison : Comparison or ComponentsComparison
    config : str, optional
        Text of the resolved config.

    Raises
    ------
    UsageError
        If a run directory must not go there; see `experiments.storage.runs.check_target`.
    """
    with new_run(directory) as folder:
        found = {**environment(), "seconds": comparison.seconds}
        (folder / ENVIRONMENT).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        if config is not None:
            (folder / CONFIG).write_text(config, encoding="utf-8")
        comparison.write_into(folder)
        write_run_report(comparison, folder)
    return directory


def write_run_report(comparison: Writable, directory: Path) -> Path:
    """Write the page of a run directory, with what the directory says about how it was made."""
    return comparison.write_page(directory / REPORT, Provenance.of_run(directory))
