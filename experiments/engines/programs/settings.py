"""Settings that the engines of other probabilistic programs have in common, and their prior."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.config.engines import InverseWishartSettings, Prior
from experiments.config.section import PositiveInt, Section
from experiments.core.types import FloatArray
from gmm_bayes import ModelInNumbers, prior_from_dict


class ProgramSettings(Section):
    """How another program draws the posterior; the names are those of engine `bayes`."""

    draws: Annotated[int, Field(ge=4)] = 1000
    """Draws kept per chain."""
    tune: Annotated[int, Field(ge=1)] = 1000
    """Draws per chain spent on tuning, not kept."""
    chains: PositiveInt = 4
    """Number of chains."""
    target_accept: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Acceptance rate that tuning aims at; nearer to 1 means smaller steps."""
    prior: Prior = InverseWishartSettings(kind="inverse-wishart")
    """The prior, of the kind "inverse-wishart", "hierarchical", "lkj" or "niw"."""


def model_in_numbers(X: FloatArray, n_components: int, settings: ProgramSettings) -> ModelInNumbers:
    """Return what a program states the model from.

    Raises
    ------
    ValueError
        If the prior is of another kind.
    """
    prior = prior_from_dict(settings.prior.model_dump(exclude_none=True))
    return ModelInNumbers.of(X, n_components, prior)
