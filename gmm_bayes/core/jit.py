"""Compilation by numba, with a cache on disk."""

from __future__ import annotations

from typing import Any

import numba


def compiled(compiler: Any, *signature: Any, **options: Any) -> Any:
    """Compile with `compiler`, keeping the machine code on disk where a folder can be written."""

    def decorate(function: Any) -> Any:
        try:
            return compiler(*signature, cache=True, **options)(function)
        except RuntimeError:  # numba finds no writable place for its cache: compile per process
            return compiler(*signature, **options)(function)

    return decorate


def njit(**options: Any) -> Any:
    """Compile a function that other compiled functions call, and that releases the interpreter."""
    return compiled(numba.njit, nogil=True, error_model="numpy", **options)
