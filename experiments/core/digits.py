"""Numbers with as many digits as their uncertainty allows."""

from __future__ import annotations

import math

# Numbers smaller than this are written with a power of ten.
SMALL = 1e-4
# So are numbers of which more than this many digits before the point would be zeros.
MOST_ZEROS = 5
# No number is written with more decimals than this.
MOST_DECIMALS = 12


def with_uncertainty(value: float, uncertainty: float) -> str:
    """Write a value and its uncertainty, both to the uncertainty's second significant digit.

    Very large and very small ones with a power of ten: ``(2.35 ± 0.10)e-10``.
    """
    if not _plain(value, uncertainty):
        power = math.floor(math.log10(max(abs(value), uncertainty)))
        # The power may be beyond the range of a double, so it is applied in two halves.
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
