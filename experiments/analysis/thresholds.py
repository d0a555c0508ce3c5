"""The thresholds of the verdict, in one table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.core.errors import UsageError
from experiments.values.comparison import (
    Level,
)

GRAVEST_FIRST: tuple[Level, ...] = ("fail", "warn", "ok")


class Threshold(NamedTuple):
    """Where a number begins to be a warning, and where a failure.

    Larger numbers are worse where `fail` is above `warn`, smaller ones where it is below.
    """

    warn: float
    fail: float

    def level(self, value: float) -> Level:
        """Judge a number."""
        sign = 1 if self.fail >= self.warn else -1
        if sign * value > sign * self.fail:
            return "fail"
        return "warn" if sign * value > sign * self.warn else "ok"


THRESHOLDS: Mapping[str, Threshold] = {
    # Largest |EM - posterior mean| in posterior standard deviations.
    "agreement": Threshold(2.0, 4.0),
    # Share of converged EM runs that reached the best optimum.
    "em-optimum": Threshold(0.5, 0.05),
    # Largest R-hat (Vehtari et al. 2021 recommend 1.01).
    "posterior-r-hat": Threshold(1.01, 1.05),
    # R-hat of the log-likelihood, which labels do not touch: said only beyond the first.
    "posterior-modes": Threshold(1.05, 1.1),
    # Smallest bulk or tail effective sample size (same source: 400).
    "posterior-ess": Threshold(400.0, 100.0),
    # Share of draws that diverged: any is a warning.
    "posterior-divergences": Threshold(0.0, 0.01),
    # Distance of the deviance from its chi-square limit (Kolmogorov-Smirnov): never a failure.
    "posterior-normal": Threshold(0.2, 1.0),
    # Distance of the best assignment of components over that of the next best (see matching.py),
    # between fits or within the posterior: never a failure.
    "labels": Threshold(0.5, 1.0),
    # Share of draws with a collapsed component (see certificate.py).
    "posterior-collapsed": Threshold(0.0, 0.0),
}


def thresholds_with(changes: Mapping[str, Sequence[float]]) -> dict[str, Threshold]:
    """Return the table with some entries replaced by (warn, fail).

    Raises
    ------
    UsageError
        If there is no such entry, or it is not two numbers.
    """
    table = dict(THRESHOLDS)
    for identity, change in changes.items():
        if identity not in table:
            raise UsageError(
                f"thresholds.{identity}: no such threshold, allowed is {', '.join(table)}"
            )
        if len(change) != 2 or any(math.isnan(value) for value in change):
            raise UsageError(
                f"thresholds.{identity} = {list(change)}: allowed is two numbers, [warn, fail]"
            )
        table[identity] = Threshold(*map(float, change))
    return table
