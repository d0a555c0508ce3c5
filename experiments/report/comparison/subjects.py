"""The two fits that a report sets against each other, and what its sentences call them."""

from __future__ import annotations

from experiments.values.comparison import ComparisonValues


def compared_pair(comparison: ComparisonValues) -> list[str]:
    """Return the names of the two engines whose responsibilities are compared.

    They are the point estimate and the posterior. Where one of these is missing, another engine
    whose responsibilities were kept takes its place. The list is shorter than two where there is
    none.
    """
    kept = comparison.illustration.responsibilities
    first = [name for name in (comparison.estimate, comparison.posterior) if name in kept]
    return list(dict.fromkeys([*first, *kept]))[:2]


def spoken(comparison: ComparisonValues, name: str) -> str:
    """Return what a sentence calls an engine: "EM", "the posterior"."""
    return "the posterior" if name == comparison.posterior else comparison.engines[name].title
