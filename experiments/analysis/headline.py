"""The one sentence that a comparison's verdict comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from experiments.values.comparison import Finding


# Findings that answer what an experiment asks, the first two of which are told.
STANDS = ("choice", "truth", "agreement", "certificate", "em-optimum")


class Judged(Protocol):
    """What has a verdict: a comparison, or a choice of the number of components."""

    @property
    def verdict(self) -> Sequence[Finding]:
        """The findings."""


def conclusion_of_comparison(comparison: Judged) -> str:
    """Return the sentence of one experiment: the gravest failure, else what stands.

    Parameters
    ----------
    comparison : Comparison or ComponentsComparison
        Or anything else with a verdict.
    """
    findings = {finding.id: finding.text.rstrip(".") for finding in comparison.verdict}
    failures = [f.text.rstrip(".") for f in comparison.verdict if f.level == "fail"]
    stands = [findings[name] for name in STANDS if name in findings]
    said = failures[:1] or stands[:2] or list(findings.values())[:1]
    return f"{'; '.join(said)}." if said else "There is no verdict, and nothing to conclude."
