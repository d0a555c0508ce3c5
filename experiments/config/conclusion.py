"""The `[conclusion]` table of a config: what the one sentence at the end of a sweep is about."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from experiments.config.section import Section


class Trend(Section):
    """How columns of the results change along an axis, from its first value to its last."""

    kind: Literal["trend"]
    """What is concluded."""
    x: str
    """Column along which: as a rule a key of `[sweep.over]`."""
    x_label: str
    """What the sentence calls it."""
    y: Annotated[dict[str, str], Field(min_length=1)]
    """Columns whose means at both ends are told, each with what the sentence calls it."""
    median: dict[str, str] = Field(default={})
    """Columns whose medians are told instead, where a few cells would decide the mean."""
    overall: dict[str, str] = Field(default={})
    """Columns of which one mean over all cells is told, each with what the sentence calls it."""


class ReachedBest(Section):
    """How often each setting reaches the best value that any setting found on the same data."""

    kind: Literal["reached-best"]
    """What is concluded."""
    settings: Annotated[list[str], Field(min_length=1)]
    """Columns that tell the settings apart: keys of `[sweep.over]`."""
    value: str = "em.log_likelihood.train"
    """Column that is to be as high as possible."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-2
    """Values closer than this are the same."""


class Winner(Section):
    """Which setting has the best value on each data set, and how often."""

    kind: Literal["winner"]
    """What is concluded."""
    setting: str
    """Column that tells the settings apart: a key of `[sweep.over]`."""
    values: Annotated[dict[str, str], Field(min_length=1)]
    """Columns that they are judged by, each with what the sentence calls it."""
    best: Literal["lowest", "highest"]
    """Which value of these columns is best."""
    by: str | None = None
    """Column for whose first and last value it is told apart."""
    by_label: str = ""
    """What the sentence calls that column."""


class Detected(Section):
    """How often EM stops in a local optimum, and how often the certificate says so."""

    kind: Literal["detected"]
    """What is concluded."""
    setting: str
    """Column that tells the starts apart; data sets are compared with the best over all."""
    suspect: str
    """Value of that column whose local optima are to be detected."""
    value: str = "em.log_likelihood.train"
    """Column of EM's log-likelihood."""
    alarm: str = "certificate.better_by"
    """Column that is positive where the certificate found a better optimum."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-2
    """Log-likelihoods closer than this are one optimum."""


Conclusion = Annotated[Trend | ReachedBest | Winner | Detected, Field(discriminator="kind")]
