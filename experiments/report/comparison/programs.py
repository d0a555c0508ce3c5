"""Posteriors by several programs against each other, in a table."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.report.page.blocks import (
    Block,
    Heading,
    Note,
    SortableTable,
    TableCell,
    TableColumn,
)
from experiments.values.comparison import ComparisonValues
from experiments.values.parameters import full_label
from experiments.values.posteriors import PosteriorPairValues

MEANING = (
    "Every two posteriors that were meant to be one. The means of each parameter are compared in "
    "Monte Carlo standard errors of both, and the joint draws by their energy distance, which is "
    "zero for two samples of one distribution up to chance; its p-value is small where it is "
    "larger than chance makes it. The last number is the probability that equal posteriors look as "
    "different as these."
)


def program_blocks(comparison: ComparisonValues) -> Iterator[Block]:
    """Yield the table of all pairs, where there are several posteriors."""
    if comparison.posteriors:
        yield Heading("Programs against each other")
        yield Note(MEANING)
        yield pairs_table(comparison)


def pairs_table(comparison: ComparisonValues) -> SortableTable:
    """Return a row for every two posteriors that were meant to be one."""
    columns = [
        TableColumn("posteriors"),
        TableColumn("largest z", hint="difference of means in Monte Carlo standard errors"),
        TableColumn("where", hint="the parameter whose means differ most"),
        TableColumn("difference in sd", hint="that difference in posterior standard deviations"),
        TableColumn("energy distance", hint="energy distance between the joint draws"),
        TableColumn("p-value", hint="p-value of the energy distance"),
        TableColumn("chance if equal", hint="of equal posteriors to look so different"),
        TableColumn("one model", hint="whether model and prior are known to be the same"),
    ]
    rows = [_row(comparison, pair) for pair in comparison.posteriors]
    return SortableTable("Posteriors of several programs against each other", columns, rows)


def _row(comparison: ComparisonValues, pair: PosteriorPairValues) -> list[TableCell]:
    titles = [comparison.engines[name].title for name in (pair.first, pair.second)]
    label = full_label(comparison.layout, pair.worst_parameter, comparison.dataset.feature_names)
    numbers = [
        TableCell(f"{value:{form}}", sort=value)
        for value, form in (
            (pair.shift, "+.2g"),
            (pair.energy_distance, ".2g"),
            (pair.energy_probability, ".2g"),
            (pair.probability, ".2g"),
        )
    ]
    return [
        TableCell(" and ".join(titles)),
        TableCell(f"{pair.max_abs_z:.1f}", sort=pair.max_abs_z),
        TableCell(label),
        *numbers,
        TableCell("yes" if pair.same_model else "not known"),
    ]
