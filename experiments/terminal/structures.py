"""The choice of a structure of covariances as text for a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.values.structure_rows import rows_of, structure_cell, structure_legend
from experiments.values.structures import StructureChoice

# So many numbers of components stand side by side in one table.
BESIDE = 6


def structure_lines(found: StructureChoice) -> Iterator[RenderableType]:
    """Yield the legend and the table of structures by numbers of components."""
    yield Text(structure_legend(found), style="dim")
    for start in range(0, len(found.n_components), BESIDE):
        yield _table(found, slice(start, start + BESIDE))
        yield Text()


def _table(found: StructureChoice, shown: slice) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    table.add_column("K =")
    for k in found.n_components[shown]:
        table.add_column(str(k), justify="right", no_wrap=True)
    for kind, values in rows_of(found):
        table.add_row(kind, *map(structure_cell, values[shown]))
    return table
