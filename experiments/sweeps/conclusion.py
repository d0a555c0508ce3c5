"""One sentence with its numbers: what an experiment or a sweep has shown.

Every number of a sentence is computed from the results that it speaks of, and so is its direction:
"rose" and "fell" are said only of differences beyond `CLEAR` standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.config.conclusion import Conclusion, Detected, ReachedBest, Trend, Winner
from experiments.core.digits import in_digits_of
from experiments.core.types import FloatArray
from experiments.core.words import in_one_sentence
from experiments.sweeps.centres import Centre, mean_and_error, median_and_error
from experiments.sweeps.tallies import (
    DATA,
    best_rows,
    complete,
    levels,
    optima,
    shares_that_reached,
    wilson_interval,
)

if TYPE_CHECKING:
    from experiments.config.experiment import ExperimentConfig


CLEAR = 2.0


class NothingToSay(ValueError):
    """The results do not hold what the sentence would be about."""


def conclusion_of_sweep(config: ExperimentConfig, table: pd.DataFrame) -> str:
    """Return the sentence of a sweep: what its config concludes, else how its figure changes.

    Parameters
    ----------
    config : ExperimentConfig
        With a ``[sweep]`` table.
    table : DataFrame
        The results: a row per cell.

    Returns
    -------
    str
        Empty where the config has neither.
    """
    figure = None if config.sweep is None else config.sweep.figure
    if config.conclusion is not None:
        return conclusion_of_table(config.conclusion, table)
    if figure is None:
        return ""
    trend = Trend(kind="trend", x=figure.x, x_label=figure.x, y={name: name for name in figure.y})
    return conclusion_of_table(trend, table)


def conclusion_of_table(conclusion: Conclusion, table: pd.DataFrame) -> str:
    """Return the sentence of a sweep.

    Parameters
    ----------
    conclusion : Trend, ReachedBest, Winner or Detected
        The ``[conclusion]`` table of its config.
    table : DataFrame
        The results: a row per cell, failed ones without values.

    Returns
    -------
    str
        Where the results do not hold what it would be about, a sentence that says so.
    """
    try:
        return _conclude(conclusion, table)
    except NothingToSay as reason:
        return f"Nothing can be concluded: {reason}."


@singledispatch
def _conclude(conclusion: Conclusion, table: pd.DataFrame) -> str:
    raise TypeError(f"conclusion is {type(conclusion).__name__}, allowed is a [conclusion] table")


@_conclude.register
def _trend(conclusion: Trend, table: pd.DataFrame) -> str:
    parts = []
    ends: tuple[object, object] = (None, None)
    for column, label in {**conclusion.y, **conclusion.median}.items():
        rows = _complete(table, [conclusion.x, column])
        ends = _ends(rows[conclusion.x])
        centre = median_and_error if column in conclusion.median else mean_and_error
        a, b = (centre(_numbers(rows.loc[rows[conclusion.x] == end, column])) for end in ends)
        parts.append(f"{label} {_change(a, b)}")
    low, high = map(_plain, ends)
    overall = [
        f"{label} {_told(mean_and_error(_numbers(_complete(table, [column])[column])))}"
        for column, label in conclusion.overall.items()
    ]
    rest = f"; over all, {in_one_sentence(overall)}" if overall else ""
    return f"As {conclusion.x_label} went from {low} to {high}, {in_one_sentence(parts)}{rest}."


@_conclude.register
def _reached_best(conclusion: ReachedBest, table: pd.DataFrame) -> str:
    _complete(table, [*conclusion.settings, conclusion.value, DATA])
    shares = shares_that_reached(conclusion, table).sort_values("share")
    parts = [
        f"{_setting([row[name] for name in conclusion.settings], conclusion.settings)} in "
        f"{_share(row['share'], int(row['n']))}"
        for row in shares.to_dict("records")
    ]
    return f"The best optimum known was reached from {in_one_sentence(parts)}."


@_conclude.register
def _winner(conclusion: Winner, table: pd.DataFrame) -> str:
    by = [] if conclusion.by is None else [conclusion.by]
    parts: list[str] = []
    for column, label in conclusion.values.items():
        _complete(table, [conclusion.setting, column, DATA, *by])
        chosen = best_rows(conclusion, column, table)
        where = {"": chosen}
        if conclusion.by is not None:
            where = {
                f"at {conclusion.by_label} {_plain(end)} ": chosen[chosen[conclusion.by] == end]
                for end in _ends(chosen[conclusion.by])
            }
        parts += [
            f"{place}{label} chose {_votes(found[conclusion.setting])}"
            for place, found in where.items()
        ]
    said = in_one_sentence(parts)
    return f"{said[0].upper()}{said[1:]}."


@_conclude.register
def _detected(conclusion: Detected, table: pd.DataFrame) -> str:
    _complete(table, [conclusion.setting, conclusion.value, conclusion.alarm, DATA])
    found = optima(conclusion, table)
    if found.empty:
        raise NothingToSay(f"no cell has {conclusion.setting} = {conclusion.suspect}")
    stuck, alarm = found["stuck"], found["alarm"] > 0
    n, n_stuck = len(found), int(stuck.sum())
    caught, false = int((stuck & alarm).sum()), int((~stuck & alarm).sum())
    return (
        f"EM from {conclusion.suspect} starts stopped in a local optimum on {n_stuck} of {n} data "
        f"sets; the certificate said so on {caught} of these {n_stuck}, and raised {false} false "
        f"alarms on the other {n - n_stuck}."
    )


# Words -----------------------------------------------------------------------------------------


def _complete(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows that have a value in each of some columns, or say that there are none."""
    for column in columns:
        if column not in table.columns:
            raise NothingToSay(f"the results have no column {column}")
    rows = complete(table, columns)
    if rows.empty:
        raise NothingToSay(f"no cell has {' and '.join(columns)}")
    return rows


