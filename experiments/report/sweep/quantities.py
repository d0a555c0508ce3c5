"""What columns of a sweep's results measure: which belong in one panel, and what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from experiments.sweeps.results import SweepResults

# Titles of engines, as their fits have them; another engine goes by its name.
TITLES = {"em": "EM", "bayes": "posterior", "kmeans": "k-means"}

# A column without its engine, the first that matches: title of its panel, and the value at which
# all would be well. {0} is the first group.
KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"coverage\.(.+)", "True parameters inside {0} % intervals", "{0} %"),
    (r"errors\.weight_max_error", "Largest error of a weight", ""),
    (r"errors\.mean_mahalanobis\.mean", "Error of the means (Mahalanobis)", ""),
    (r"density\.total_variation", "Density’s total variation from the truth", ""),
    (r"clustering\.agreement", "Rows labelled as the truth would", ""),
    (r"clustering\.adjusted_rand", "Adjusted Rand index", ""),
    (r"log_likelihood\.train", "Log-likelihood of the fitted rows", ""),
    (r"log_likelihood\.test", "Log-likelihood of the rows held out", ""),
    (r"lost_test", "Lost against the truth per held-out row, nats", "0"),
    (r"lost", "Lost against the truth per fitted row, nats", "0"),
    (r"diagnostics\.(?:aic|bic|icl)", "Information criterion", ""),
    (r"seconds", "Seconds of a fit", ""),
    (r"agreement\.max_abs_z", "Largest difference of a parameter, posterior sd", ""),
    (r"agreement\.sd_ratio\.(.+)\.(?:median|mean)", "EM’s standard error ({0}) / posterior sd",
     "1"),
    (r"certificate\.deviance_distance", "Distance of the deviance from chi-square", "0"),
    (r"certificate\.deviance_ratio", "Mean deviance / number of parameters", "1"),
    (r"certificate\.better_by", "Log-likelihood found above EM’s optimum", "0"),
)  # fmt: skip

SHARES = (".coverage.", ".clustering.agreement")

# What a report of a sweep shows beside what its config asks for: the first of each that there is.
USUAL: Mapping[str, tuple[str, ...]] = {
    "error": ("density.total_variation", "errors.mean_mahalanobis.mean"),
    "coverage": ("coverage.95",),
    "agreement": ("agreement.max_abs_z",),
    "spread": ("agreement.sd_ratio.bootstrap.median", "agreement.sd_ratio.information.median"),
    "shape": ("certificate.deviance_ratio",),
    "cost": ("seconds",),
}


@dataclass(frozen=True)
class Series:
    """One column as a panel shows it; `engine` is empty where it is no single engine's."""

    column: str
    engine: str
    label: str


@dataclass(frozen=True)
class Quantity:
    """What one panel shows: the columns that measure the same, engine by engine.

    Attributes
    ----------
    title : str
    series : tuple of Series
    target : float or None
        The value at which all would be well.
    above_best : bool
        Whether values are distances from the best, so that only the near ones decide.
    """

    title: str
    series: tuple[Series, ...]
    target: float | None = None
    above_best: bool = False

    @property
    def is_share(self) -> bool:
        """Whether its values are shares, to be read in per cent."""
        return any(part in self.series[0].column for part in SHARES)

    @property
    def columns(self) -> list[str]:
        """Of the results table."""
        return [series.column for series in self.series]


def quantities_of(columns: Iterable[str], engines: Sequence[str]) -> list[Quantity]:
    """Group columns by what they measure, in the order in which they come.

    Parameters
    ----------
    columns : iterable of str
        Of the results table.
    engines : sequence of str
        Of the config.
    """
    found: dict[str, tuple[list[Series], float | None]] = {}
    for column in dict.fromkeys(columns):
        engine, rest = _split(column, engines)
        title, target = _named(rest, column)
        label = engine_title(engine) if engine else "all engines"
        if last := re.fullmatch(r"diagnostics\.(aic|bic|icl)", rest):
            label = last[1].upper()
        found.setdefault(title, ([], target))[0].append(Series(column, engine, label))
    return [Quantity(title, tuple(series), target) for title, (series, target) in found.items()]


def usual_columns(known: Iterable[str], engines: Sequence[str]) -> list[str]:
    """Return the columns of error, coverage, agreement and cost among those of a table."""
    parts = {column: _split(column, engines)[1] for column in known}
    found: list[str] = []
    for choices in USUAL.values():
        present = next((rest for rest in choices if rest in parts.values()), None)
        found += [column for column, rest in parts.items() if rest == present]
    return found


def columns_drawn(results: SweepResults) -> list[str]:
    """Return the columns that a sweep's config wants drawn, by default the usual ones."""
    return columns_usual(results) if results.figure is None else list(results.figure.y)


def columns_usual(results: SweepResults) -> list[str]:
    """Return a sweep's columns of error, coverage, agreement and cost that differ between cells."""
    frame = results.done
    measured = [
        str(name) for name in frame
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].nunique() > 1
    ]  # fmt: skip
    return usual_columns(measured, results.config.engines)


def engine_title(name: str) -> str:
    """Return what a reader calls an engine."""
    return TITLES.get(name, name)


def _split(column: str, engines: Sequence[str]) -> tuple[str, str]:
    """Split a column's name into its engine, where it is one engine's, and the rest."""
    difference = re.fullmatch(r"log_likelihood\.differences(_test)?\.truth-(.+)\.mean", column)
    if difference and difference[2] in engines:
        return difference[2], f"lost{difference[1] or ''}"
    first, _, rest = column.partition(".")
    return (first, rest) if first in engines else ("", column)


def _named(rest: str, column: str) -> tuple[str, float | None]:
    for pattern, title, target in KNOWN:
        if match := re.fullmatch(pattern, rest):
            value = target.format(*match.groups())
            return title.format(*match.groups()), _number(value)
    return (rest if rest != column else column), None


def _number(text: str) -> float | None:
    if not text:
        return None
    return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
