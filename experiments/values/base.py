"""What every value in `comparison.json` is built from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from experiments.values.parameters import HasParameters, Parameters

Vector = list[FiniteFloat]
Matrix = list[Vector]


class Value(BaseModel):
    """A frozen piece of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileValue(Value):
    """A value that has a file of its own."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, numbers and strings, as in the file."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.to_dict(), allow_nan=False, indent=1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild the value from what `to_dict` returned."""
        return cls.model_validate(values)


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