def _ends(values: pd.Series) -> tuple[object, object]:
    """Return the least and the greatest of numbers, the first and the last of anything else."""
    every = levels(values)
    return every[0], every[-1]


def _change(a: Centre, b: Centre) -> str:
    """Say how a mean or median changed, with its standard errors where there are any."""
    if a.value == b.value or abs(b.value - a.value) < CLEAR * np.hypot(a.error, b.error):
        return f"did not clearly change ({_told(a)} and {_told(b)})"
    return f"{'rose' if b.value > a.value else 'fell'} from {_told(a)} to {_told(b)}"


def _numbers(values: pd.Series) -> FloatArray:
    return values.to_numpy(dtype=np.float64)


def _told(centre: Centre) -> str:
    if not centre.error:
        return f"{centre.value:.3g}"
    error = centre.error
    return f"{in_digits_of(error * 5, centre.value)} ± {in_digits_of(error * 5, error)}"


def _share(share: float, n: int) -> str:
    """Write a share of `n` tries with its interval of 95% (Wilson 1927), which is never empty."""
    low, high = wilson_interval(share, n)
    return f"{share:.0%} of {n} tries (95% interval {low:.0%} to {high:.0%})"


def _votes(values: pd.Series) -> str:
    counts = values.astype(str).value_counts()
    total = int(counts.sum())
    first, *others = (f"{name} in {count}" for name, count in counts.items())
    rest = f" ({', '.join(others)})" if others else ""
    return f"{first} of {total} data sets{rest}"


def _setting(values: Sequence[object], names: Sequence[str]) -> str:
    first, *others = map(_plain, values)
    more = ", ".join(
        f"{name.rpartition('.')[2]} = {value}"
        for name, value in zip(names[1:], others, strict=True)
    )
    return f"{first} ({more})" if more else first


def _plain(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace(",", " ")
    return str(value)
