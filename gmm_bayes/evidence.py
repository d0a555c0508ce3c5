"""The log marginal likelihood of data under a model: for comparing models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """The log of ``p(X) = integral p(X | mixture) p(mixture)``, in the data's own units.

    Attributes
    ----------
    value : float
    standard_error : float
        Monte Carlo standard error of `value`; NaN where one run cannot tell.
    """

    value: float
    standard_error: float
