"""The comparison's numbers as rows of text: the terminal and the report show the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from experiments.parameters import in_digits_of, parameter_label, with_uncertainty
from experiments.schema import ComparisonValues

KINDS = {"weight": "weights", "mean": "means", "covariance": "covariances"}
# What follows an engine's title where its numbers have an error.
ERRORS = {"em": " ± se", "bayes": " ± sd"}


@dataclass(frozen=True)
class ParameterRow:
    """One parameter: what to call it, the truth, every engine's estimate, and EM's z-score."""

    kind: str
    label: str
    truth: str
    cells: dict[str, str]
    z_score: float | None


def column_title(comparison: ComparisonValues, name: str) -> str:
    """Return the heading of an engine's column."""
    engine = comparison.engines[name]
    return engine.title + (ERRORS.get(name, " ± sd") if engine.uncertainty else "")


def parameter_groups(comparison: ComparisonValues) -> Iterator[tuple[str, list[ParameterRow]]]:
    """Yield weights, means and covariances, each with its rows."""
    for kind, rows in groupby(_rows(comparison), key=lambda row: row.kind):
        yield kind, list(rows)


def _rows(comparison: ComparisonValues) -> Iterator[ParameterRow]:
    truth = {} if comparison.truth is None else comparison.truth.by_name()
    engines = list(comparison.engines.values())
    values = [engine.mixture.by_name() for engine in engines]
    sds = [engine.uncertainty.by_name() if engine.uncertainty else {} for engine in engines]
    z_scores = {} if comparison.agreement is None else comparison.agreement.z_scores.by_name()
    # Numbers without an error of their own are written to the digits of one that has it.
    errors: dict[str, float] = next(filter(None, sds), {})
    for name in values[0]:
        digits = errors.get(name, 0.0)
        yield ParameterRow(
            kind=KINDS[name.partition("[")[0]],
            label=parameter_label(name, comparison.dataset.feature_names),
            # A truth with another number of components has no value in every row.
            truth=in_digits_of(digits, truth[name]) if name in truth else "",
            cells={
                engine: with_uncertainty(found[name], sd[name])
                if sd
                else in_digits_of(digits, found[name])
                for engine, found, sd in zip(comparison.engines, values, sds, strict=True)
            },
            z_score=z_scores.get(name),
        )
