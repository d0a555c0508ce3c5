"""The thresholds of the verdict, in one table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.core.errors import UsageError
from experiments.values.comparison import Level
from gmm_bayes.core.limits import MAX_DIVERGENT_SHARE, MAX_R_HAT, MIN_ESS_PER_CHAIN

# Effective draws of all chains together: the source's recommendation is for four chains.
MIN_ESS = 4.0 * MIN_ESS_PER_CHAIN

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
    # Chance that one more start finds a maximum that was not met: never a failure.
    "em-optimum": Threshold(0.25, 1.0),
    # Largest R-hat.
    "posterior-r-hat": Threshold(MAX_R_HAT, 1.05),
    # R-hat of the log-likelihood, which does not depend on labels. There is a finding only where it
    # is beyond the first number.
    "posterior-modes": Threshold(1.05, 1.1),
    # Share of the draws in the second largest mode: never a failure.
    "several-modes": Threshold(0.05, math.inf),
    # Smallest bulk or tail effective sample size. Less than one chain should have is a failure.
    "posterior-ess": Threshold(MIN_ESS, float(MIN_ESS_PER_CHAIN)),
    # Share of draws that diverged: any is a warning.
    "posterior-divergences": Threshold(MAX_DIVERGENT_SHARE, 0.01),
    # Chance of a difference as large between any two posteriors, if all were one: equal ones warn
    # in 1 of 100 cases, and fail in 1 of 1000. Of 1900 simulated pairs of autocorrelated chains
    # 23 warned and 1 failed.
    "posteriors": Threshold(1e-2, 1e-3),
    # Distance of the deviance from its chi-square limit (Kolmogorov-Smirnov): never a failure.
    "posterior-normal": Threshold(0.2, 1.0),
    # Distance of the best assignment of components over that of the next best (see matching.py),
    # between fits or within the posterior: never a failure.
    "labels": Threshold(0.5, 1.0),
    # Rows for each free parameter; fewer rows than parameters are a failure.
    "rows": Threshold(2.0, 1.0),
    # Rows of the weakest component over those it should have (see support.py): never a failure.
    "support": Threshold(1.0, 0.0),
    # Worst check of shape, in standard deviations above replicated data's worst (see shape.py).
    "shape": Threshold(4.0, 5.0),
    # Largest change by outlying rows, in standard errors: never a failure.
    "outliers": Threshold(2.0, math.inf),
    # EM's standard error by the information over the posterior sd (median): never a failure.
    "prior": Threshold(1.5, math.inf),
    # Largest Pareto k of leave-one-out: never a failure. Beyond 1 the weights have no mean.
    "loo": Threshold(1.0, math.inf),
    # Chance of a miss of the truth as bad as the worst, over all parameters and engines.
    "recovery": Threshold(1e-3, 1e-6),
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
