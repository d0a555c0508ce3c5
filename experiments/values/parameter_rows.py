"""The comparison's numbers as rows of text: the terminal and the report show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from experiments.core.digits import in_digits_of, with_uncertainty
from experiments.values.comparison import ComparisonValues
from experiments.values.parameters import by_name, full_label
from experiments.values.roles import Role
from gmm_em.parameter_names import all_names

# Parameters that a table of text or a notebook has room for: of one kind, and of all.
MAX_ROWS = 60
# What follows an engine's title where its numbers have an error.
ERRORS: dict[Role, str] = {
    "posterior": " ± sd",
    "maximum-likelihood": " ± se",
    "estimate": " ± sd",
}


@dataclass(frozen=True)
class ParameterRow:
    """One parameter: what to call it, the truth, every engine's estimate, and EM's z-score.

    `kind` is the heading of its group, such as ``means``; `label` calls it within the group,
    ``1, waiting``, and `full_label` anywhere, ``mean 1, waiting``. `truth` and `cells` are written
    out; `true` and `values` are the same numbers.
    """

    kind: str
    label: str
    full_label: str
    truth: str
    true: float | None
    cells: dict[str, str]
    values: dict[str, float]
    z_score: float | None


def column_title(comparison: ComparisonValues, name: str) -> str:
    """Return the heading of an engine's column."""
    engine = comparison.engines[name]
    return engine.title + (ERRORS[engine.role] if engine.uncertainty else "")


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
    alike = [name for name, found in zip(names, short, strict=True) if found in repeated]
    return [
        _told_apart(name, i, alike, width) if shortened in repeated else shortened
        for i, (name, shortened) in enumerate(zip(names, short, strict=True), start=1)
    ]


def _alike_at_first(names: Sequence[str]) -> int:
    """Return with how many letters all names begin alike."""
    letters = enumerate(zip(*names, strict=False))
    shortest = min(map(len, names))
    return next((i for i, found in letters if len(set(found)) > 1), shortest)


def _told_apart(name: str, number: int, alike: Sequence[str], width: int) -> str:
    """Shorten a name to its beginning and to what only it has; to its number if that is long."""
    before, after = _alike_at_first(alike), _alike_at_first([other[::-1] for other in alike])
    own = name[before : len(name) - after]
    if own and len(own) + 4 <= width:
        return f"{name[: width - 2 - len(own)]}…{own}…"
    return f"{name[: width - 1 - len(str(number))]}…{number}"


def _rows(comparison: ComparisonValues, feature_names: Sequence[str]) -> Iterator[ParameterRow]:
    layout = comparison.layout
    engines = list(comparison.engines.values())
    truth = true_values(comparison)
    values = [by_name(layout, engine.mixture.arrays()) for engine in engines]
    sds = [
        by_name(layout, engine.uncertainty.arrays()) if engine.uncertainty else {}
        for engine in engines
    ]
    z_scores = {}
    if comparison.agreement is not None:
        z_scores = by_name(layout, comparison.agreement.z_scores.arrays())
    # Numbers without an error of their own are written to the digits of one that has it.
    errors: dict[str, float] = next(filter(None, sds), {})
    for parameter in layout.names:
        name = str(parameter)
        digits = errors.get(name, 0.0)
        yield ParameterRow(
            kind=parameter.array,
            label=layout.label(parameter, feature_names),
            full_label=full_label(layout, parameter, feature_names),
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
    names = list(all_names(1, comparison.dataset.n_features))
    if comparison.layout.shared and not np.allclose(truth.covariances, truth.covariances[0]):
        names = [name for name in names if name.kind != "covariance"]
    return {
        str(name.of_component(place)): float(name.of_component(partner - 1).value(truth))
        for place, partner in enumerate(partners)
        if partner is not None
        for name in names
    }
