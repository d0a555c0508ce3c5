"""What the sentences of a report call an engine."""

from __future__ import annotations

from experiments.values.comparison import ComparisonValues


def spoken_estimate(comparison: ComparisonValues) -> str:
    """Return what a sentence calls the estimate that is set against the posterior."""
    return "EM" if comparison.estimate is None else spoken(comparison, comparison.estimate)


def spoken(comparison: ComparisonValues, name: str) -> str:
    """Return what a sentence calls an engine: "EM", "the posterior"."""
    return "the posterior" if name == comparison.posterior else comparison.engines[name].title
