"""The choice of a structure of covariances with a number of components, as plain values."""

from __future__ import annotations

from typing import Annotated

from pydantic import FiniteFloat

from experiments.values.base import Value
from experiments.values.nulls import Null

NOT_FITTED = Null("EM could not fit this model")
NOT_TRUSTED = Null("EM could not fit this model, or its fit is not to be trusted")


class StructureValue(Value):
    """EM's fit of one structure with one number of components."""

    covariance_type: str
    n_components: int
    n_parameters: int
    """Free parameters."""
    log_likelihood: Annotated[FiniteFloat | None, NOT_FITTED]
    aic: Annotated[FiniteFloat | None, NOT_FITTED]
    bic: Annotated[FiniteFloat | None, NOT_FITTED]
    icl: Annotated[FiniteFloat | None, NOT_FITTED]
    worse_by: Annotated[FiniteFloat | None, NOT_TRUSTED]
    """Half the difference of `bic` to the smallest to be trusted: on the scale of a
    log-likelihood."""
    reason: str = ""
    """Why it could not be fitted, or why its fit is not to be trusted and so not chosen."""


class StructureChoice(Value):
    """Every structure with every number of components, fitted by EM and compared by BIC."""

    covariance_types: list[str]
    n_components: list[int]
    values: list[StructureValue]
    """By structure, then by number of components."""
    chosen: str
    """The structure of the smallest BIC to be trusted, which every fit of the posterior has."""
    chosen_components: int
    """The number of components with the smallest BIC of that structure to be trusted."""
    kept: list[int]
    """The numbers of components with the smallest BIC of that structure, ascending; only these are
    fitted by every engine."""
