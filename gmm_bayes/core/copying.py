"""Copies of vectors and matrices, compiled.

Assignments of slices would do the same. But with the first of them numba compiles half of its
string library, to say that shapes differ, and each adds more machine code than all else in a short
function. The compiler's time is what a first fit waits for.
"""

from __future__ import annotations

from gmm_bayes.core.jit import inlined


@inlined()
def copy_vector(target, to, source, at):  # type: ignore[no-untyped-def]
    """Write row `at` of `source` (..., D) to row `to` of `target` (..., D)."""
    for i in range(source.shape[1]):
        target[to, i] = source[at, i]


@inlined()
def copy_matrix(target, to, source, at):  # type: ignore[no-untyped-def]
    """Write matrix `at` of `source` (..., D, D) to place `to` of `target` (..., D, D)."""
    for i in range(source.shape[1]):
        for j in range(source.shape[2]):
            target[to, i, j] = source[at, i, j]


@inlined()
def set_vector(target, source):  # type: ignore[no-untyped-def]
    """Write `source` (D,) to `target` (D,)."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@inlined()
def set_matrix(target, source):  # type: ignore[no-untyped-def]
    """Write `source` (D, D) to `target` (D, D)."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]
