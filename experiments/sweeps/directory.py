"""A sweep on disk: its manifest, its config, and a file for every cell that is done.

A cell's file is named by its address, written under another name and renamed, so that it is there
whole or not at all; a file that is damaged all the same counts as missing. One process at a time
writes to the directory. Everything is JSON, TOML or Parquet: nothing is unpickled.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from experiments.config.experiment import ExperimentConfig
from experiments.config.load import load_config
from experiments.core.errors import UsageError
from experiments.core.files import clear_scratch, free_name, refuse_unwritable, replacing
from experiments.core.text import is_unicode
from experiments.storage.environment import environment
from experiments.storage.layout import CELLS, CONFIG, LOCK, MANIFEST
from experiments.sweeps.cell import Outcome
from experiments.sweeps.columns import Scalar
from experiments.sweeps.plan import Plan

# Of the manifest, the cells' records and the results table. Earlier formats are read as well.
FORMAT = 1

Record = dict[str, Any]

# What a manifest and a cell's record hold at least, and of which kind.
MANIFEST_KINDS = {"format": int, "name": str, "code": str, "files": dict, "plan": str}
RECORD_KINDS = {
    "status": str,
    "values": dict,
    "error": str,
    "seconds": (int, float),
    "config": dict,
}


class SweepDirectory:
    """The directory of a sweep.

    Parameters
    ----------
    path : Path
        May not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    # The whole -----------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse a place where a sweep must not go, before any work is done.

        Raises
        ------
        UsageError
            If it is a file, holds something else, or a sweep that this version cannot read.
        """
        refuse_unwritable(self.path, "the sweep")
        if (self.path / MANIFEST).exists():
            self.manifest()
        elif self.path.is_dir() and any(f.name != LOCK for f in self.path.iterdir()):
            raise UsageError(
                f"{self.path}: holds files that are not a sweep's, allowed is a new or empty "
                "folder or that of an earlier sweep"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here while the block runs.

        Raises
        ------
        UsageError
            If another process does already.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{self.path}: another sweep is writing here, allowed is one at a time"
                ) from None
            yield

    def make_room(self, code: str) -> Path | None:
        """Move results of other code aside, never to be mixed with these; return where to."""
        if not (self.path / MANIFEST).exists() or self.manifest()["code"] == code:
            return None
        with self.locked():
            aside = free_name(self.path)
            self.path.rename(aside)
        return aside

    def begin(self, plan: Plan) -> None:
        """Write down what is to be done."""
        (self.path / CELLS).mkdir(parents=True, exist_ok=True)
        # Whoever calls this holds the lock: what has a temporary name was left by a killed process.
        for folder in (self.path, *(self.path / CELLS).iterdir()):
            clear_scratch(folder)
        values = plan.config.model_dump(exclude_none=True, exclude_unset=True)
        with replacing(self.path / CONFIG) as scratch:
            scratch.write_text(tomli_w.dumps(values), encoding="utf-8")
        manifest = {
            "format": FORMAT,
            "name": plan.config.name,
            "code": plan.code,
            "files": plan.files,
            "n_cells": len(plan.cells),
            "plan": plan.digest,
            "environment": environment(),
        }
        with replacing(self.path / MANIFEST) as scratch:
            scratch.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")

    def manifest(self) -> Record:
        """Return what `begin` wrote.

        Raises
        ------
        UsageError
            If there is none, or another version's.
        """
        path = self.path / MANIFEST
        if not path.is_file():
            raise UsageError(f"{self.path}: no {MANIFEST} in it, allowed is a sweep's directory")
        found = _json(path)
        foreign = UsageError(f"{path}: not a sweep's manifest, allowed is one of this version")
        if not isinstance(found, dict) or "format" not in found:
            raise foreign
        if not is_known(found["format"]):
            raise UsageError(
                f"{path}: written by another version of gmm-compare (format {found['format']}), "
                f"allowed is format {FORMAT} or earlier"
            )
        if not _has(found, MANIFEST_KINDS):
            raise foreign
        return found

    def config(self) -> ExperimentConfig:
        """Return the config of the sweep.

        Raises
        ------
        UsageError
            If it is missing, damaged, or no sweep's.
        """
        path = self.path / CONFIG
        if not path.is_file():
            raise UsageError(f"{self.path}: no {CONFIG} in it, allowed is a sweep's directory")
        found = load_config(path)
        if found.sweep is None:
            raise UsageError(f"{path}: no [sweep] table in it, allowed is a sweep's config")
        return found

    # Cells ---------------------------------------------------------------------------------

    def cell_file(self, address: str) -> Path:
        """Return where a cell's record is, or goes."""
        return self.path / CELLS / address[:2] / f"{address}.json"

    def write(self, address: str, config: Record, outcome: Outcome) -> None:
        """Keep what came of a cell and the config that repeats it; the record comes last."""
        file = self.cell_file(address)
        file.parent.mkdir(exist_ok=True)
        for name, content in outcome.files.items():
            extra = file.with_suffix("") / name
            extra.parent.mkdir(exist_ok=True)
            with replacing(extra) as scratch:
                scratch.write_bytes(content)
        record = {
            "format": FORMAT,
            "address": address,
            "status": "failed" if outcome.error else "done",
            **{name: value for name, value in vars(outcome).items() if name != "files"},
            "config": config,
        }
        with replacing(file) as scratch:
            scratch.write_text(json.dumps(record), encoding="utf-8")

    def read(self, address: str) -> Record | None:
        """Return a cell's record; None where there is none that is whole."""
        file = self.cell_file(address)
        record = _json(file) if file.is_file() else None
        if not isinstance(record, dict) or record.get("address") != address:
            return None
        return record if _is_whole(record) else None

    def status(self, address: str) -> str:
        """Return "done", "failed" or "missing"."""
        record = self.read(address)
        return "missing" if record is None else str(record["status"])


def is_known(number: object) -> bool:
    """Say whether this version reads a file of some format: its own or an earlier one."""
    return isinstance(number, int) and 1 <= number <= FORMAT


def _is_whole(record: Record) -> bool:
    """Say whether a cell's record has every field that the results table takes from it."""
    return (
        is_known(record.get("format"))
        and _has(record, RECORD_KINDS)
        and record["status"] in ("done", "failed")
        and all(isinstance(value, Scalar) for value in record["values"].values())
        and not any(_beyond_table(value) for value in record["values"].values())
        and isinstance(record.get("host", ""), str)
        and is_unicode("".join([record["error"], record.get("host", ""), *record["values"]]))
    )


def _beyond_table(value: Scalar) -> bool:
    """Say whether a value has no place in a column of Parquet."""
    if isinstance(value, str):
        return not is_unicode(value)
    return isinstance(value, int) and abs(value) >= 2**63


def _has(found: Record, kinds: Mapping[str, Any]) -> bool:
    """Say whether an object has each of some keys, with a value of its kind."""
    return all(isinstance(found.get(key), kind) for key, kind in kinds.items())


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
