"""Words and lists for sentences."""

from __future__ import annotations

from collections.abc import Sequence

# A line has room for this many names.
MAX_NAMES = 12


def listed(words: Sequence[str]) -> str:
    """Write several words as "a, b and c"; none as nothing."""
    return " and ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


def in_one_sentence(clauses: Sequence[str]) -> str:
    """Write several clauses as "a, b, and c"; one as it is."""
    return ", and ".join([part for part in (", ".join(clauses[:-1]), *clauses[-1:]) if part])


def either(choices: Sequence[object]) -> str:
    """Write several choices as "a, b or c"; one as it is."""
    words = list(map(str, choices))
    return " or ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


def after_colon(text: str, name: str = "") -> str:
    """Write a sentence after a colon: its first word is small unless it is this name."""
    first, space, rest = text.partition(" ")
    return f"{first.lower()}{space}{rest}" if first.istitle() and first != name else text


def mind(warnings: Sequence[str]) -> list[str]:
    """Say the first of several warnings, and how many more there are; nothing without any."""
    if not warnings:
        return []
    more = len(warnings) - 1
    others = f" ({more} more {'warning' if more == 1 else 'warnings'}.)" if more else ""
    return [f"Mind: {warnings[0]}{others}"]


def components(count: int) -> str:
    """Write a number of components in words."""
    return f"{count} component{'' if count == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """Write names in a line, of many only the first."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"


def numbered(n_features: int) -> tuple[str, ...]:
    """Return names for columns that have none: x1, x2, and so on."""
    return tuple(f"x{i + 1}" for i in range(n_features))
