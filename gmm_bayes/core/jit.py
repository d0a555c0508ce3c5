"""Compilation by numba, with a cache on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numba


def cached_on_disk(compiler: Any, *signature: Any, **options: Any) -> Any:
    """Return a decorator that compiles a function and keeps the machine code on disk.

    Where numba finds no folder to write its cache to, each process compiles for itself.

    Parameters
    ----------
    compiler : callable
        ``numba.njit`` or ``numba.cfunc``.
    *signature, **options : object
        Arguments of `compiler`.
    """

    def decorate(function: Any) -> Any:
        try:
            return compiler(*signature, cache=True, **options)(function)
        except RuntimeError:  # numba found no writable folder for its cache
            return compiler(*signature, **options)(function)

    return decorate


def njit(**options: Any) -> Any:
    """Return a decorator that compiles a function, which releases the interpreter while it runs.

    Other compiled functions can call it.
    """
    return cached_on_disk(numba.njit, nogil=True, error_model="numpy", **options)


def inlined(**options: Any) -> Any:
    """Return a decorator like :func:`njit` for a part of one compiled function.

    Numba copies the part into its callers before it compiles them, with the options of the caller.
    So splitting a long function costs no time, neither to compile nor to run.
    """
    return njit(inline="always", **options)


# The file in `__pycache__` that says which sources the machine code there was made from.
_MADE_FROM = "machine-code.sha256"


def digest_of_sources(package: Path) -> str:
    """Return a hash in hexadecimal digits of all Python files in a package's folder."""
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package)}\0".encode() + source.read_bytes())
    return digest.hexdigest()


def forget_older_machine_code(package: Path, sources: str) -> None:
    """Delete numba's caches in a package unless they were made from its sources as they now are.

    Numba looks only at the file in which a function is defined. A function whose own file did not
    change would go on calling the old code of another file that did. Where the package cannot be
    written to, nothing is deleted: numba then keeps its caches elsewhere.

    Parameters
    ----------
    package : Path
        The package's folder.
    sources : str
        The hash of its sources.
    """
    made_from = package / "__pycache__" / _MADE_FROM
    try:
        if made_from.is_file() and made_from.read_bytes() == sources.encode():
            return
        for pattern in ("*.nbi", "*.nbc"):
            for cache in package.rglob(pattern):
                cache.unlink(missing_ok=True)
        made_from.parent.mkdir(exist_ok=True)
        made_from.write_text(sources, encoding="ascii")
    except OSError:
        return


SOURCES = digest_of_sources(Path(__file__).parents[1])
"""Tells machine code of this package from that of another version of it."""
forget_older_machine_code(Path(__file__).parents[1], SOURCES)
