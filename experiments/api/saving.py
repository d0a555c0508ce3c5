"""Runs written to folders: the values, the posterior, the page, and how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from experiments.report.page.failed import write_failed_page
from experiments.report.provenance import Provenance
from experiments.storage.environment import environment
from experiments.storage.layout import CONFIG, ENVIRONMENT, REPORT
from experiments.storage.runs import new_run


class Writable(Protocol):
    """What a run directory can hold: a `Comparison` or a `ComponentsComparison`."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Wall-clock seconds of the fits, by engine."""

    def write_into(self, folder: Path) -> None:
        """Write the values, and the posterior where there is one, into a folder."""

    def write_page(self, path: Path, made: Provenance | None = None) -> Path:
        """Write the page."""


def write_run(directory: Path, comparison: Writable, config: str | None = None) -> Path:
    """Write a run directory: its numbers appear complete or not at all, then its page.

    A page that cannot be drawn therefore costs no number; see `write_run_report`.

    An earlier run in its place is replaced if it came from the same config and data with the same
    versions, because it then holds the same numbers. Any other is moved aside to ``NAME-1``,
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
    write_run_report(comparison, directory)
    return directory


def write_run_report(comparison: Writable, directory: Path) -> Path:
    """Write the page of a run directory, with what the directory says of how the run was made.

    Of a figure that cannot be drawn the page says why. Where the page as a whole cannot be made, a
    page that says so takes its place.

    Raises
    ------
    UsageError
        If a file that says how the run was made is damaged.
    OSError
        If the page cannot be written.
    """
    made, path = Provenance.of_run(directory), directory / REPORT
    try:
        return comparison.write_page(path, made)
    except OSError:
        raise
    except Exception as error:
        return write_failed_page(path, error)
