"""What no config may hold, whatever the key: numbers and tables that no file could keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.core.errors import UsageError

# Whole numbers beyond this have no place in a results table, nor do seeds.
MAX_WHOLE = 2**63 - 1
# Tables and lists within each other.
MAX_DEPTH = 32


def refuse_beyond_storage(values: Mapping[str, Any], origin: str) -> None:
    """Refuse whole numbers of more than 64 bits and values that are nested too deep.

    Parameters
    ----------
    values : mapping
        Plain values, as TOML gives them.
    origin : str
        What errors call the config.

    Raises
    ------
    UsageError
        Naming the key.
    """
    # A list of what is left to look at, because a function that calls itself has a limit, too.
    left: list[tuple[str, Any, int]] = [("", values, 0)]
    while left:
        key, value, depth = left.pop()
        if depth > MAX_DEPTH:
            start = ".".join(key.split(".")[:3])
            raise UsageError(f"{origin}: {start}...: allowed are {MAX_DEPTH} tables in each other")
        if isinstance(value, Mapping):
            dot = f"{key}." if key else ""
            left += [(f"{dot}{name}", inner, depth + 1) for name, inner in value.items()]
        elif isinstance(value, list | tuple):
            left += [(key, inner, depth + 1) for inner in value]
        elif isinstance(value, int) and abs(value) > MAX_WHOLE:
            raise UsageError(
                f"{origin}: {key} is a whole number of {value.bit_length()} bits, allowed is "
                f"{-MAX_WHOLE} to {MAX_WHOLE}"
            )
