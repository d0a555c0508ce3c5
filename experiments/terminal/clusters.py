"""The rows and their components as text: how many are uncertain, and which classes are found."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.values.cluster_rows import (
    class_counts,
    classes_sentence,
    clusters_sentence,
    fits_as_text,
)
from experiments.values.comparison import ComparisonValues


def cluster_lines(comparison: ComparisonValues) -> Iterator[RenderableType]:
    """Yield a sentence about the rows and, where classes are known, a table for each engine."""
    if said := clusters_sentence(comparison):
        yield Text(f"\n{said}")
    if said := classes_sentence(comparison):
        yield Text(said)
    if fits_as_text(comparison):
        for engine, rows in class_counts(comparison).items():
            yield _counts(comparison.engines[engine].title, rows)


def _counts(title: str, rows: list[tuple[str, list[int]]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column(Text(title), max_width=24, no_wrap=True, overflow="ellipsis")
    for component in range(len(rows[0][1])):
        table.add_column(str(component + 1), justify="right")
    for name, counts in rows:
        table.add_row(Text(name), *map(str, counts))
    return table
