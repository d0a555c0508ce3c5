"""The choice of a number of components as people hold it: values, comparisons, pages, folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pandas as pd
import plotly.graph_objects as go
from pydantic import PrivateAttr
from rich.console import Console, ConsoleOptions, RenderResult

from experiments.api.comparison import Comparison
from experiments.api.saving import write_run, write_run_report
from experiments.core.words import some
from experiments.report.notebook import components_html
from experiments.report.provenance import Provenance
from experiments.report.selection import components_figure, write_components_report
from experiments.selection.choose import Choice
from experiments.storage.layout import COMPONENTS, folder_of
from experiments.terminal.selection import render_choice
from experiments.terminal.streams import as_text
from experiments.values.components import ComponentsValues

# What `table` has of each criterion: the end of a column's name, and the field of its values.
TABLE_COLUMNS = {"": "value", "_se": "se", "_worse": "worse_by", "_worse_se": "worse_by_se"}


class ComponentsComparison(ComponentsValues):
    """Every criterion at every number of components.

    It is a plain value: its fields are those of `components.json`. It also holds the comparison at
    each number, which has a folder of its own beside that file.
    """

    _comparisons: Mapping[int, Comparison] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, choice: Choice) -> Self:
        """Return the comparisons that a choice was made from, and what it amounts to."""
        comparisons = {k: Comparison.of(found) for k, found in choice.analyses.items()}
        return cls._holding(choice.values, comparisons)

    @property
    def comparisons(self) -> Mapping[int, Comparison]:
        """The comparison at each number of components that could be fitted."""
        return self._comparisons

    def __getitem__(self, n_components: int) -> Comparison:
        """Return the comparison at a number of components."""
        return self._comparisons[n_components]

    def __eq__(self, other: object) -> bool:
        """Compare the values alone, as `Comparison` does."""
        return isinstance(other, ComponentsComparison) and self.__dict__ == other.__dict__

    @property
    def chosen(self) -> dict[str, int]:
        """The number of components that each criterion chooses, by the criterion's id."""
        return {c.id: c.chosen for c in self.criteria if c.chosen is not None}

    @property
    def seconds(self) -> dict[str, float]:
        """Wall-clock seconds of all fits, by engine."""
        total: dict[str, float] = {}
        for comparison in self._comparisons.values():
            for name, seconds in comparison.seconds.items():
                total[name] = total.get(name, 0.0) + seconds
        return total

    def with_comparisons(self, comparisons: Mapping[int, Comparison]) -> Self:
        """Return the same value with the comparisons that it was made from."""
        return self._holding(self, comparisons)

    @classmethod
    def _holding(cls, values: ComponentsValues, comparisons: Mapping[int, Comparison]) -> Self:
        found = cls(**dict(values))
        found._comparisons = dict(comparisons)
        return found

    def table(self) -> pd.DataFrame:
        """Return one row per number of components.

        Columns are each criterion's id, and where it has errors its id with ``_se``; its id with
        ``_worse`` and ``_worse_se`` holds the difference to the best and that one's error, on
        the scale of a log-likelihood.
        """
        columns: dict[str, list[float | None]] = {}
        for criterion in self.criteria:
            for suffix, key in TABLE_COLUMNS.items():
                values = [getattr(value, key) for value in criterion.values]
                if any(value is not None for value in values):
                    columns[criterion.id + suffix] = values
        index = pd.Index(self.n_components, name="n_components")
        return pd.DataFrame(columns, index=index, dtype=float)

    def plot_criteria(self) -> go.Figure:
        """Draw how much worse each number of components is than the best, with error bars."""
        return components_figure(self)

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML page and return its path."""
        return self.write_page(Path(path))

    def save(self, directory: str | Path) -> Path:
        """Write `components.json`, `report.html`, and each comparison into a folder of its own.

        The directory appears whole or not at all, as that of `Comparison.save`.
        """
        return write_run(Path(directory), self)

    def write_into(self, folder: Path) -> None:
        """Write `components.json`, and every comparison with its page into a folder of its own."""
        (folder / COMPONENTS).write_text(self.to_json() + "\n", encoding="utf-8")
        for k, comparison in self._comparisons.items():
            inner = folder / folder_of(k)
            inner.mkdir()
            comparison.write_into(inner)

    def write_page(self, path: Path, made: Provenance | None = None) -> Path:
        """Write the page, with what is known of how the comparisons were made.

        Beside it lie the folders of the comparisons, where there are any: each gets its own page.
        """
        for k, comparison in self._comparisons.items():
            if (inner := path.parent / folder_of(k)).is_dir():
                write_run_report(comparison, inner)
        return write_components_report(self, path, made, self._comparisons)

    def __str__(self) -> str:
        """Return the table and the verdict, as the command line prints them."""
        return as_text(self)

    def __repr__(self) -> str:
        """Return a line that says what was compared; `print` shows the table and the verdict."""
        return (
            f"<{type(self).__name__} {self.experiment[:80]!r}: {self.dataset.n_samples} × "
            f"{self.dataset.n_features}, K = {some(list(map(str, self.n_components)))}, "
            f"{len(self.criteria)} criteria, {len(self.verdict)} findings>"
        )

    def _repr_html_(self) -> str:
        return components_html(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from render_choice(self)
