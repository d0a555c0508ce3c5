"""The choice of a structure of covariances as text for a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.values.structure_rows import rows_of, structure_cell, structure_legend
from experiments.values.structures import StructureChoice


def structure_lines(found: StructureChoice) -> Iterator[RenderableType]:
    """Yield the legend and the table of structures by numbers of components."""
    yield Text(structure_legend(found), style="dim")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    table.add_column("K", justify="right")
    for kind in found.covariance_types:
        table.add_column(kind, justify="right")
    for k, values in rows_of(found):
        table.add_row(str(k), *map(structure_cell, values))
    yield table
    yield Text()
