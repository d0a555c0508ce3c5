"""What a sweep's conclusion counts, data set by data set: the numbers behind its sentence."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from scipy.stats import binomtest

from experiments.config.conclusion import Detected, ReachedBest, Winner

# What identifies the data of a row of the results table.
DATA = "dataset.sha256"


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Return the interval of 95% of a share of `n` tries (Wilson 1927), which is never empty."""
    ends = binomtest(round(share * n), int(n)).proportion_ci(0.95, method="wilson")
    return float(ends.low), float(ends.high)


def shares_that_reached(conclusion: ReachedBest, frame: pd.DataFrame) -> pd.DataFrame:
    """Return, a row for each setting, its share of tries that reached the best optimum, and n."""
    rows = complete(frame, [*conclusion.settings, conclusion.value, DATA])
    best = rows.groupby(DATA)[conclusion.value].transform("max")
    reached = rows[conclusion.value] > best - conclusion.tolerance
    by = [rows[name] for name in conclusion.settings]
    return reached.groupby(by, sort=False).agg(share="mean", n="size").reset_index()


def rows_of(conclusion: Winner, column: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that take part in a column's choice."""
    by = [] if conclusion.by is None else [conclusion.by]
    return complete(frame, [conclusion.setting, column, DATA, *by])


def best_rows(conclusion: Winner, column: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the row that is best in a column, of each data set."""
    rows = rows_of(conclusion, column, frame)
    sign = 1 if conclusion.best == "lowest" else -1
    return rows.loc[(sign * rows[column]).groupby(rows[DATA]).idxmin()]


def shares_that_chose(conclusion: Winner, column: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return, a row for each setting, the share of data sets on which it was best, and n.

    Where the conclusion tells a column apart, a row for each of its values and each setting.
    """
    chosen = best_rows(conclusion, column, frame)
    everywhere: list[tuple[object, pd.DataFrame]] = [("", chosen)]
    if (by := conclusion.by) is not None:
        everywhere = [(value, chosen[chosen[by] == value]) for value in levels(chosen[by])]
    settings = levels(rows_of(conclusion, column, frame)[conclusion.setting])
    return pd.DataFrame(
        [
            {
                "by": value,
                "setting": setting,
                "n": len(found),
                "share": (found[conclusion.setting] == setting).mean(),
            }
            for value, found in everywhere
            for setting in settings
        ]
    )


def optima(conclusion: Detected, frame: pd.DataFrame) -> pd.DataFrame:
    """Return, a row for each data set, how far EM stopped below the best known, and the alarm.

    The best known is over all starts and over what the certificate found from any of them.
    """
    rows = complete(frame, [conclusion.setting, conclusion.value, conclusion.alarm, DATA])
    found = rows[conclusion.value] + rows[conclusion.alarm].clip(lower=0)
    best = found.groupby(rows[DATA]).transform("max")
    suspect = rows[conclusion.setting].astype(str) == conclusion.suspect
    short = (best - rows[conclusion.value])[suspect]
    return pd.DataFrame(
        {
            "short": short,
            "alarm": rows.loc[suspect, conclusion.alarm],
            "stuck": short > conclusion.tolerance,
        }
    )


def above_the_best(columns: Sequence[str], frame: pd.DataFrame, *, lowest: bool) -> pd.DataFrame:
    """Return a table whose columns are how much worse each is than the best of the same data."""
    changed = frame.copy()
    for column in columns:
        best = frame.groupby(DATA)[column].transform("min" if lowest else "max")
        changed[column] = (frame[column] - best).abs()
    return changed


def complete(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows that have a value in each of some columns; none where one is missing."""
    if not set(columns) <= set(frame.columns):
        return frame.iloc[:0].reindex(columns=list(columns))
    return frame.dropna(subset=list(columns))


def levels(values: pd.Series) -> list[object]:
    """Return each value once: numbers by size, anything else as it came."""
    found = list(dict.fromkeys(values))
    return sorted(found) if pd.api.types.is_numeric_dtype(values) else found
