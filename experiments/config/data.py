"""The `[data]` table of a config: where the rows come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from experiments.config.section import PositiveInt, Section
from experiments.config.truth import Truth

Fraction = Annotated[float, Field(ge=0, lt=1)]


def _nameable(path: str) -> str:
    """Refuse a path that no file can have."""
    if "\0" in path:
        raise ValueError(f"data.path = {path!r}: allowed is a path without a NUL character")
    return path


class SyntheticData(Section):
    """Data drawn from a known mixture, or from one that it is only roughly."""

    source: Literal["synthetic"]
    n_samples: PositiveInt = 600
    """Number of rows to draw for fitting."""
    n_test: Annotated[int, Field(ge=0)] = 0
    """Number of fresh rows to draw for the held-out log-likelihood."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of the data alone, truth included where it is generated, so that other seeds make new
    fits of the same data; by default the data follow the experiment's seed."""
    truth: Truth
    """The mixture that the data are drawn from."""
    skewness: Annotated[float, Field(gt=-0.99, lt=0.99)] = 0.0
    """Skewness of the components along each axis (skew-normal), means and covariances kept."""
    degrees_of_freedom: Annotated[float, Field(gt=2)] | None = None
    """Of Student t components, means and covariances kept; by default they are normal."""
    contamination: Fraction = 0.0
    """Share of the rows replaced by uniform noise around all components."""
    missing: Fraction = 0.0
    """Share of the values missing completely at random; EM and the posterior take such rows."""


class BuiltinData(Section):
    """A real data set that ships with the package."""

    source: Literal["builtin"]
    name: Literal["faithful", "galaxies", "iris"]
    """Which data set."""
    label_column: str | None = None
    """A column of known classes: it is not fitted, and the clusters are compared with it."""
    test_fraction: Fraction = 0.0
    """Share of the rows, chosen at random, to hold out for the held-out log-likelihood."""


class FileData(Section):
    """The user's own table of numbers."""

    source: Literal["file"]
    path: Annotated[str, AfterValidator(_nameable)]
    """A text (CSV and its kin), Parquet or .npy file; relative to the config's folder."""
    columns: list[str] | None = None
    """Names of the columns to use; by default every numeric column."""
    missing: Literal["refuse", "drop", "keep"] = "refuse"
    """What to do with missing values: "drop" leaves out the rows that have one, "keep" fits what
    was observed, which EM and the posterior can."""
    label_column: str | None = None
    """A column of known classes: it is not fitted, and the clusters are compared with it."""
    test_fraction: Fraction = 0.0
    """Share of the rows, chosen at random, to hold out for the held-out log-likelihood."""


Data = Annotated[SyntheticData | BuiltinData | FileData, Field(discriminator="source")]
