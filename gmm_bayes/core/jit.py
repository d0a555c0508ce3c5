"""Compilation by numba, with a cache on disk."""

from __future__ import annotations

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
