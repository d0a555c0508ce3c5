"""The one sentence that a comparison's verdict comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from experiments.values.comparison import ComparisonValues, Finding
from experiments.values.components import ComponentsValues
from experiments.values.headline import Headline, NumberHeadline

# Findings that answer what an experiment asks. The sentence tells the first two that there are.
STANDS = ("choice", "truth", "agreement", "certificate", "em-optimum")


class HasVerdict(Protocol):
    """What has a verdict: a comparison, or a choice of the number of components."""

    @property
    def verdict(self) -> Sequence[Finding]:
        """The findings."""


def conclusion_of_comparison(comparison: HasVerdict) -> str:
    """Return the sentence of one experiment.

    It is the headline. Where an earlier version wrote the comparison or the choice of K, which
    then has none, it is the gravest failure, else what stands.

    Parameters
    ----------
    comparison : Comparison or ComponentsComparison
        Or anything else with a verdict.
    """
    if isinstance(comparison, ComparisonValues | ComponentsValues) and comparison.headline:
        return headline_in_words(comparison.headline)
    findings = {finding.id: finding.text.rstrip(".") for finding in comparison.verdict}
    failures = [f.text.rstrip(".") for f in comparison.verdict if f.level == "fail"]
    stands = [findings[name] for name in STANDS if name in findings]
    said = failures[:1] or stands[:2] or list(findings.values())[:1]
    return f"{'; '.join(said)}." if said else "There is no verdict, and nothing to conclude."


def headline_in_words(headline: Headline | NumberHeadline) -> str:
    """Return the answer with what to type to settle it, where there is something to settle."""
    if not headline.command:
        return headline.text
    return f"{headline.text}\nTo settle it: {headline.command}"
