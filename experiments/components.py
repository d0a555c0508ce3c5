"""How many components: the same data compared at several numbers of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from pydantic import PrivateAttr

from experiments.comparison import Comparison, compare_fits, dataset_info
from experiments.components_schema import ComponentsValues
from experiments.components_verdict import findings
from experiments.criteria import judge_all
from experiments.datasets import Dataset
from experiments.engines import check_components, fit_engines
from experiments.errors import FitError, UsageError
from experiments.progress import Report, silent

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.console import Console, ConsoleOptions, RenderResult


class ComponentsComparison(ComponentsValues):
    """Every criterion at every number of components.

    A plain value: its fields are those of `components.json` and survive the round trip through
    it. One made in this process also remembers the `comparisons` at each number; one that was
    read back has those that lay beside it.
    """

    _comparisons: Mapping[int, Comparison] = PrivateAttr(default_factory=dict)

    @property
    def comparisons(self) -> Mapping[int, Comparison]:
        """The comparison at each number of components that could be fitted."""
        return self._comparisons

    def __getitem__(self, n_components: int) -> Comparison:
        """Return the comparison at a number of components."""
        return self._comparisons[n_components]

    def __eq__(self, other: object) -> bool:
        """Equal values: where they came from makes no difference."""
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
        """Return the same value with the comparisons it was made from."""
        copy = self.model_copy()
        copy._comparisons = dict(comparisons)
        return copy

    def table(self) -> pd.DataFrame:
        """Return one row per number of components.

        Columns are each criterion's id, and where it has errors its id with ``_se``; its id with
        ``_worse`` and ``_worse_se`` holds the difference to the best and that one's error, on
        the scale of a log-likelihood.
        """
        columns: dict[str, list[float | None]] = {}
        for criterion in self.criteria:
            for suffix, key in (
                ("", "value"), ("_se", "se"), ("_worse", "worse_by"), ("_worse_se", "worse_by_se"),
            ):  # fmt: skip
                values = [getattr(value, key) for value in criterion.values]
                if any(value is not None for value in values):
                    columns[criterion.id + suffix] = values
        index = pd.Index(self.n_components, name="n_components")
        return pd.DataFrame(columns, index=index, dtype=float)

    def plot_criteria(self) -> go.Figure:
        """Draw how much worse each number of components is than the best, with error bars."""
        from experiments.report.components import components_figure

        return components_figure(self)

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML page and return its path."""
        from experiments.report.components import write_components_report

        return write_components_report(self, Path(path))

    def save(self, directory: str | Path) -> Path:
        """Write `components.json`, `report.html`, and each comparison into a folder of its own.

        The directory appears whole or not at all, as that of `Comparison.save`.
        """
        from experiments.store import write_run

        return write_run(Path(directory), self)

    def write_into(self, folder: Path) -> None:
        """Write `components.json`, and every comparison with its page into a folder of its own."""
        from experiments.store import COMPONENTS, REPORT, folder_of

        (folder / COMPONENTS).write_text(self.to_json() + "\n", encoding="utf-8")
        for k, comparison in self._comparisons.items():
            inner = folder / folder_of(k)
            inner.mkdir()
            comparison.write_into(inner)
            comparison.report(inner / REPORT)

    def _repr_html_(self) -> str:
        from experiments.components_table import components_html

        return components_html(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from experiments.components_table import render

        yield from render(self)


def compare_components(
    dataset: Dataset,
    n_components: Sequence[int],
    engines: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    *,
    experiment: str = "",
    seed: int = 0,
    covariance_type: str = "full",
    thresholds: Mapping[str, Sequence[float]] | None = None,
    progress: Report = silent,
) -> ComponentsComparison:
    """Fit and compare at every number of components, then judge the numbers by every criterion.

    Each number's fits are those that it would have alone, with the same seed.

    Parameters
    ----------
    dataset : Dataset
    n_components : sequence of int
        Numbers to try, each once.
    engines, options
        As `experiments.compare` takes them.
    experiment, seed, covariance_type, thresholds, progress
        As in `experiments.comparison.compare_fits`.

    Raises
    ------
    UsageError
        If a number, an engine or an option is not allowed, or no number could be fitted.
    """
    counts = _checked(n_components, len(dataset.X))
    if "bayes" in engines:
        # One number alone has no use for it, so that it is not estimated by default.
        bayes = dict(options.get("bayes", {}))
        if bayes.get("evidence") is None:
            bayes["evidence"] = True
        options = {**options, "bayes": bayes}
    comparisons: dict[int, Comparison] = {}
    failures: dict[int, str] = {}
    for k in counts:

        def at(stage: str, done: int, total: int, k: int = k) -> None:
            progress(f"K = {k}: {stage}", done, total)

        try:
            fits = fit_engines(dataset, k, engines, options, seed, at, covariance_type)
        except FitError as error:
            # Of a message that goes on with advice the first sentence says why.
            reason = str(error).removeprefix(f"{dataset.name}: ")
            failures[k] = reason.partition(". ")[0].rstrip(".")
            continue
        comparisons[k] = compare_fits(
            dataset,
            fits,
            experiment=f"{experiment or dataset.name}, K = {k}",
            seed=seed,
            covariance_type=covariance_type,
            thresholds=thresholds,
        )
    if not comparisons:
        raise FitError(f"{dataset.name}: no number of components could be fitted: {failures}")
    true_components = None if dataset.truth is None else dataset.truth.n_components
    criteria = judge_all(comparisons, failures)
    return ComponentsComparison(
        experiment=experiment or dataset.name,
        seed=seed,
        dataset=dataset_info(dataset),
        covariance_type=covariance_type,
        n_components=counts,
        true_components=true_components,
        criteria=criteria,
        failures={str(k): reason for k, reason in failures.items()},
        verdict=findings(
            criteria,
            failures,
            true_components,
            {
                k: found.certificate.better_by
                for k, found in comparisons.items()
                if found.certificate is not None
            },
        ),
    ).with_comparisons(comparisons)


def _checked(n_components: Sequence[int], n_samples: int) -> list[int]:
    counts = [check_components(count, n_samples) for count in n_components]
    if not counts or len(set(counts)) < len(counts):
        raise UsageError(f"n_components = {counts}: allowed is each number once, at least one")
    return sorted(counts)
