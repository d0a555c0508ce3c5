"""Functions that compiled code calls by their addresses, each compiled when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numba
from numba import types

from gmm_bayes.core.jit import cached_on_disk
from gmm_bayes.density.by_address import POINTER, address_of, set_address


class Entry(NamedTuple):
    """A function of integers and of arrays' addresses, which returns a float64.

    Parameters
    ----------
    place : int
        Where the table of :mod:`gmm_bayes.density.by_address` has the function's address.
    function : callable
    arguments : str
        One letter for each argument: "i" for an integer, "p" for an array's address.
    allowed : frozenset of str
        What the compiler may do to sums beyond the standard, in the words of LLVM.
    """

    place: int
    function: Callable[..., Any]
    arguments: str
    allowed: frozenset[str] = frozenset()


@cache
def _compiled(entry: Entry) -> Any:
    """Return the one compiled function of an entry, which lives as long as the process."""
    kinds = [types.int64 if kind == "i" else POINTER for kind in entry.arguments]
    allowed = set(entry.allowed)
    compiler = cached_on_disk(
        numba.cfunc, types.float64(*kinds), error_model="numpy", fastmath=allowed
    )
    return compiler(entry.function)


def load(*entries: Entry) -> None:
    """Let compiled code find functions, which are compiled or read from disk the first time."""
    for entry in entries:
        if address_of(entry.place) == 0:
            set_address(entry.place, _compiled(entry).address)
