"""Log-likelihoods: the paths of all restarts, held-out scores, the deviance of draws."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from scipy.stats import chi2

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.report.page.blocks import Cell, Column, Table
from experiments.report.page.theme import COLOURS, RULE, colour_of, compact, plain, styled, tint
from experiments.values.comparison import ComparisonValues

MAX_PATHS = 30


def paths_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the log-likelihood path of each EM restart: short runs, runs pursued, the best.

    Raises
    ------
    UsageError
        If EM was not among the engines.
    """
    illustration = comparison.illustration
    if not illustration.em_paths:
        raise UsageError("no EM run to show: engine 'em' was not fitted")
    paths = [np.asarray(path) for path in illustration.em_paths]
    kinds = {
        "short runs, not pursued": {"color": RULE, "width": 1, "dash": "dot"},
        "runs to convergence": {"color": "#56b4e9", "width": 1.5},
        "the best": {"color": COLOURS["em"], "width": 3},
    }
    names = list(kinds)
    chosen = {
        index: names[2 if index == illustration.em_best_path else int(finished)]
        for index, finished in enumerate(illustration.em_finished)
    }
    figure = go.Figure()
    for name, line in kinds.items():
        members = [index for index, kind in chosen.items() if kind == name][:MAX_PATHS]
        for index in members:
            figure.add_scatter(
                x=np.arange(len(paths[index])), y=paths[index], mode="lines", name=name,
                legendgroup=name, showlegend=index == members[0], line=line,
                hovertemplate=f"restart {index + 1}<br>iteration %{{x}}<br>%{{y:.4f}}"
                "<extra></extra>",
            )  # fmt: skip
    figure.update_yaxes(title="log-likelihood", range=_path_range(paths), tickformat="~f")
    figure.update_xaxes(title="EM iteration")
    return styled(figure, 380, aspect=0.9)


def _path_range(paths: list[FloatArray]) -> list[float]:
    # The first iterations climb from far below: what matters is where the paths end. Less than
    # two units of log-likelihood are no evidence either way, so no axis shows less.
    best = max(float(path[-1]) for path in paths)
    floor = min(best - 2.0, *(float(path[-1]) for path in paths))
    room = 0.06 * (best - floor)
    return [floor - room, best + room]


def scores_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the differences of log scores per row, with two standard errors.

    Of the rows held out where there are any, else of the rows fitted.
    """
    found = comparison.log_likelihood
    held_out = bool(found.differences_test)
    pairs = found.differences_test or found.differences
    if not pairs:
        raise UsageError("nothing to compare: there is one engine and no truth")
    titles = {name: engine.title for name, engine in comparison.engines.items()}
    labels = [plain(f"{titles.get(p.first, p.first)} − {titles.get(p.second, p.second)}")
              for p in pairs]  # fmt: skip
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": RULE, "width": 1.5})
    figure.add_scatter(
        x=[pair.mean for pair in pairs], y=labels, mode="markers",
        error_x={"array": [2 * pair.se for pair in pairs], "thickness": 2, "width": 0,
                 "color": RULE},
        marker={"size": 9, "color": [colour_of(pair.first) for pair in pairs]},
        hovertemplate="%{y}: %{x:.5f} a row<extra></extra>", showlegend=False,
    )  # fmt: skip
    rows = "held-out" if held_out else "fitted"
    figure.update_xaxes(title=f"mean difference of log density per {rows} row", nticks=6)
    figure.update_yaxes(autorange="reversed")
    return styled(figure, 110 + 34 * len(pairs))


def deviance_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the deviance of posterior draws from EM's optimum against its chi-square limit."""
    deviances = np.asarray(comparison.illustration.deviances)
    if comparison.certificate is None or not deviances.size:
        raise UsageError("no deviance to show: it needs engines 'em' and 'bayes'")
    p = comparison.certificate.n_parameters
    limit = chi2(p)
    # A draw that collapsed or strayed would leave the rest a few pixels.
    low, high = min(0.0, float(np.quantile(deviances, 0.01))), float(np.quantile(deviances, 0.99))
    right = max(1.15 * high, float(limit.ppf(0.999)))
    seen = deviances[(deviances >= 1.5 * low) & (deviances <= right)]
    grid = np.linspace(0, right, 300)
    heights, edges = np.histogram(seen, int(np.clip(np.sqrt(len(seen)), 10, 50)), density=True)
    figure = go.Figure()
    figure.add_bar(
        x=compact((edges[1:] + edges[:-1]) / 2), y=compact(heights), width=edges[1] - edges[0],
        name="posterior draws", marker={"color": tint(COLOURS["bayes"], 0.6), "line": {"width": 0}},
        hovertemplate="deviance %{x:.3g}: density %{y:.3g}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=compact(grid), y=compact(limit.pdf(grid)), mode="lines",
        name=f"chi-square with {p} degrees of freedom",
        line={"color": RULE, "width": 2.5, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    figure.update_xaxes(title="2 (EM’s log-likelihood − the draw’s)")
    figure.update_yaxes(title="density", exponentformat="power", rangemode="tozero")
    return styled(figure, 340, aspect=0.8)


def likelihood_table(comparison: ComparisonValues) -> Table:
    """Return total log-likelihoods of the rows fitted and held out, at each estimate."""
    found = comparison.log_likelihood
    rows: list[tuple[str, float, float | None, str]] = []
    if found.truth is not None:
        rows.append(("truth", found.truth.train, found.truth.test, ""))
    for name, engine in comparison.engines.items():
        title = f"{engine.title} mean" if name == "bayes" else engine.title
        rows.append((title, engine.log_likelihood.train, engine.log_likelihood.test, ""))
    cells = [[Cell(title), _value(train), _value(test)] for title, train, test, _ in rows]
    if found.bayes is not None:
        draws, test = found.bayes.draws, found.bayes.draws_test
        cells.append([
            Cell("posterior draws, mean ± sd"),
            Cell(f"{draws.mean:.2f} ± {draws.sd:.2f}", sort=draws.mean),
            Cell("") if test is None else Cell(f"{test.mean:.2f} ± {test.sd:.2f}", sort=test.mean),
        ])  # fmt: skip
        cells.append([
            Cell("posterior draws, best"),
            _value(draws.max),
            _value(None if test is None else test.max),
        ])  # fmt: skip
    columns = [Column("at"), Column("fitted rows"), Column("held-out rows")]
    if not comparison.dataset.n_test:
        columns, cells = columns[:2], [row[:2] for row in cells]
    return Table("Total log-likelihood", columns, cells)


def _value(value: float | None) -> Cell:
    return Cell("") if value is None else Cell(f"{value:.2f}", sort=value)
