"""Covariances as standard deviations and correlations, which are easier to read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from experiments.core.types import FloatArray
from experiments.report.page.blocks import SortableTable, TableCell, TableColumn
from experiments.report.page.theme import colour_of
from experiments.values.comparison import ComparisonValues

# With fewer features the few covariances are read as they are.
FROM_FEATURES = 4


def spreads_table(comparison: ComparisonValues) -> SortableTable:
    """Return the standard deviations and correlations of each component by each engine.

    They are those of the estimates' covariances, and have no errors of their own.
    """
    columns = [TableColumn("parameter")]
    sources: list[dict[tuple[int, int, int], float]] = []
    if comparison.truth is not None:
        columns.append(TableColumn("truth", colour_of("truth")))
        sources.append(_true(comparison))
    for name, engine in comparison.engines.items():
        columns.append(TableColumn(engine.title, colour_of(name)))
        sources.append(_spreads(engine.mixture.arrays().covariances))
    rows = []
    for number, (key, label) in enumerate(_labels(comparison)):
        cells = [TableCell(label, sort=float(number))]
        for found in sources:
            value = found.get(key)
            text = "" if value is None else f"{value:.3g}" if key[1] == key[2] else f"{value:+.2f}"
            cells.append(TableCell(text, sort=value))
        rows.append(cells)
    return SortableTable("Standard deviations and correlations of the components", columns, rows)


def _labels(comparison: ComparisonValues) -> Iterator[tuple[tuple[int, int, int], str]]:
    names = comparison.dataset.feature_names
    for k in range(comparison.n_components):
        for i, name in enumerate(names):
            yield (k, i, i), f"sd {k + 1}, {name}"
        for i, j in combinations(range(len(names)), 2):
            yield (k, i, j), f"correlation {k + 1}, {names[i]}, {names[j]}"


def _spreads(covariances: FloatArray) -> dict[tuple[int, int, int], float]:
    """Return of each component the deviations, and the correlations above the diagonal."""
    found = {}
    for k, covariance in enumerate(covariances):
        deviations = np.sqrt(np.diagonal(covariance))
        correlations = covariance / np.outer(deviations, deviations)
        for i in range(len(deviations)):
            found[k, i, i] = float(deviations[i])
            for j in range(i + 1, len(deviations)):
                found[k, i, j] = float(correlations[i, j])
    return found


def _true(comparison: ComparisonValues) -> dict[tuple[int, int, int], float]:
    """Return the truth's, under the numbers of the fits; of a component that it lacks none."""
    if comparison.truth is None:
        return {}
    covariances = comparison.truth.arrays().covariances
    partners = next(iter(comparison.engines.values())).matching.partners
    return {
        (k, i, j): value
        for k, partner in enumerate(partners)
        if partner is not None
        for (_, i, j), value in _spreads(covariances[partner - 1][None]).items()
    }
