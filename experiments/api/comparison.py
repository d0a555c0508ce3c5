"""The comparison as people hold it: values, fits, figures, tables, pages and folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import PrivateAttr
from rich.console import Console, ConsoleOptions, RenderResult

from experiments.analysis.analyse import Analysis, write_values
from experiments.analysis.assignments import Assignments
from experiments.analysis.likelihoods import RowScores
from experiments.api.assignments import (
    believed_engine,
    frame_of,
    read_assignments,
    write_assignments,
)
from experiments.api.figures import DrawnComparison
from experiments.api.saving import write_run
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.core.words import some
from experiments.engines.contract import Fit
from experiments.report.comparison.page import write_comparison_report
from experiments.report.notebook import comparison_html
from experiments.report.provenance import Provenance
from experiments.terminal.comparison import render_comparison
from experiments.terminal.streams import as_text
from experiments.values.parameter_rows import true_values
from experiments.values.parameters import by_name


class Comparison(DrawnComparison):
    """What the fits say about the data and about each other.

    It is a plain value: its fields are those of `comparison.json`, and a comparison that is read
    back from its file equals the one that was written. A comparison made in this process also
    remembers the `fits` that it was made from; one that was read back does not.
    """

    _fits: Mapping[str, Fit] = PrivateAttr(default_factory=dict)
    _row_scores: RowScores = PrivateAttr(default_factory=RowScores)
    _assignments: Assignments | None = PrivateAttr(default=None)
    _folder: Path | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, analysis: Analysis) -> Self:
        """Return the comparison that an analysis amounts to."""
        comparison = cls(**dict(analysis.values))
        comparison._fits = analysis.fits
        comparison._row_scores = analysis.row_scores
        comparison._assignments = analysis.assignments
        return comparison

    def in_folder(self, folder: Path) -> Self:
        """Return the same comparison, which finds its rows in the folder that it was read from."""
        self._folder = folder
        return self

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
        """Compare the values alone: a comparison equals the same one read from a file."""
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
            columns[name] = by_name(self.layout, engine.mixture.arrays())
            if engine.uncertainty is not None:
                columns[f"{name}_sd"] = by_name(self.layout, engine.uncertainty.arrays())
        names = pd.Index(map(str, self.layout.names), name="parameter")
        return pd.DataFrame(columns, index=names)

    def assignments(self) -> pd.DataFrame:
        """Return one row for each row that was fitted: its component by each engine.

        Columns are ``row``, the row's number in the data, counted from 1; the column of known
        classes, where one was named; for each engine its name, which has the number of the most
        probable component as in the tables, from 1, its name with ``_probability``, and for a
        posterior its name with ``_sd``, the standard deviation of that probability over draws;
        and ``agree``, whether all engines assign the row to the same component.

        Raises
        ------
        UsageError
            If only the numbers of the comparison were kept.
        """
        if self._assignments is None and self._folder is not None:
            return read_assignments(self._folder)
        return frame_of(self._known_assignments())

    def labels(self, engine: str | None = None) -> NDArray[np.int64]:
        """Return the component of each row that was fitted, counted from 0 as in scikit-learn.

        Parameters
        ----------
        engine : str, optional
            By default the engine that the comparison says is to be believed, otherwise the
            maximum-likelihood estimate.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            Component ``k`` is number ``k + 1`` of the tables.

        Raises
        ------
        UsageError
            If there is no such engine, or only the numbers of the comparison were kept.
        """
        name = self._engine(engine)
        return np.asarray(self.assignments()[name].to_numpy() - 1, dtype=np.int64)

    def responsibilities(self, engine: str | None = None) -> FloatArray:
        """Return the probability of each component given each row that was fitted.

        Parameters
        ----------
        engine : str, optional
            As for :meth:`labels`.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Rows sum to 1. Of a posterior they are means over its draws.

        Raises
        ------
        UsageError
            If there is no such engine, or the comparison was read from a file, which keeps the
            probability of the most probable component only.
        """
        return self._known_assignments().probabilities[self._engine(engine)]

    def _known_assignments(self) -> Assignments:
        if self._assignments is None:
            raise UsageError(
                "this comparison does not have its rows, allowed is one that `compare` or "
                "`run_experiment` returned in this process"
            )
        return self._assignments

    def _engine(self, name: str | None) -> str:
        """Return the engine that is asked for, by default the one to believe."""
        if name is None:
            return believed_engine(self)
        if name not in self.engines:
            allowed = ", ".join(self.engines)
            raise UsageError(f"engine = {name!r}: no such engine, allowed is one of {allowed}")
        return name

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML page and return its path."""
        return self.write_page(Path(path))

    def save(self, directory: str | Path) -> Path:
        """Write `comparison.json`, `assignments.csv`, `report.html` and the `posterior.nc`.

        The directory appears whole or not at all; an earlier run in its place is moved aside,
        never overwritten. Returns the directory.
        """
        return write_run(Path(directory), self)

    def write_into(self, folder: Path) -> None:
        """Write `comparison.json`, `assignments.csv` and `posterior.nc` into a folder.

        The last two are written where there are rows and a posterior.
        """
        write_values(self, self.fits, folder)
        if self._assignments is not None:
            write_assignments(frame_of(self._assignments), folder)

    def write_page(self, path: Path, made: Provenance | None = None) -> Path:
        """Write the page, with what is known of how the comparison was made."""
        return write_comparison_report(self, path, made)

    def __str__(self) -> str:
        """Return the table and the verdict, as the command line prints them."""
        return as_text(self)

    def __repr__(self) -> str:
        """Return a line that says what was compared; `print` shows the table and the verdict."""
        data = self.dataset
        return (
            f"<{type(self).__name__} {self.experiment[:80]!r}: {data.n_samples} × "
            f"{data.n_features}, K = {self.n_components}, engines {some(list(self.engines))}, "
            f"{len(self.verdict)} findings>"
        )

    def _repr_html_(self) -> str:
        return comparison_html(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from render_comparison(self)
