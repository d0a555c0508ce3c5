"""Files written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.core.errors import UsageError

# A temporary name as `replacing` gives it.
SCRATCH = re.compile(r"\..+\.[0-9a-f]{8}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to, renamed to `path` when all is well."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield scratch
        flush(scratch)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def free_name(directory: Path) -> Path:
    """Return a name beside a directory that is not taken: ``NAME-1``, ``NAME-2`` and so on."""
    number = 1
    while (candidate := directory.with_name(f"{directory.name}-{number}")).exists():
        number += 1
    return candidate


def refuse_file(directory: Path, purpose: str) -> None:
    """Refuse a directory where the path, or a folder above it, is a file.

    Parameters
    ----------
    directory : Path
        It may not exist yet.
    purpose : str
        What the folder is for, as the error calls it: "the run".

    Raises
    ------
    UsageError
        Naming the file.
    """
    for folder in (directory, *directory.parents):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is a file, allowed is a folder for {purpose}")


def refuse_unwritable(directory: Path, purpose: str) -> None:
    """Refuse a directory where nothing could be written, by trying it.

    Parameters
    ----------
    directory : Path
        It may not exist yet. What is made to try is removed again.
    purpose : str
        What the folder is for, as the error calls it: "the run".

    Raises
    ------
    UsageError
        If it is a link that leads nowhere, a file stands in its way, its name is not possible, or
        the system does not let this user write there.
    """
    allowed = f"allowed is a folder for {purpose} that can be written"
    try:
        if directory.is_symlink() and not directory.exists():
            raise UsageError(f"{directory}: is a link that leads nowhere, {allowed}")
        refuse_file(directory, purpose)
        made = []
        try:
            for folder in (*reversed(directory.parents), directory):
                if not folder.exists():
                    folder.mkdir()
                    made.append(folder)
            # A run is written beside its place, a sweep into it.
            for place in {directory.parent, directory}:
                Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=place)).rmdir()
        finally:
            for folder in reversed(made):
                folder.rmdir()
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{directory}: cannot be written ({reason}), {allowed}") from None


def clear_scratch(folder: Path, older_than: float = 0.0) -> None:
    """Remove what a process that was killed left of `replacing` in a folder.

    Parameters
    ----------
    folder : Path
        Only its own files are looked at, not those of folders in it.
    older_than : float
        Seconds for which a file must not have changed: another process may be writing a younger.
    """
    for file in folder.glob(".*"):
        if SCRATCH.fullmatch(file.name) and is_older(file, older_than) and file.is_file():
            file.unlink(missing_ok=True)


def is_older(path: Path, seconds: float) -> bool:
    """Whether a file is there and has not changed for some seconds."""
    try:
        return time.time() - path.stat().st_mtime >= seconds
    except FileNotFoundError:
        return False


def flush(file: Path) -> None:
    """Have the system write a file to its disk now."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
