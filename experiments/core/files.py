"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.core.errors import UsageError


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


def flush(file: Path) -> None:
    """Have the system write a file to its disk now."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
