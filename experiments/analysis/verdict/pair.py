"""The estimate and the posterior against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from scipy.special import chdtri

from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import listed
from experiments.values.certificate import Certificate
from experiments.values.comparison import Agreement, EngineResult, Finding


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield what the two say of each other."""
    certificate = evidence.certificate
    if evidence.agreement is not None:
        yield _agreement(evidence, evidence.agreement)
        yield from _prior(evidence, evidence.agreement, certificate)
    if certificate is not None:
        yield from _incomplete(evidence, certificate)
        yield from _normal(evidence, certificate)
    yield from _labels(evidence)


def _agreement(evidence: Evidence, agreement: Agreement) -> Finding:
    title, count, size = evidence.title, agreement.n_parameters, agreement.max_abs_z
    return evidence.finding(
        "agreement",
        size,
        f"{title} and the posterior agree on all {count} parameters to within {size:.2g} "
        "posterior sd.",
        f"{title} and the posterior differ by {size:.2g} posterior sd in "
        f"{evidence.label(agreement.worst_parameter)}, the worst of {count} parameters.",
    )


def _prior(
    evidence: Evidence, agreement: Agreement, certificate: Certificate | None
) -> Iterator[Finding]:
    """Say where the prior decides more than the rows.

    Precisions add: where the posterior is narrower than the likelihood by the factor r, the prior
    has the share 1 - 1 / r² of its precision.
    """
    ratio = agreement.median_sd_ratio_by_method.get("information")
    if certificate is not None and certificate.pulled and certificate.margin is not None:
        yield Finding(
            id="prior",
            level="warn",
            text=f"The prior holds the posterior away from the maximum of the likelihood: no draw "
            f"comes closer to it than {certificate.margin:.4g} in log-likelihood, and "
            f"{evidence.label(agreement.worst_parameter)} is moved by {agreement.max_abs_z:.2g} "
            "posterior sd.",
            value=2 * certificate.margin,
            threshold=float(chdtri(certificate.n_parameters, 0.5)),
        )
    elif ratio is not None and agreement.narrowed_by is not None:
        yield from evidence.beyond(
            "prior",
            ratio,
            f"The prior narrows the posterior: {evidence.title}'s standard errors are {ratio:.2g} "
            f"times its sd (median), so that the prior has {1 - ratio**-2:.0%} of its precision. "
            f"What it narrows most is {evidence.label(agreement.narrowed_parameter)} "
            f"({agreement.narrowed_by:.2g} times), and what it moves most is "
            f"{evidence.label(agreement.worst_parameter)} (by {agreement.max_abs_z:.2g} "
            "posterior sd).",
        )


def _incomplete(evidence: Evidence, certificate: Certificate) -> Iterator[Finding]:
    if certificate.em_mode_unvisited and certificate.shortfall is not None:
        who = "A search" if certificate.better_by else evidence.title
        yield Finding(
            id="posterior-incomplete",
            level="fail",
            text=f"{who} found a mode that no chain visited: the best draw stays "
            f"{certificate.shortfall:.4g} below it in log-likelihood{_mass(certificate)}; the "
            "posterior is incomplete.",
            value=2 * certificate.shortfall,
            threshold=float(chdtri(certificate.n_parameters, 0.5)),
        )


def _mass(certificate: Certificate) -> str:
    """Say how much of the posterior lies around that mode, beside the mode of the chains."""
    ratio = certificate.log_mass_ratio
    if ratio is None:
        return ""
    share = 1.0 / (1.0 + math.exp(min(-ratio, 700.0)))
    return f", and its hill holds about {100 * share:.3g} % of the mass of both"


def _normal(evidence: Evidence, certificate: Certificate) -> Iterator[Finding]:
    if certificate.deviance_distance is None or certificate.deviance_mean is None:
        return
    found = f"mean {certificate.deviance_mean:.1f} for {certificate.n_parameters} parameters"
    yield evidence.finding(
        "posterior-normal",
        certificate.deviance_distance,
        f"The posterior is close to normal (deviance: {found}): Wald intervals can serve.",
        f"The posterior is not yet normal at this sample size (deviance: {found}): do not "
        "trust Wald intervals.",
    )


def _labels(evidence: Evidence) -> Iterator[Finding]:
    engines = evidence.engines
    if all(len(engine.mixture.weights) == 1 for engine in engines.values()):
        return

    def doubt(engine: EngineResult) -> float:
        return max(engine.matching.ambiguity, engine.matching.draws_ambiguity or 0.0)

    worst = max(engines.values(), key=doubt)
    yield evidence.finding(
        "labels",
        doubt(worst),
        "Which component is which is clear in every fit.",
        f"{_components(worst.matching.uncertain)} overlap: labels are uncertain (in "
        f"{worst.title} another assignment is nearly as good).",
    )


def _components(numbers: Sequence[int]) -> str:
    """Name components that could be exchanged; of a pair, one may be without a counterpart."""
    if len(numbers) < 2:
        return f"Component {''.join(map(str, numbers))} and one without a counterpart"
    return f"Components {listed([str(number) for number in numbers])}"
