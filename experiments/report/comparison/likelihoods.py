"""Log-likelihoods: the paths of all restarts, scores row by row, the deviance of draws."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from scipy.stats import chi2

from experiments.core.errors import UsageError
from experiments.report.comparison.spoken_names import spoken_estimate
from experiments.report.page.blocks import SortableTable, TableCell, TableColumn
from experiments.report.page.theme import (
    COLOURS,
    OTHER_COLOUR,
    RULE,
    colour_of,
    compact,
    hover,
    legend_entry,
    plain,
    styled,
    tint,
)
from experiments.values.comparison import ComparisonValues, DrawSummary, TrainTest

# Paths drawn of each kind.
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
    finished, best = illustration.em_finished, illustration.em_best_path
    short = [i for i, done in enumerate(finished) if i != best and not done]
    pursued = [i for i, done in enumerate(finished) if i != best and done]
    kept = [] if best is None else [best]
    figure = go.Figure()
    for name, members, line in (
        ("short runs, not pursued", short, {"color": RULE, "width": 1, "dash": "dot"}),
        ("runs to convergence", pursued, {"color": OTHER_COLOUR, "width": 1.5}),
        ("the best", kept, {"color": COLOURS["em"], "width": 3}),
    ):
        for index in members[:MAX_PATHS]:
            figure.add_scatter(
                x=np.arange(len(paths[index])),
                y=paths[index],
                mode="lines",
                line=line,
                hovertemplate=hover(f"restart {index + 1}<br>iteration %{{x}}<br>%{{y:.4f}}"),
                **legend_entry(name, index == members[0]),
            )
    ends = [float(paths[i][-1]) for i in [*pursued, *kept] or short]
    figure.update_yaxes(title="log-likelihood", range=_path_range(ends), tickformat="~f")
    figure.update_xaxes(title="EM iteration")
    return styled(figure, 380, aspect=0.9)


def _path_range(ends: list[float]) -> list[float]:
    """Frame the ends of the runs that were carried to convergence.

    First iterations lie far below them, and so may a short run that was given up. The axis spans at
    least two units of log-likelihood, because a smaller difference is no evidence for either of two
    optima.
    """
    best = max(ends)
    floor = min(best - 2.0, *ends)
    room = 0.06 * (best - floor)
    return [floor - room, best + room]


def scores_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the mean differences of log scores per row, with two standard errors.

    The rows are those held out where there are any, and those fitted otherwise.

    Raises
    ------
    UsageError
        If there is nothing to compare.
    """
    found = comparison.log_likelihood
    held_out = bool(found.differences_test)
    pairs = found.differences_test or found.differences
    if not pairs:
        raise UsageError("nothing to compare: there is one engine and no truth")
    titles = {name: engine.title for name, engine in comparison.engines.items()}
    labels = [
        plain(f"{titles.get(p.first, p.first)} − {titles.get(p.second, p.second)}") for p in pairs
    ]
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": RULE, "width": 1.5})
    errors = [2 * pair.se for pair in pairs]
    figure.add_scatter(
        x=[pair.mean for pair in pairs],
        y=labels,
        mode="markers",
        error_x={"array": errors, "thickness": 2, "width": 0, "color": RULE},
        marker={"size": 9, "color": [colour_of(pair.first) for pair in pairs]},
        hovertemplate=hover("%{y}: %{x:.5f} a row"),
        showlegend=False,
    )
    rows = "held-out" if held_out else "fitted"
    figure.update_xaxes(title=f"difference per {rows} row", nticks=5, tickangle=0)
    figure.update_yaxes(autorange="reversed")
    return styled(figure, 110 + 34 * len(pairs))


def deviance_figure(comparison: ComparisonValues) -> go.Figure:
    """Draw the deviance of posterior draws from EM's optimum against its chi-square limit.

    Raises
    ------
    UsageError
        If an optimum and a posterior were not both fitted.
    """
    deviances = np.asarray(comparison.illustration.deviances)
    if comparison.certificate is None or not deviances.size:
        raise UsageError("no deviance to show: it needs engines 'em' and 'bayes'")
    p = comparison.certificate.n_parameters
    limit = chi2(p)
    # The axis follows the quantiles: one draw that collapsed may lie a thousand times farther out.
    low, high = min(0.0, float(np.quantile(deviances, 0.01))), float(np.quantile(deviances, 0.99))
    right = max(1.15 * high, float(limit.ppf(0.999)))
    seen = deviances[(deviances >= 1.5 * low) & (deviances <= right)]
    grid = np.linspace(0, right, 300)
    heights, edges = np.histogram(seen, int(np.clip(np.sqrt(len(seen)), 10, 50)), density=True)
    figure = go.Figure()
    figure.add_bar(
        x=compact((edges[1:] + edges[:-1]) / 2),
        y=compact(heights),
        width=edges[1] - edges[0],
        name="posterior draws",
        marker={"color": tint(COLOURS["bayes"], 0.6), "line": {"width": 0}},
        hovertemplate=hover("deviance %{x:.3g}: density %{y:.3g}"),
    )
    figure.add_scatter(
        x=compact(grid),
        y=compact(limit.pdf(grid)),
        mode="lines",
        name=f"chi-square with {p} degrees of freedom",
        line={"color": RULE, "width": 2.5, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.update_xaxes(
        title=f"2 ({plain(spoken_estimate(comparison))}’s log-likelihood − the draw’s)"
    )
    figure.update_yaxes(title="density", exponentformat="power", rangemode="tozero")
    return styled(figure, 340, aspect=0.8)


def likelihood_table(comparison: ComparisonValues) -> SortableTable:
    """Return total log-likelihoods of the rows fitted and held out, at each estimate."""
    found = comparison.log_likelihood
    rows: list[list[TableCell]] = []
    if found.truth is not None:
        rows.append(_row("truth", found.truth))
    for name, engine in comparison.engines.items():
        title = f"{engine.title} mean" if name == comparison.posterior else engine.title
        rows.append(_row(title, engine.log_likelihood))
    if found.bayes is not None:
        draws, test = found.bayes.draws, found.bayes.draws_test
        best = (draws.max, None if test is None else test.max)
        rows.append([TableCell("posterior draws, mean ± sd"), _mean_sd(draws), _mean_sd(test)])
        rows.append([TableCell("posterior draws, best"), *map(_value, best)])
    columns = [TableColumn("at"), TableColumn("fitted rows"), TableColumn("held-out rows")]
    if not comparison.dataset.n_test:
        columns, rows = columns[:2], [row[:2] for row in rows]
    return SortableTable("Total log-likelihood", columns, rows)


def _row(title: str, found: TrainTest) -> list[TableCell]:
    return [TableCell(title), _value(found.train), _value(found.test)]


def _value(value: float | None) -> TableCell:
    return TableCell("") if value is None else TableCell(f"{value:.2f}", sort=value)


def _mean_sd(draws: DrawSummary | None) -> TableCell:
    if draws is None:
        return TableCell("")
    return TableCell(f"{draws.mean:.2f} ± {draws.sd:.2f}", sort=draws.mean)
