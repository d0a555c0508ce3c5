"""What the rows allow: how many there are, on what shape they insist, and which of them decide."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import listed
from experiments.values.checks import OutlierValues, ShapeValues, SupportValues
from experiments.values.comparison import Finding

MOST_NAMED = 5
CHECKED = {
    "skewness": "more lopsided",
    "heavy": "heavier in the tails",
    "light": "lighter in the tails",
    "peak": "more peaked along one axis",
    "flat": "flatter along one axis",
    "tail": "farther out",
}


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield what the rows themselves say against both fits."""
    if evidence.support is not None:
        yield from _rows(evidence, evidence.support)
        yield from _support(evidence, evidence.support)
    engine = evidence.estimate or evidence.posterior
    if engine is not None and engine.shape is not None:
        yield _shape(evidence, engine.shape)
    if evidence.outliers is not None:
        yield from _outliers(evidence, evidence.outliers)


def _rows(evidence: Evidence, support: SupportValues) -> Iterator[Finding]:
    count = evidence.dataset.n_samples
    yield from evidence.beyond(
        "rows",
        support.rows_per_parameter,
        f"{support.n_parameters} parameters meet {count} rows, {support.rows_per_parameter:.2g} "
        "rows for each: fewer components, or a simpler covariance.",
    )


def _support(evidence: Evidence, support: SupportValues) -> Iterator[Finding]:
    weakest = min(range(len(support.component_rows)), key=lambda k: support.component_rows[k])
    yield from evidence.beyond(
        "support",
        support.components_support[weakest],
        f"Component {weakest + 1} rests on {support.component_rows[weakest]:.2g} rows, and has "
        f"{support.component_parameters} parameters of its own: do not read much into it.",
    )


def _shape(evidence: Evidence, shape: ShapeValues) -> Finding:
    return evidence.finding(
        "shape",
        shape.distance,
        "The rows of every component have the shape of a Gaussian, as far as they tell.",
        f"The rows of component {shape.component} are {CHECKED[shape.worst]} than a Gaussian's, by "
        f"{shape.distance:.2g} sd more than the worst check of replicated data: another shape, or "
        "more components.",
    )


def _outliers(evidence: Evidence, outliers: OutlierValues) -> Iterator[Finding]:
    named = [str(row) for row in outliers.rows[:MOST_NAMED]]
    more = outliers.n_rows - len(named)
    rows = f"row {named[0]}" if outliers.n_rows == 1 else f"rows {listed(named)}"
    others = f" and {more} more" if more else ""
    yield from evidence.beyond(
        "outliers",
        outliers.max_change,
        f"Outlying rows decide: without {rows}{others} {evidence.label(outliers.parameter)} "
        f"changes by {outliers.max_change:.2g} standard errors.",
    )
