"""Where the points of a sweep stand: along the axis, in which line, in which small multiple."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from experiments.config.conclusion import Trend
from experiments.core.types import FloatArray
from experiments.report.page.theme import plain
from experiments.sweeps.results import SweepResults

# More values of a number than this, as of a random sweep, are put together in so many bins.
MAX_VALUES, BINS = 12, 8
# More small multiples than this are too small; more lines cannot be told apart.
MAX_FACETS, MAX_LINES = 6, 7
LONGEST_TITLE = 48


@dataclass(frozen=True)
class Scale:
    """The horizontal axis.

    Attributes
    ----------
    column : str
    title : str
    log : bool
    levels : list of str
        The values of a column that is no number, in their order; else empty.
    numbers : list of float
        The different values of a column of numbers, in ascending order; else empty.
    """

    column: str
    title: str
    log: bool
    levels: list[str]
    numbers: list[float]

    def positions(self, values: pd.Series) -> FloatArray:
        """Return where values stand: numbers at themselves, others at 0, 1, 2 and so on."""
        if self.levels:
            places = {level: float(i) for i, level in enumerate(self.levels)}
            return np.array([places[str(value)] for value in values])
        return np.asarray(values, dtype=np.float64)

    def moved(self, positions: FloatArray, shares: ArrayLike) -> FloatArray:
        """Move positions aside by shares of the axis, so that marks do not cover one another."""
        shares = np.asarray(shares, dtype=np.float64)
        if self.levels:
            return positions + shares * len(self.levels)
        low, high = self.numbers[0], self.numbers[-1]
        if self.log:
            return np.asarray(positions * (high / low) ** shares, dtype=np.float64)
        return positions + shares * (high - low)

    def ticks(self) -> dict[str, Any]:
        """Return the axis' settings: every value that was tried, where they are few."""
        if self.levels:
            places, names = list(range(len(self.levels))), self.levels
            return {"tickvals": places, "ticktext": [plain(name) for name in names],
                    "range": [-0.5, len(self.levels) - 0.5]}  # fmt: skip
        kind: dict[str, Any] = {"type": "log"} if self.log else {}
        if len(self.numbers) <= MAX_VALUES:
            kind |= {"tickvals": self.numbers, "ticktext": [written(n) for n in self.numbers]}
        return kind


@dataclass(frozen=True)
class Layout:
    """What stands where.

    Attributes
    ----------
    scale : Scale
    group : str or None
        Column that gives a line to each of its values.
    facets : tuple of str
        Columns each combination of whose values has a small multiple of its own.
    log_y : bool
    """

    scale: Scale
    group: str | None
    facets: tuple[str, ...]
    log_y: bool


def layout_of(results: SweepResults) -> Layout | None:
    """Lay a sweep out as its config asks; without a figure in it, along the longest axis.

    None where nothing varies, or the results lack a column that is asked for.
    """
    frame, figure = results.done, results.figure
    varying: list[str] = [key for key in results.axes if frame[key].nunique() > 1]
    if figure is None and not varying:
        return None
    if figure is not None and not {figure.x, figure.group or figure.x} <= set(frame.columns):
        return None
    x = figure.x if figure else max(varying, key=lambda key: _length(frame, key))
    group = figure.group if figure else None
    numbers = _is_number(frame[x])
    positive = numbers and bool((frame[x] > 0).all())
    scale = Scale(
        x,
        _title(results, x),
        log=bool(figure and figure.log_x and positive),
        levels=[] if numbers else list(dict.fromkeys(frame[x].astype(str))),
        numbers=sorted(map(float, frame[x].unique())) if numbers else [],
    )
    others = [key for key in varying if key not in (x, group)]
    return Layout(scale, group, _facets(frame, others, x, group), bool(figure and figure.log_y))


def _facets(
    frame: pd.DataFrame, others: Sequence[str], x: str, group: str | None
) -> tuple[str, ...]:
    """Keep of other axes those that vary where the rest is the same, if they are few enough."""
    given = [x] if group is None else [x, group]
    free = [key for key in others if (frame.groupby(given)[key].nunique() > 1).any()]
    if not free or len(frame[free].drop_duplicates()) > MAX_FACETS:
        return ()
    return tuple(free)


def binned(values: FloatArray, log: bool) -> FloatArray:
    """Put the many values of a random sweep together: each is moved to the middle of its bin."""
    if len(np.unique(values)) <= MAX_VALUES:
        return values
    edges = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, values)
    seen = np.log(values) if log else values
    middles = {b: seen[bins == b].mean() for b in np.unique(bins)}
    found = np.array([middles[b] for b in bins])
    return np.exp(found) if log else found


def short_name(key: str) -> str:
    """Return what a dotted key is called where there is little room."""
    return key.rpartition(".")[2]


def written(value: object) -> str:
    """Write a value of an axis."""
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    return str(value)


def _title(results: SweepResults, column: str) -> str:
    conclusion = results.config.conclusion
    if isinstance(conclusion, Trend) and conclusion.x == column:
        return plain(conclusion.x_label.removeprefix("the "), LONGEST_TITLE)
    return plain(short_name(column))


def _length(frame: pd.DataFrame, key: str) -> tuple[bool, int]:
    values = frame[key]
    return _is_number(values), values.nunique()


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) and values.dtype != bool
