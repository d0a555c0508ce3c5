"""The table of structures by numbers of components that terminal, page and notebook share."""

from __future__ import annotations

from experiments.core.words import listed
from experiments.values.structures import StructureChoice, StructureValue

BEST, DOUBTFUL, NONE = "*", "?", "-"
DOUBT = " ? is not to be trusted, and not chosen."


def rows_of(found: StructureChoice) -> list[tuple[str, list[StructureValue]]]:
    """Return each structure with its value of every number of components, in their order."""
    by_model = {(value.covariance_type, value.n_components): value for value in found.values}
    return [
        (kind, [by_model[kind, k] for k in found.n_components]) for kind in found.covariance_types
    ]


def structure_cell(value: StructureValue) -> str:
    """Write how much worse than the best a model is by BIC."""
    if value.worse_by is None:
        return NONE if value.bic is None else DOUBTFUL
    return BEST if value.worse_by == 0 else f"{value.worse_by:.1f}"


def structure_legend(found: StructureChoice) -> str:
    """Say what the cells are, and what was fitted further."""
    kept = listed(list(map(str, found.kept)))
    return (
        "Structures of the covariances: how much worse than the best by BIC, halved to be on the "
        f"scale of a log-likelihood. Every engine then fitted {found.chosen} covariances with "
        f"{kept} components."
        f"{DOUBT if DOUBTFUL in map(structure_cell, found.values) else ''}"
    )
