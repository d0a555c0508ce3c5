"""Posteriors by several programs against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from experiments.analysis.posteriors import PosteriorsCompared, agreement, difference, not_compared
from experiments.analysis.verdict import posterior
from experiments.analysis.verdict.evidence import Evidence
from experiments.values.comparison import Finding

# What is said of a difference where nobody knows whether there should be none.
UNKNOWN = "Nothing says that both are posteriors of one model under one prior."


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield what several posteriors say of each other; nothing where there is one only."""
    compared = evidence.posteriors
    if compared is None:
        return
    unsound = _unsound(evidence)
    for name, cause in unsound.items():
        yield Finding(
            id="posteriors-unsound",
            level="warn",
            text=f"{compared.titles[name]} is not compared with the other posteriors: {cause.text}",
            value=cause.value,
            threshold=cause.threshold,
        )
    sound = compared.only(set(compared.titles) - set(unsound))
    for pair in sound.apart:
        yield Finding(
            id="posteriors-apart",
            level="warn",
            text=not_compared(sound.titles, pair),
            value=float(len(pair.differences)),
            threshold=0.0,
        )
    if sound.pairs:
        yield _agreement(evidence, sound)


def _agreement(evidence: Evidence, found: PosteriorsCompared) -> Finding:
    """Judge the largest difference of all pairs; it fails only where the models are known."""
    threshold, worst = evidence.thresholds["posteriors"], found.worst
    level = threshold.level(found.probability)
    text = agreement(found)
    if level != "ok":
        label = evidence.label(worst.parameters[worst.worst])
        text = difference(found, label, sure=level == "fail")
    if level == "fail" and not worst.same_model:
        level, text = "warn", f"{text} {UNKNOWN}"
    return Finding(
        id="posteriors",
        level=level,
        text=text,
        value=found.probability,
        threshold=threshold.warn,
    )


def _unsound(evidence: Evidence) -> dict[str, Finding]:
    """Return what is wrong with each posterior that is not to be trusted, by engine.

    The first posterior is not among them. The verdict speaks of it, and says nothing else of it
    where it fails.
    """
    found = {}
    for name, engine in evidence.engines.items():
        if engine.role != "posterior" or engine is evidence.posterior:
            continue
        alone = replace(evidence, engines={name: engine}, certificate=None, agreement=None)
        about = list(posterior.findings(alone))
        about += posterior.what_the_sampler_says(alone, about)
        failed = [finding for finding in about if finding.level == "fail"]
        if failed:
            found[name] = failed[0]
    return found
