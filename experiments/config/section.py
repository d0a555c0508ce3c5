"""What every table of a config has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
# What is added to variances. The square of a larger one, which their errors are made of, overflows.
Ridge = Annotated[float, Field(ge=0, le=1e150)]
Vector = list[float]
Matrix = list[Vector]


class Section(BaseModel):
    """A table of the config: strict types, no unknown keys, no infinities."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
