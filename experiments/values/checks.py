"""What a fit rests on, and what would change it, as plain values."""

from __future__ import annotations

from pydantic import FiniteFloat

from experiments.values.base import Value


class SupportValues(Value):
    """Rows against parameters, of the whole mixture and of each component."""

    n_parameters: int
    """Free parameters of the mixture."""
    rows_per_parameter: FiniteFloat
    """Rows fitted, over free parameters."""
    component_rows: list[FiniteFloat]
    """Rows that each component rests on: the sum of its responsibilities."""
    component_parameters: int
    """Parameters of one component: its weight, its mean and the free entries of its covariance."""
    components_support: list[FiniteFloat]
    """Rows of each component, over the number that it should have at least."""


class ShapeValues(Value):
    """Posterior predictive checks of the components' shape, judged jointly: see shape.py."""

    distance: FiniteFloat
    """How far the worst check lies above what the worst of as many gives in replicated data, in
    standard deviations of the latter, measured in the upper half."""
    probability: FiniteFloat
    """Share of replicated data whose worst check is as bad."""
    worst: str
    """The worst check: skewness, heavy, light, peak, flat or tail: see shape.py."""
    component: int
    """Of which component, counted from 1."""


class OutlierValues(Value):
    """What the estimate owes to rows far from every component: see outliers.py."""

    rows: list[int]
    """Rows that a sample from the estimate would hardly hold, counted from 1, the farthest
    first; of many the first twenty."""
    n_rows: int
    """How many there are."""
    max_change: FiniteFloat
    """Largest change of a parameter when they are left out, in standard errors."""
    parameter: str
    """The parameter that changes most."""


class RecoveryValues(Value):
    """The true parameter that an estimate misses by most."""

    max_abs_z: FiniteFloat
    """Its distance, in the estimate's standard errors or posterior standard deviations."""
    parameter: str
    n_parameters: int
    """Parameters that could have been the worst."""
    probability: FiniteFloat
    """Chance that the worst of as many independent normal errors is as large."""
