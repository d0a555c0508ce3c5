"""Words and lists for sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
if TYPE_CHECKING:
    pass


def listed(words: Sequence[str]) -> str:
    """Write several words as "a, b and c"; none as nothing."""
    return " and ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


# What a line can hold.
MAX_NAMES = 12


def some(names: Sequence[str]) -> str:
    """Write names in a line, of many only the first."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"


def numbered(n_features: int) -> tuple[str, ...]:
    """Return names for columns that have none: x1, x2, and so on."""
    return tuple(f"x{i + 1}" for i in range(n_features))
