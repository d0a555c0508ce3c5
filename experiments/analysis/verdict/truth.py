"""How a known truth was met."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import listed
from experiments.values.comparison import EngineResult, Finding


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield findings where a truth is known."""
    compared = [one for one in (evidence.estimate, evidence.posterior) if one is not None]
    yield from _recovery(evidence, [one for one in compared if one.recovery is not None])
    yield from _held_out(evidence)


def _recovery(evidence: Evidence, engines: list[EngineResult]) -> Iterator[Finding]:
    """Judge the worst miss by the chance of the worst of as many, of the engine that misses most.

    The chance is judged after it was doubled where there are two engines.
    """
    if not engines:
        return
    worst, found = min(
        ((one, one.recovery) for one in engines if one.recovery is not None),
        key=lambda pair: pair[1].probability,
    )
    probability = min(1.0, len(engines) * found.probability)
    told = (
        f"{_coverage(engines)}the worst miss is {evidence.label(found.parameter)}, "
        f"{found.max_abs_z:.2g} {'sd' if worst.role == 'posterior' else 'standard errors'} "
        f"({worst.title}), which the worst of {found.n_parameters} reaches in "
        f"{_per_cent(found.probability)} of healthy runs"
    )
    yield evidence.finding(
        "recovery",
        probability,
        f"{told}.",
        f"{told}: the truth is not where the errors say that it is.",
    )


def _coverage(engines: list[EngineResult]) -> str:
    """Say how many true values the intervals hold, level by level."""
    told = []
    for engine in engines:
        if engine.coverage:
            levels = listed([f"{100 * one.level:g}" for one in engine.coverage])
            inside = listed([str(one.n_inside) for one in engine.coverage])
            told.append(f"{inside} ({engine.title})")
    if not told:
        return "Of the truth, "
    count = next(one.coverage[0].n_parameters for one in engines if one.coverage)
    return f"Of {count} true values the {levels} % intervals hold {listed(told)}; "


def _per_cent(probability: float) -> str:
    return f"{100 * probability:.2g} %" if probability >= 1e-4 else "less than 0.01 %"


def _held_out(evidence: Evidence) -> Iterator[Finding]:
    truth, estimate = evidence.log_likelihood.truth, evidence.log_likelihood.em
    if truth is None or estimate is None or truth.test is None or estimate.test is None:
        return
    n_test = evidence.dataset.n_test
    loss = (truth.test - estimate.test) / n_test
    direction = "below" if loss >= 0 else "above"
    yield Finding(
        id="held-out",
        level="ok",
        text=f"On {n_test} held-out rows {evidence.title}'s log-likelihood is {abs(loss):.4f} a "
        f"row {direction} the truth's.",
        value=loss,
        threshold=0.0,
    )
