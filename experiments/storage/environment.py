"""What made a result: when, by which command, where, and with which versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = ("gmm-compare", "numpy", "scipy", "pymc", "nutpie", "numba", "arviz", "xarray", "plotly")


def environment() -> dict[str, Any]:
    """Return what made a result: when, by which command, where, and with which versions."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [
            # A file name that is not UTF-8 is written with escapes.
            word.encode("utf-8", "backslashreplace").decode()
            for word in (*_program(), *sys.argv[1:])
        ],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _program() -> list[str]:
    """Return the words that start the program: of a module `python -m`, with its name."""
    path = Path(sys.argv[0])
    if path.name != "__main__.py":
        return [path.name]
    package = path.parent.name
    # `python -m experiments` is gmm-compare.
    return ["gmm-compare"] if package == "experiments" else ["python", "-m", package]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
