"""Copies of one component's parameters, compiled.

Assignments of slices would do the same. But each of them adds more machine code than all else in a
short function, and the compiler's time is what a first fit waits for.
"""

from __future__ import annotations

from gmm_bayes.core.jit import njit


@njit()
def copy_vector(target, to, source, at):  # type: ignore[no-untyped-def]
    """Write row `at` of `source` (..., D) to row `to` of `target` (..., D)."""
    for i in range(source.shape[1]):
        target[to, i] = source[at, i]


@njit()
def copy_matrix(target, to, source, at):  # type: ignore[no-untyped-def]
    """Write matrix `at` of `source` (..., D, D) to place `to` of `target` (..., D, D)."""
    for i in range(source.shape[1]):
        for j in range(source.shape[2]):
            target[to, i, j] = source[at, i, j]


@njit()
def set_matrix(target, source):  # type: ignore[no-untyped-def]
    """Write `source` (D, D) to `target` (D, D)."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]
