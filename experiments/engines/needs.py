"""What an engine needs beside this package's dependencies: whether it is here, and its version."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from shutil import which
from typing import Protocol

from experiments.core.errors import UsageError


class Need(Protocol):
    """Something that an engine calls."""

    def missing(self) -> str:
        """Say what is not here and how it is installed; nothing where it is here."""

    def version(self) -> str:
        """Return its name and version, such as "numpyro==0.19.0"; nothing where it has none."""


@dataclass(frozen=True)
class Library:
    """A library that an extra of the same name brings."""

    name: str

    def missing(self) -> str:
        """Say how the extra is installed, where the library cannot be imported."""
        if find_spec(self.name) is not None:
            return ""
        install = f"pip install 'gmm-compare[{self.name}]'"
        return f"the library {self.name}, which is not installed: {install}"

    def version(self) -> str:
        """Return what is installed."""
        return f"{self.name}=={version(self.name)}"


@dataclass(frozen=True)
class Program:
    """A program on the PATH.

    Attributes
    ----------
    name : str
    install : str
        How it is installed, in words.
    """

    name: str
    install: str

    def missing(self) -> str:
        """Say how it is installed, where it is not on the PATH."""
        if which(self.name) is not None:
            return ""
        return f"the program {self.name}, which is not installed: {self.install}"

    def version(self) -> str:
        """Return nothing: the program is asked when it runs."""
        return ""


@dataclass(frozen=True)
class LibraryElsewhere:
    """A library that may belong to another Python, because it does not exist for every version.

    Attributes
    ----------
    module : str
        What is imported.
    distribution : str
        What is installed.
    extra : str
        That brings it.
    variable : str
        Of the environment: the path of a Python that has the library, where it is not this one.
    pythons : str
        For which versions of Python the library exists.
    """

    module: str
    distribution: str
    extra: str
    variable: str
    pythons: str

    @property
    def python(self) -> str:
        """The path of the Python that is used."""
        named = os.environ.get(self.variable)
        return os.path.abspath(which(named) or named) if named else sys.executable

    def missing(self) -> str:
        """Say how the library is installed, where the Python lacks it."""
        if self.python != sys.executable:
            # Whoever names another Python is told at once if it does not serve.
            return "" if self._installed() else f"{self.distribution}, which {self.python} lacks"
        if find_spec(self.module) is not None:
            return ""
        return (
            f"the library {self.distribution}, which is not installed: pip install "
            f"'gmm-compare[{self.extra}]' with {self.pythons}, or set {self.variable} to the path "
            f"of a Python that has {self.distribution}"
        )

    def version(self) -> str:
        """Return what is installed there."""
        return f"{self.distribution}=={self._installed()}"

    def _installed(self) -> str:
        return _version_in(self.python, self.distribution)


@cache
def _version_in(python: str, distribution: str) -> str:
    """Return the version that a Python has of a distribution; nothing where it has none.

    Raises
    ------
    UsageError
        If it is no program that can be run.
    """
    code = (
        "from importlib.metadata import distributions\n"
        f"print(*{{d.version for d in distributions(name={distribution!r})}})"
    )
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise UsageError(f"{python} is no Python that can be run") from None
    return done.stdout.strip()
