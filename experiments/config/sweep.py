"""The `[sweep]` table of a config: what is varied, how often, and what is drawn of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from experiments.config.section import PositiveInt, Section

# Letters of a list in an error.
MAX_LETTERS = 80

Seed = Annotated[int, Field(ge=0)]


class Range(Section):
    """Where a random sweep draws an axis from: whole numbers where both ends are, else any."""

    low: int | float
    """Least value."""
    high: int | float
    """Greatest value."""
    log: bool = False
    """Whether the logarithm, rather than the value, is drawn uniformly."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(
                f"sweep.over: low = {self.low}, high = {self.high}: allowed is low < high"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"sweep.over: low = {self.low}: with log = true allowed is above 0")
        return self


def _kind(axis: Any) -> str:
    return "range" if isinstance(axis, Mapping | Range) else "values"


Axis = Annotated[
    Annotated[list[Any], Tag("values")] | Annotated[Range, Tag("range")], Discriminator(_kind)
]


class SweepFigure(Section):
    """What the report of a sweep draws: columns of its results table."""

    x: str
    """Column along the horizontal axis, as a rule a key of `[sweep.over]`."""
    y: Annotated[list[str], Field(min_length=1)]
    """Columns drawn upwards, a panel each: any of `gmm-compare results DIR --columns`."""
    group: str | None = None
    """Column that gives a line, and a colour, to each of its values."""
    log_x: bool = False
    """Whether the horizontal axis is logarithmic."""
    log_y: bool = False
    """Whether the vertical axes are logarithmic."""


def _short(values: list[Any]) -> str:
    text = repr(values)
    return text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS - 3]}..."


def _flat(values: Any) -> Any:
    """Let keys be written without quotes too, which TOML reads as tables in tables."""
    if not isinstance(values, Mapping):
        return values
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and not {"low", "high"} & set(value):
            found |= {f"{key}.{inner}": leaf for inner, leaf in _flat(value).items()}
        else:
            found[key] = value
    return found


class SweepSettings(Section):
    """Many experiments from one config: every point of the axes, with every seed."""

    mode: Literal["grid", "zip", "random"] = "grid"
    """Every combination of the axes' values; their first values, their second values, and so on;
    or points drawn at random."""
    seeds: PositiveInt | Annotated[list[Seed], Field(min_length=1)] = 1
    """Replicates of every point: that many seeds, of which the config's own is the first and the
    others are derived from it, or a list of seeds. The points share them."""
    max_cells: PositiveInt = 100_000
    """Most cells that the sweep may have, so that a slip of the pen is found before it is run."""
    n_points: PositiveInt | None = None
    """How many points a random sweep draws."""
    over: Annotated[dict[str, Axis], BeforeValidator(_flat)] = Field(default={})
    """Dotted keys of the config, each with the values that it takes; in a random sweep a list to
    choose from or `{ low, high, log }`."""
    keep: Literal["scalars", "comparison", "all"] = "scalars"
    """What is stored of a cell: its row of the results table; also comparison.json; also the
    posterior."""
    figure: SweepFigure | None = None
    """What the report of the sweep draws."""

    @model_validator(mode="after")
    def _axes_go_together(self) -> Self:
        self._check_keys()
        for key, values in self.over.items():
            self._check_axis(key, values)
        if (self.n_points is None) == (self.mode == "random"):
            raise ValueError(
                f"sweep.n_points = {self.n_points}: allowed is a whole number of at least 1 with "
                "mode = 'random', and none with another"
            )
        lengths = {
            key: len(values) for key, values in self.over.items() if isinstance(values, list)
        }
        if self.n_cells > self.max_cells:
            raise ValueError(
                f"sweep: {self.n_cells} cells, allowed are at most {self.max_cells}; a larger "
                "sweep.max_cells allows more"
            )
        if self.mode == "zip" and len(set(lengths.values())) > 1:
            raise ValueError(
                f"sweep.over: lists of {', '.join(f'{n} ({key})' for key, n in lengths.items())} "
                "values, allowed with mode = 'zip' is the same number in each"
            )
        return self

    @property
    def n_cells(self) -> int:
        """How many cells the sweep has: points times seeds."""
        seeds = len(self.seeds) if isinstance(self.seeds, list) else self.seeds
        return seeds * self._n_points()

    def _n_points(self) -> int:
        if self.mode == "random":
            return self.n_points or 0
        lengths = [len(axis) for axis in self.over.values() if isinstance(axis, list)]
        return math.prod(lengths) if self.mode == "grid" else max(lengths, default=0)

    def _check_keys(self) -> None:
        for key in self.over:
            section = key.partition(".")[0]
            if key == "seed":
                raise ValueError("sweep.over.seed: allowed is sweep.seeds, a number or a list")
            if section in ("sweep", "quick", "name") or not all(key.split(".")):
                raise ValueError(f"sweep.over: '{key}' cannot vary, allowed is a key of a setting")
        if isinstance(self.seeds, list) and len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"sweep.seeds = {_short(self.seeds)}: allowed is each seed once")

    def _check_axis(self, key: str, values: list[Any] | Range) -> None:
        if isinstance(values, Range):
            if self.mode != "random":
                raise ValueError(
                    f"sweep.over.{key}: low and high go with mode = 'random', allowed with "
                    f"'{self.mode}' is a list of values"
                )
            return
        if not values:
            raise ValueError(f"sweep.over.{key} = []: allowed is a list of at least 1")
        # In a zip a value may repeat, because the other axes can differ beside it.
        # Values need not be hashable, their texts are. 1 and 1.0 make the same cell.
        texts = {repr(float(v)) if type(v) is int else repr(v) for v in values}
        if self.mode != "zip" and len(texts) < len(values):
            raise ValueError(f"sweep.over.{key} = {_short(values)}: allowed is each value once")
