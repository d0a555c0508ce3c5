"""Numbers with as many digits as their uncertainty allows."""

from __future__ import annotations

import math

# Numbers smaller than this, and those of which more than so many last digits are zeros, are written
# with a power of ten.
SMALL, MOST_ZEROS, MOST_DECIMALS = 1e-4, 5, 12


def with_uncertainty(value: float, uncertainty: float) -> str:
    """Write a value and its uncertainty, both to the uncertainty's second significant digit.

    Very large and very small ones with a power of ten: ``(2.35 ± 0.10)e-10``.
    """
    if not _plain(value, uncertainty):
        power = math.floor(math.log10(max(abs(value), uncertainty)))
        # In two steps, for the power itself may be beyond the range of a double.
        halves = 10.0 ** -(power // 2), 10.0 ** -(power - power // 2)
        scaled = [number * halves[0] * halves[1] for number in (value, uncertainty)]
        return f"({with_uncertainty(*scaled)})e{power:+03d}"
    return f"{_fixed(value, uncertainty)} ± {_fixed(uncertainty, uncertainty)}"


def in_digits_of(uncertainty: float, value: float) -> str:
    """Write a value to the second significant digit of its uncertainty; of none, to three decimals.

    Very large and very small ones with a power of ten.
    """
    if _plain(value, uncertainty) or not value:
        return _fixed(value, uncertainty)
    digits = (
        math.floor(math.log10(abs(value)))
        + 1
        - math.floor(math.log10(uncertainty or abs(value) / 100))
    )
    return f"{value:.{max(0, digits)}e}"


def _fixed(value: float, uncertainty: float) -> str:
    decimals = _decimals(uncertainty)
    return f"{round(value, decimals):.{max(0, decimals)}f}"


def _plain(value: float, uncertainty: float) -> bool:
    """Whether digits alone are a good way to write a number."""
    size = max(abs(value), uncertainty)
    return not size or (size >= SMALL and _decimals(uncertainty) >= -MOST_ZEROS)


def _decimals(uncertainty: float) -> int:
    """Return the place of an uncertainty's second significant digit."""
    return 3 if not uncertainty > 0 else min(MOST_DECIMALS, 1 - math.floor(math.log10(uncertainty)))
