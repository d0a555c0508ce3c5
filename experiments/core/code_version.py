"""Which code made a number: what a stored result is valid for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# Libraries whose versions can change a fit; the others only read, write and draw.
LIBRARIES = ("numpy", "scipy", "scikit-learn", "pymc", "pytensor", "nutpie", "numba", "arviz")
# Rooms of the harness that no number of a comparison passes through.
OUTSIDE = ("api", "benchmarks", "cli", "data", "programs", "report", "terminal")


@cache
def code_version() -> str:
    """Return sixteen hexadecimal digits that change whenever a number of a fit may.

    They are a hash of the sources of `gmm_em`, `gmm_bayes` and the part of `experiments` that
    numbers pass through, and of the versions of :data:`LIBRARIES`.
    """
    digest = hashlib.sha256()
    for package in ("gmm_em", "gmm_bayes", "experiments"):
        for name, text in _sources(_folder(package), package):
            digest.update(f"{name}\0{len(text)}\0".encode())
            digest.update(text)
    for library in LIBRARIES:
        digest.update(f"{library}=={version(library)}\0".encode())
    return digest.hexdigest()[:16]


def _folder(package: str) -> Path:
    """Return where a package lies, without the second that importing it may take."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is not installed", name=package)
    return Path(spec.origin).parent


def _sources(folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}/{entry.name}"
        if entry.is_dir():
            if prefix != "experiments" or entry.name not in OUTSIDE:
                yield from _sources(entry, name)
        elif entry.name.endswith(".py"):
            yield name, entry.read_bytes()
