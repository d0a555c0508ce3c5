"""Posteriors by several programs against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from experiments.analysis.posteriors import (
    PosteriorPair,
    PosteriorsCompared,
    agreement,
    difference,
    not_compared,
)
from experiments.analysis.verdict import posterior
from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import listed
from experiments.values.comparison import Finding, Level

# What is said of a difference where nobody knows whether there should be none.
UNKNOWN = "Nothing says that both are posteriors of one model under one prior."
# Where these are warnings, Monte Carlo errors are rough.
ROUGH = ("posterior-r-hat", "posterior-ess")


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield what several posteriors say of each other; nothing where there is one only."""
    compared = evidence.posteriors
    if compared is None:
        return
    about = {name: _about(evidence, name) for name in compared.titles}
    unsound = _first_of(about, "fail")
    for name, cause in unsound.items():
        # Of the first posterior the verdict speaks anyway.
        if evidence.engines[name] is not evidence.posterior:
            yield Finding(
                id="posteriors-unsound",
                level="warn",
                text=f"{compared.titles[name]} is not compared with the other posteriors: "
                f"{cause.text}",
                value=cause.value,
                threshold=cause.threshold,
            )
    sound = compared.only(set(compared.titles) - set(unsound))
    wrong = [pair for pair in sound.apart if pair.same_model]
    for pair in sound.apart:
        if pair not in wrong:
            yield Finding(
                id="posteriors-apart",
                level="warn",
                text=not_compared(sound.titles, pair),
                value=float(len(pair.differences)),
                threshold=0.0,
            )
    if wrong:
        text = " ".join(not_compared(sound.titles, pair) for pair in wrong)
        yield _finding(evidence, sound, "fail", text)
    elif sound.pairs:
        rough = {name: [one for one in found if one.id in ROUGH] for name, found in about.items()}
        yield _agreement(evidence, sound, _first_of(rough, "warn"))


def trusted_pairs(evidence: Evidence) -> tuple[PosteriorPair, ...]:
    """Return the pairs of posteriors of which neither fails by its own diagnostics."""
    compared = evidence.posteriors
    if compared is None:
        return ()
    about = {name: _about(evidence, name) for name in compared.titles}
    return compared.only(set(compared.titles) - set(_first_of(about, "fail"))).pairs


def _agreement(
    evidence: Evidence, found: PosteriorsCompared, rough: Mapping[str, Finding]
) -> Finding:
    """Judge the largest difference of all pairs.

    It fails only among posteriors of one model, with Monte Carlo errors that are known well.
    """
    threshold = evidence.thresholds["posteriors"]
    certain = tuple(
        pair for pair in found.pairs if pair.same_model and not rough.keys() & set(pair.names)
    )
    sure = replace(found, pairs=certain)
    if certain and threshold.level(sure.probability) == "fail":
        return _finding(evidence, sure, "fail", difference(sure, _label(evidence, sure)))
    if threshold.level(found.probability) == "ok":
        return _finding(evidence, found, "ok", agreement(found))
    parts = [difference(found, _label(evidence, found), sure=False)]
    if not found.worst.same_model:
        parts.append(UNKNOWN)
    if short := [name for name in found.worst.names if name in rough]:
        titles = listed([found.titles[name] for name in short])
        parts.append(f"The Monte Carlo errors of {titles} are rough: {rough[short[0]].text}")
    return _finding(evidence, found, "warn", " ".join(parts))


def _finding(evidence: Evidence, found: PosteriorsCompared, level: Level, text: str) -> Finding:
    limit = evidence.thresholds["posteriors"].warn
    return Finding(
        id="posteriors", level=level, text=text, value=found.probability, threshold=limit
    )


def _label(evidence: Evidence, found: PosteriorsCompared) -> str:
    """Write for people where the two that differ most do so."""
    return evidence.label(found.worst.parameters[found.worst.worst])


def _about(evidence: Evidence, name: str) -> list[Finding]:
    """Return what is found of one posterior; the certificate is about the first one only."""
    engine = evidence.engines[name]
    certificate = evidence.certificate if engine is evidence.posterior else None
    alone = replace(evidence, engines={name: engine}, certificate=certificate)
    found = list(posterior.findings(alone))
    return [*found, *posterior.what_the_sampler_says(alone, found)]


def _first_of(about: Mapping[str, list[Finding]], level: Level) -> dict[str, Finding]:
    """Return of each posterior the first finding of a level, where there is one."""
    first = {name: [one for one in found if one.level == level] for name, found in about.items()}
    return {name: found[0] for name, found in first.items() if found}
