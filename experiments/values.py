"""What every value in `comparison.json` is built from."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from experiments.parameters import HasParameters, Parameters

Vector = list[FiniteFloat]
Matrix = list[Vector]


class Value(BaseModel):
    """A frozen piece of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ParameterValues(Value):
    """One number for every parameter of a mixture."""

    weights: Vector
    """K numbers."""
    means: Matrix
    """K rows of D numbers."""
    covariances: list[Matrix]
    """K matrices of D x D numbers."""

    @classmethod
    def of(cls, values: HasParameters) -> Self:
        """Turn arrays into plain lists."""
        return cls(**Parameters.of(values).to_lists())

    def arrays(self) -> Parameters:
        """Turn plain lists into arrays."""
        return Parameters(*map(np.asarray, (self.weights, self.means, self.covariances)))

    def by_name(self) -> dict[str, float]:
        """Return each entry once under its name, as `Parameters.free`."""
        return dict(self.arrays().free())
