"""What every value in `comparison.json` is built from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from experiments.core.errors import UsageError
from experiments.values.parameters import Parameters
from gmm_em.parameter_names import HasParameters, all_names

# Of `comparison.json` and `components.json`. 2: an engine's `role` says what its estimate is.
SCHEMA_VERSION = 2

Vector = list[FiniteFloat]
Matrix = list[Vector]


class Value(BaseModel):
    """A frozen piece of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileValue(Value):
    """A value that has a file of its own.

    A file of an earlier version is read: fields that it lacks have defaults. So is one of this
    version with keys that are not known here. One of a later version is refused, because what its
    fields mean may have changed.
    """

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)] = SCHEMA_VERSION

    def __dir__(self) -> list[str]:
        """Return the names that are for people, without those of pydantic's machinery."""
        own = set(super().__dir__()) - set(dir(BaseModel))
        return sorted(name for name in own if not name.startswith("_"))

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, numbers and strings, as in the file."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.to_dict(), allow_nan=False, indent=1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild the value from what `to_dict` returned, in this version or an earlier one.

        Raises
        ------
        ValueError
            If a later version wrote it, or a field is missing or not allowed.
        """
        version = values.get("schema_version", SCHEMA_VERSION)
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UsageError(
                f"schema_version = {version}: written by a later gmm-compare, allowed is "
                f"{SCHEMA_VERSION} or earlier"
            )
        return cls.model_validate(cls._in_this_version(values, version), extra="ignore")

    @classmethod
    def _in_this_version(cls, values: Mapping[str, Any], version: object) -> Mapping[str, Any]:
        """Return the values of an earlier version as this version writes them."""
        return {**values, "schema_version": SCHEMA_VERSION} if version == 1 else values

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the value from its file.

        Raises
        ------
        UsageError
            In one sentence, if a later version wrote the file or it holds something else.
        """
        try:
            found = json.loads(path.read_bytes())
            if not isinstance(found, dict):
                raise UsageError("not an object")
            return cls.from_dict(found)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"])) or "the file"
            raise UsageError(
                f"{path}: not a comparison of this version: {key}: {first['msg']}"
            ) from None
        except UsageError as error:
            raise UsageError(f"{path}: not a comparison of this version: {error}") from None
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            # The last two come of an earlier version whose tables are none.
            raise UsageError(f"{path}: not a comparison: {error}") from None


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
        """Return each entry once under its machine name, in the order of `all_names`."""
        arrays = self.arrays()
        return {str(name): float(name.value(arrays)) for name in all_names(*arrays.means.shape)}
