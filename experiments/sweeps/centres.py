"""The middle of a sweep's cells at one point, and how well it is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from experiments.core.types import FloatArray

# Fewer values than this do not tell whether they are skewed.
ENOUGH = 8
SKEWED = 1.0
# Digits of a value whose error is zero, because all values are the same.
DIGITS = 7
# Digits of a single value, whose error is not known.
DIGITS_OF_ONE = 5


@dataclass(frozen=True)
class Centre:
    """A mean or median of `n` values, and the ends of its error bar."""

    value: float
    low: float
    high: float
    n: int

    @property
    def error(self) -> float:
        """Half of the error bar."""
        return (self.high - self.low) / 2

    @property
    def text(self) -> str:
        """Write it to the digits that its error leaves."""
        error = self.error
        if not error > 0:
            return f"{self.value:.{DIGITS if self.n > 1 else DIGITS_OF_ONE}g}"
        # An error below the seventh digit is due to rounding.
        size = math.floor(math.log10(max(abs(self.value), error)))
        places = max(0, min(1 - math.floor(math.log10(error)), DIGITS - 1 - size))
        value, low, high = (f"{x:.{places}f}" for x in (self.value, self.low, self.high))
        if not float(f"{error:.{places}f}"):
            return value
        if math.isclose(self.high - self.value, self.value - self.low, rel_tol=1e-6):
            return f"{value} ± {error:.{places}f}"
        return f"{value} ({low} to {high})"


def mean_and_error(values: FloatArray) -> Centre:
    """Return the mean and one standard error to either side; of one value no error."""
    mean, n = float(values.mean()), len(values)
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return Centre(mean, mean - error, mean + error, n)


def median_and_error(values: FloatArray) -> Centre:
    """Return the median, and the order statistics that hold the true one with 68% or more.

    How many values lie below the median is binomial with a probability of 1/2, whatever their
    distribution: its standard deviation is half the root of n.
    """
    ordered, n = np.sort(values), len(values)
    reach = math.sqrt(n) / 2
    low, high = math.floor((n - 1) / 2 - reach), math.ceil((n - 1) / 2 + reach)
    return Centre(
        float(np.median(ordered)), float(ordered[max(0, low)]), float(ordered[min(n - 1, high)]), n
    )


def are_skewed(groups: Iterable[FloatArray]) -> bool:
    """Say whether the values at most points are so skewed that their means mislead.

    Of values half of which are the same a median would say nothing of the others.
    """
    found = [
        abs(_skewness(values))
        for values in groups
        if len(values) >= ENOUGH
        and np.unique(values, return_counts=True)[1].max() < len(values) / 2
    ]
    return bool(found) and float(np.median(found)) > SKEWED


def _skewness(values: FloatArray) -> float:
    # The formula of scipy.stats.skew, whose import takes half a second.
    z = values - values.mean()
    return float((z**3).mean() / (z**2).mean() ** 1.5)
