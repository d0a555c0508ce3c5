"""The choice of a number of components as plain values: what `components.json` holds."""

from __future__ import annotations

from pydantic import Field, FiniteFloat

from experiments.values.base import FileValue, Value
from experiments.values.by_size import SizeChoice
from experiments.values.comparison import DatasetInfo, Finding
from experiments.values.headline import NumberHeadline
from experiments.values.structures import StructureChoice


class CriterionValue(Value):
    """One criterion at one number of components."""

    n_components: int
    value: FiniteFloat | None
    """Null where there is none."""
    se: FiniteFloat | None
    """Standard error of `value`: over rows, or Monte Carlo; null for an information criterion."""
    worse_by: FiniteFloat | None
    """How much worse than the best, on the scale of a log-likelihood: 0 for the best. Of an
    information criterion, half the difference. Null where there is no value to be trusted."""
    worse_by_se: FiniteFloat | None
    """Standard error of `worse_by`, of paired differences where rows are the same; null as `se`."""
    reason: str = ""
    """Why there is no value, or why it is not to be trusted and so not chosen."""


class Criterion(Value):
    """One way to choose."""

    id: str
    title: str
    engine: str
    """Whose fits it judges."""
    higher_is_better: bool
    values: list[CriterionValue]
    chosen: int | None
    """The number of components with the best value; null where there is none to be trusted."""
    nearly_as_good: int | None
    """The fewest components that are worse than the best by no more than one standard error of the
    difference, or by no more than 1: a Bayes factor below e is "not worth more than a bare mention"
    (Kass & Raftery 1995)."""


class PosteriorOfK(Value):
    """The posterior distribution of the number of components."""

    engine: str
    """Whose draws it is from."""
    prior: str
    """Prior of the number of components, in words."""
    prior_probabilities: dict[str, FiniteFloat]
    """What that prior gave to each number that was drawn."""
    probabilities: dict[str, FiniteFloat]
    """Of each number that was drawn."""
    filled: dict[str, FiniteFloat]
    """Of each number of components that have rows."""
    other_prior: str
    """Another prior of the number of components, in words."""
    under_other_prior: dict[str, FiniteFloat]
    """Probabilities under that other prior."""
    effective_draws: FiniteFloat | None
    """Fewest effective draws of the number of components and of those that have rows; null where it
    does not vary."""
    problems: list[str]
    """What is wrong with the draws, one sentence each."""


class ComponentsValues(FileValue):
    """Everything in `components.json`; the comparison of each number is in a folder of its own."""

    experiment: str
    seed: int
    dataset: DatasetInfo
    covariance_type: str
    n_components: list[int]
    """The numbers tried, ascending."""
    true_components: int | None
    """Of the mixture that the data were drawn from; null where it is not known."""
    criteria: list[Criterion]
    failures: dict[str, str]
    """Numbers of components that could not be fitted, and why."""
    choices: list[SizeChoice] = Field(default=[])
    """What was done otherwise than usual because the rows are many."""
    structures: StructureChoice | None = None
    """The choice of a structure of covariances; null where only one was asked for."""
    posterior_of_k: PosteriorOfK | None = None
    """Null where the numbers of components were given."""
    verdict: list[Finding]
    headline: NumberHeadline | None = None
    """Which number to believe, why, and what to type; null in files of earlier versions."""
