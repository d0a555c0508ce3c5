"""The comparison as text for a terminal: one table, then the verdict, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.comparison import Comparison
from experiments.parameters import in_digits_of, parameter_label, with_uncertainty
from experiments.schema import TrainTest

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
TITLES = {"em": "EM ± se", "bayes": "posterior ± sd"}


def render(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield the parts of the terminal's answer from top to bottom."""
    yield _heading(comparison)
    yield _table(comparison)
    for finding in comparison.verdict:
        mark, colour = MARKS[finding.level]
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(mark, style=f"bold {colour}"), Text(finding.text))
        yield line


def _heading(comparison: Comparison) -> Text:
    data = comparison.dataset
    held_out = f", {data.n_test} held out" if data.n_test else ""
    return Text.assemble(
        "\n",
        (comparison.experiment, "bold"),
        f": {data.n_samples} × {data.n_features}{held_out}, K = {comparison.n_components}, "
        f"seed {comparison.seed}",
    )


def _table(comparison: Comparison) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    table.add_column("")
    if comparison.truth is not None:
        table.add_column("truth", justify="right")
    for name in comparison.engines:
        table.add_column(TITLES.get(name, name), justify="right")
    for kind, rows in _parameter_rows(comparison):
        table.add_row(Text(kind, style="bold cyan"))
        for label, cells in rows:
            table.add_row(f"  {label}", *cells)
    table.add_row(Text("log-likelihood", style="bold cyan"))
    for label, cells in _likelihood_rows(comparison):
        table.add_row(f"  {label}", *cells)
    return table


def _parameter_rows(comparison: Comparison) -> Iterator[tuple[str, list[tuple[str, list[str]]]]]:
    truth = {} if comparison.truth is None else comparison.truth.by_name()
    engines = [(e.mixture.by_name(), e.uncertainty.by_name()) for e in comparison.engines.values()]
    groups: dict[str, list[tuple[str, list[str]]]] = {}
    for name in engines[0][0]:
        cells = [with_uncertainty(values[name], sds[name]) for values, sds in engines]
        if comparison.truth is not None:
            # A truth with another number of components has no value in every row.
            uncertainty = engines[0][1][name]
            cells.insert(0, in_digits_of(uncertainty, truth[name]) if name in truth else "")
        label = parameter_label(name, comparison.dataset.feature_names)
        groups.setdefault(name.partition("[")[0], []).append((label, cells))
    titles = {"weight": "weights", "mean": "means", "covariance": "covariances"}
    for kind, rows in groups.items():
        yield titles[kind], rows


def _likelihood_rows(comparison: Comparison) -> Iterator[tuple[str, list[str]]]:
    found = comparison.log_likelihood
    engines = list(comparison.engines.values())
    points: list[TrainTest] = [] if found.truth is None else [found.truth]
    points += [engine.log_likelihood for engine in engines]
    yield "fitted rows", [f"{point.train:.2f}" for point in points]
    if comparison.dataset.n_test:
        yield "held-out rows", [_optional(point.test) for point in points]
    if found.bayes is None:
        return
    # The posterior's column is the last but where an engine after it was asked for.
    before = [""] * (len(points) - len(engines) + list(comparison.engines).index("bayes"))
    for label, spread in (
        ("  over draws", found.bayes.draws),
        ("  over draws, held out", found.bayes.draws_test),
    ):
        if spread is not None:
            yield label, [*before, f"{spread.mean:.2f} ± {spread.sd:.2f}"]
    yield "  best draw", [*before, f"{found.bayes.draws.max:.2f}"]


def _optional(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
