"""The `[data]` table of a config: where the rows come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from experiments.config_base import Matrix, PositiveInt, Section, Vector


class Truth(Section):
    """A mixture written out in the config."""

    weights: Vector
    """Weights of the components, positive, summing to one; length K."""
    means: Matrix
    """Means of the components, K rows of D numbers."""
    covariances: list[Matrix]
    """Covariances of the components, K symmetric positive-definite D x D matrices."""


class SyntheticData(Section):
    """Data drawn from a known mixture."""

    source: Literal["synthetic"]
    n_samples: PositiveInt = 600
    """Number of rows to draw for fitting."""
    n_test: Annotated[int, Field(ge=0)] = 0
    """Number of fresh rows to draw for the held-out log-likelihood."""
    truth: Truth
    """The mixture that the data are drawn from."""


class BuiltinData(Section):
    """A real data set that ships with the package."""

    source: Literal["builtin"]
    name: Literal["faithful", "galaxies", "iris"]
    """Which data set."""


class FileData(Section):
    """The user's own table of numbers."""

    source: Literal["file"]
    path: str
    """A CSV or .npy file; a relative path starts at the config's folder."""
    columns: list[str] | None = None
    """Names of the columns to use; by default every numeric column."""


Data = Annotated[SyntheticData | BuiltinData | FileData, Field(discriminator="source")]
