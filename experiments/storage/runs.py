"""Run directories on disk: written whole or not at all, never over somebody's work."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.core.errors import UsageError
from experiments.core.files import flush, free_name, is_older, refuse_unwritable
from experiments.storage.layout import COMPARISON, COMPONENTS, CONFIG, ENVIRONMENT

# Seconds after which a folder that nobody holds was left by a process that is no more: one that
# has just made its folder needs a moment to take hold of it.
ABANDONED = 60.0


def check_target(directory: Path) -> None:
    """Refuse a place where a run directory must not go, before any work is done.

    Raises
    ------
    UsageError
        If the path, or a folder above it, is a file, the folder holds something else than an
        earlier run or is the empty one that a link leads to, or nothing can be written there.
    """
    refuse_unwritable(directory, "the run")
    if directory.is_symlink() and directory.is_dir() and not any(directory.iterdir()):
        raise UsageError(
            f"{directory}: is a link to an empty folder, allowed is the folder itself: "
            f"{directory.resolve()}"
        )
    if directory.is_dir() and any(directory.iterdir()) and not _values(directory).is_file():
        raise UsageError(
            f"{directory}: holds files that are not a run's, allowed is a new or empty folder "
            "or that of an earlier run"
        )


def _values(directory: Path) -> Path:
    """Return the file that makes a folder a run's."""
    several = directory / COMPONENTS
    return several if several.is_file() else directory / COMPARISON


@contextmanager
def new_run(directory: Path) -> Iterator[Path]:
    """Give an empty folder to write a run into, which becomes `directory` when all is well.

    An earlier run in its place is replaced when it came from the same config and data with the
    same versions, and so holds the same numbers; any other is moved aside to ``NAME-1``,
    ``NAME-2``, and so on.

    Raises
    ------
    UsageError
        If `check_target` refuses the directory.
    """
    check_target(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(directory)
    with _scratch_folder(directory) as scratch:
        yield scratch
        for file in scratch.rglob("*"):
            if file.is_file():
                flush(file)
        _put_in_place(scratch, directory)


@contextmanager
def _scratch_folder(directory: Path) -> Iterator[Path]:
    # The scratch folder lies beside the target, because a rename is atomic only within one file
    # system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        scratch.chmod(0o777 & ~_umask())
        with _held(scratch):
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder for as long as the block runs and this process lives; say whether it was free.

    The system lets go of it when the process ends, however it ends.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            # Another process holds it, or this file system holds nothing: then it is left alone.
            free = False
        yield free
    finally:
        os.close(descriptor)


def _clear_abandoned(directory: Path) -> None:
    """Remove the folders that processes left which were killed while they wrote this run."""
    name = re.compile(rf"\.{re.escape(directory.name)}\.[a-z0-9_]{{8}}")
    for folder in directory.parent.glob(".*"):
        if not name.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        # The environment is the first file that a run gets.
        ours = (folder / ENVIRONMENT).is_file() or not any(folder.iterdir())
        if ours and is_older(folder, ABANDONED):
            with _held(folder) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(scratch: Path, directory: Path) -> None:
    if not directory.exists():
        scratch.rename(directory)
        return
    if not any(directory.iterdir()):
        directory.rmdir()
        scratch.rename(directory)
        return
    aside = free_name(directory)
    repeated = _recipe(scratch) == _recipe(directory)
    directory.rename(aside)
    scratch.rename(directory)
    if repeated:
        shutil.rmtree(aside)


def _recipe(directory: Path) -> object:
    """Return what determines a run's numbers: config, data and versions."""
    try:
        comparison = json.loads(_values(directory).read_bytes())
        environment = json.loads((directory / ENVIRONMENT).read_bytes())
        config = (directory / CONFIG).read_text(encoding="utf-8")
        return config, comparison["dataset"]["sha256"], environment["versions"]
    except (OSError, ValueError, KeyError, TypeError):
        # The folder is incomplete or not a run's. It equals nothing, so that it is kept.
        return object()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
