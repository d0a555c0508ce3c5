"""The comparison's numbers as rows of text: the terminal and the report show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from experiments.core.digits import in_digits_of, with_uncertainty
from experiments.values.comparison import ComparisonValues
from experiments.values.parameters import Parameters

KINDS = {"weight": "weights", "mean": "means", "covariance": "covariances"}
# What follows an engine's title where its numbers have an error.
ERRORS = {"em": " ± se", "bayes": " ± sd"}


@dataclass(frozen=True)
class ParameterRow:
    """One parameter: what to call it, the truth, every engine's estimate, and EM's z-score.

    `truth` and `cells` are written out; `true` and `values` are the same numbers.
    """

    kind: str
    label: str
    truth: str
    true: float | None
    cells: dict[str, str]
    values: dict[str, float]
    z_score: float | None


def column_title(comparison: ComparisonValues, name: str) -> str:
    """Return the heading of an engine's column."""
    engine = comparison.engines[name]
    return engine.title + (ERRORS.get(name, " ± sd") if engine.uncertainty else "")


def parameter_groups(
    comparison: ComparisonValues, feature_names: Sequence[str] | None = None
) -> Iterator[tuple[str, list[ParameterRow]]]:
    """Yield weights, means and covariances, each with its rows.

    Features are called by their names, or by `feature_names`.
    """
    names = comparison.dataset.feature_names if feature_names is None else feature_names
    for kind, rows in groupby(_rows(comparison, names), key=lambda row: row.kind):
        yield kind, list(rows)


def short_names(names: Sequence[str], width: int) -> list[str]:
    """Shorten names to a width, keeping beginning and end, and each different from the others."""
    head = (width - 1) // 2
    short = [
        name if len(name) <= width else f"{name[: width - 1 - head]}…{name[-head:]}"
        for name in names
    ]
    repeated = {name for name, count in Counter(short).items() if count > 1}
    return [
        f"{name[: width - 1 - len(str(i))]}…{i}" if name in repeated else name
        for i, name in enumerate(short, start=1)
    ]


def _rows(comparison: ComparisonValues, feature_names: Sequence[str]) -> Iterator[ParameterRow]:
    layout = comparison.layout
    engines = list(comparison.engines.values())
    truth = true_values(comparison)
    values = [layout.by_name(engine.mixture.arrays()) for engine in engines]
    sds = [
        layout.by_name(engine.uncertainty.arrays()) if engine.uncertainty else {}
        for engine in engines
    ]
    z_scores = {}
    if comparison.agreement is not None:
        z_scores = layout.by_name(comparison.agreement.z_scores.arrays())
    # Numbers without an error of their own are written to the digits of one that has it.
    errors: dict[str, float] = next(filter(None, sds), {})
    for name in layout.names:
        digits = errors.get(name, 0.0)
        yield ParameterRow(
            kind=KINDS[name.partition("[")[0]],
            label=layout.label(name, feature_names),
            truth=in_digits_of(digits, truth[name]) if name in truth else "",
            true=truth.get(name),
            cells={
                engine: with_uncertainty(found[name], sd[name])
                if sd
                else in_digits_of(digits, found[name])
                for engine, found, sd in zip(comparison.engines, values, sds, strict=True)
            },
            values={
                engine: found[name]
                for engine, found in zip(comparison.engines, values, strict=True)
            },
            z_score=z_scores.get(name),
        )


def true_values(comparison: ComparisonValues) -> dict[str, float]:
    """Return the truth's value of each parameter that it has, under the fits' names.

    A component stands under the number that the fits give it; one that the truth lacks has no
    value, nor has a covariance that the truth's components do not share where the fits' do.
    """
    if comparison.truth is None:
        return {}
    truth = comparison.truth.arrays()
    partners = next(iter(comparison.engines.values())).matching.partners
    found = {}
    for place, partner in enumerate(partners, start=1):
        if partner is not None:
            alone = Parameters(*(values[partner - 1 : partner] for values in truth))
            for name, value in alone.free():
                kind, _, rest = name.partition("[1")
                found[f"{kind}[{place}{rest}"] = value
    if comparison.layout.shared and not np.allclose(truth.covariances, truth.covariances[0]):
        return {name: value for name, value in found.items() if "covariance" not in name}
    return found
