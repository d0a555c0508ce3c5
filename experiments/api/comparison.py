"""The comparison: from fits, and a truth where there is one, to a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pandas as pd
from pydantic import PrivateAttr
from rich.console import Console, ConsoleOptions, RenderResult

from experiments.analysis.analyse import Analysis, write_values
from experiments.analysis.likelihoods import RowScores
from experiments.api.figures import Plots
from experiments.api.saving import write_run
from experiments.engines.contract import Fit
from experiments.report.comparison.page import write_report
from experiments.report.notebook import comparison_html
from experiments.report.provenance import Provenance
from experiments.terminal.comparison import render
from experiments.values.parameter_rows import true_values


class Comparison(Plots):
    """What the fits say about the data and about each other.

    A plain value: its fields are those of `comparison.json` and survive the round trip through
    it. A comparison made in this process also remembers the `fits` it was made from; one that
    was read back does not.
    """

    _fits: Mapping[str, Fit] = PrivateAttr(default_factory=dict)
    _row_scores: RowScores = PrivateAttr(default_factory=RowScores)

    @classmethod
    def of(cls, analysis: Analysis) -> Self:
        """Return the comparison that an analysis amounts to."""
        comparison = cls(**dict(analysis.values))
        comparison._fits = analysis.fits
        comparison._row_scores = analysis.row_scores
        return comparison

    @property
    def fits(self) -> Mapping[str, Fit]:
        """The fits compared, by engine; empty when the comparison was read from a file."""
        return self._fits

    @property
    def seconds(self) -> dict[str, float]:
        """Wall-clock seconds of each engine's fit."""
        return {name: engine.seconds for name, engine in self.engines.items()}

    @property
    def row_scores(self) -> RowScores:
        """Log scores row by row; empty when the comparison was read from a file."""
        return self._row_scores

    def __eq__(self, other: object) -> bool:
        """Equal values: where a comparison came from makes no difference."""
        return isinstance(other, Comparison) and self.__dict__ == other.__dict__

    def table(self) -> pd.DataFrame:
        """Return one row per parameter: truth, and each engine's estimate and uncertainty.

        Columns are ``truth`` where it is known, and for each engine its name and its name with
        ``_sd`` (EM: bootstrap standard error; posterior: standard deviation).
        """
        columns: dict[str, dict[str, float]] = {}
        if self.truth is not None:
            columns["truth"] = true_values(self)
        for name, engine in self.engines.items():
            columns[name] = self.layout.by_name(engine.mixture.arrays())
            if engine.uncertainty is not None:
                columns[f"{name}_sd"] = self.layout.by_name(engine.uncertainty.arrays())
        return pd.DataFrame(columns, index=self.layout.names).rename_axis("parameter")

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML page and return its path."""
        return self.write_page(Path(path))

    def save(self, directory: str | Path) -> Path:
        """Write `comparison.json`, `report.html` and, where there is one, `posterior.nc`.

        The directory appears whole or not at all; an earlier run in its place is moved aside,
        never overwritten. Returns the directory.
        """
        return write_run(Path(directory), self)

    def write_into(self, folder: Path) -> None:
        """Write `comparison.json` and, where there is one, `posterior.nc` into a folder."""
        write_values(self, self.fits, folder)

    def write_page(self, path: Path, made: Provenance | None = None) -> Path:
        """Write the page, with what is known of how the comparison was made."""
        return write_report(self, path, made)

    def _repr_html_(self) -> str:
        return comparison_html(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from render(self)
