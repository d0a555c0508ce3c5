"""Draws up the findings and the answer that they come to."""

from __future__ import annotations

from typing import NamedTuple

from experiments.analysis.verdict import optimum, pair, posterior, programs, rows, truth
from experiments.analysis.verdict.conditions import may_be_said
from experiments.analysis.verdict.decision import decide
from experiments.analysis.verdict.evidence import Evidence, gravest_first
from experiments.values.comparison import Finding
from experiments.values.headline import Headline


class Verdict(NamedTuple):
    """The answer, and the findings that are said, the gravest first."""

    headline: Headline
    findings: list[Finding]


def judge(evidence: Evidence) -> Verdict:
    """Draw up everything that can be found, decide, and keep what may be said.

    Among findings of one level causes stand before what follows from them.
    """
    about_posterior = list(posterior.findings(evidence))
    found = [
        *rows.findings(evidence),
        *pair.findings(evidence),
        *optimum.findings(evidence),
        *posterior.what_the_sampler_says(evidence, about_posterior),
        *about_posterior,
        *programs.findings(evidence),
        *truth.findings(evidence),
    ]
    said = may_be_said(found)
    return Verdict(decide(evidence, found, said), gravest_first(said))
