"""Heading, legend and cells of the choice of K, shared by terminal and notebook."""

from __future__ import annotations

from experiments.core.digits import with_uncertainty
from experiments.values.components import ComponentsValues, Criterion, CriterionValue

BEST, DOUBTFUL, NONE = "*", "?", "-"


LEGEND = "How much worse than the best, in log-likelihood; * is the best."


DOUBT = "? is not to be trusted: the verdict says why."


def heading(found: ComponentsValues) -> str:
    data = found.dataset
    held_out = f", {data.n_test} held out" if data.n_test else ""
    numbers = found.n_components
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"{data.n_samples} × {data.n_features}{held_out}, K = {span}, seed {found.seed}"


def legend(found: ComponentsValues) -> str:
    cells = [cell(criterion, value) for criterion in found.criteria for value in criterion.values]
    return f"{LEGEND}\n{DOUBT}" if DOUBTFUL in cells else LEGEND


def cell(criterion: Criterion, value: CriterionValue) -> str:
    if value.worse_by is None:
        return NONE if value.value is None else DOUBTFUL
    if value.n_components == criterion.chosen:
        return BEST
    if value.worse_by_se is None:
        return f"{value.worse_by:.1f}"
    return with_uncertainty(value.worse_by, value.worse_by_se)
