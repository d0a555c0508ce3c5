"""Weights with a common factor far from one, which float64 could not square or sum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.fitting.options import Options
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.result import EMResult, Run

# Mean weights between the two are taken as they are.
_SMALLEST, _LARGEST = 1e-4, 1e8


@dataclass(frozen=True)
class WeightUnit:
    """A power of two that weights are divided by for the fit.

    Attributes
    ----------
    unit : float
    """

    unit: float = 1.0

    @classmethod
    def of(cls, sample_weight: Any, prior: ConjugatePrior | None) -> Self:
        """Choose the unit; a prior has a weight of its own, and leaves no choice."""
        if sample_weight is None or prior is not None:
            return cls()
        weight = np.asarray(sample_weight, dtype=np.float64)
        largest = float(weight.max(initial=0.0))
        if weight.ndim != 1 or not 0.0 < largest < np.inf:
            # Not acceptable, or all zero: the checks of the rows say so.
            return cls()
        mean = float((weight / largest).mean())
        exponent = np.log2(largest) + np.log2(mean)
        if np.log2(_SMALLEST) <= exponent <= np.log2(_LARGEST):
            return cls()
        return cls(float(np.exp2(np.round(exponent))))

    def divide(self, sample_weight: Any) -> Any:
        """Return weights in this unit."""
        return sample_weight if self.unit == 1.0 else np.asarray(sample_weight) / self.unit

    def seen(self, options: Options) -> Options:
        """Return options whose callback is told log-likelihoods in the user's weights."""
        if self.unit == 1.0 or options.callback is None:
            return options
        callback, unit = options.callback, self.unit
        return replace(options, callback=lambda run, n, value: callback(run, n, value * unit))

    def restore(self, result: EMResult) -> EMResult:
        """Return a result in the user's weights."""
        if self.unit == 1.0:
            return result
        return replace(
            result,
            log_likelihood=result.log_likelihood * self.unit,
            trace=self._scaled(result.trace),
            runs=tuple(self._run(run) for run in result.runs),
            optima=tuple(
                replace(optimum, objective=optimum.objective * self.unit)
                for optimum in result.optima
            ),
            total_weight=result.total_weight * self.unit,
        )

    def _run(self, run: Run) -> Run:
        return replace(
            run,
            trace=self._scaled(run.trace),
            log_likelihood=run.log_likelihood * self.unit,
        )

    def _scaled(self, trace: FloatArray) -> FloatArray:
        return np.asarray(trace * self.unit)
