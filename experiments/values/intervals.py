"""Intervals of the parameters as plain values."""

from __future__ import annotations

from typing import Self

from pydantic import FiniteFloat

from experiments.values.base import ParameterValues, Value
from experiments.values.parameters import Parameters


class IntervalValues(Value):
    """Equal-tailed intervals, parameter by parameter."""

    level: FiniteFloat
    """Nominal coverage."""
    lower: ParameterValues
    upper: ParameterValues

    @classmethod
    def of(cls, level: float, bounds: tuple[Parameters, Parameters]) -> Self:
        """Turn arrays of lower and upper bounds into plain lists."""
        lower, upper = map(ParameterValues.of, bounds)
        return cls(level=level, lower=lower, upper=upper)
