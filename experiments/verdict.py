"""From numbers to sentences: what to believe, and the number that each sentence rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from experiments.schema import Agreement, Certificate, EngineResult, Finding, LogLikelihoods

Level = Literal["ok", "warn", "fail"]

# id: (warn beyond, fail beyond). Above the first the reader should look, above the second doubt.
THRESHOLDS: dict[str, tuple[float, float]] = {
    # Largest |EM - posterior mean| in posterior standard deviations.
    "agreement": (2.0, 4.0),
    # EM restarts out of all that missed the best optimum: warn when most of them did.
    "em-optimum": (0.5, 0.95),
    # Largest R-hat over aligned parameters (Vehtari et al. 2021 recommend 1.01).
    "posterior-r-hat": (1.01, 1.05),
    # Shortfall of the smallest effective sample size below 400 (same source), as 400 / ESS.
    "posterior-ess": (1.0, 4.0),
    # Divergent transitions per kept draw: any is a warning.
    "posterior-divergences": (0.0, 0.01),
}


def judge(
    engines: Mapping[str, EngineResult],
    log_likelihood: LogLikelihoods,
    agreement: Agreement | None,
    certificate: Certificate | None,
    n_test: int,
) -> list[Finding]:
    """Draw up the findings, the gravest first."""
    findings: list[Finding] = []
    if agreement is not None:
        findings.append(_agreement(agreement))
    if certificate is not None:
        findings.append(_certificate(certificate))
    if "em" in engines:
        findings.append(_em_optimum(engines["em"]))
    if "bayes" in engines:
        findings.extend(_posterior(engines["bayes"]))
    findings.extend(_held_out(log_likelihood, n_test))
    grave: Sequence[str] = ("fail", "warn", "ok")
    return sorted(findings, key=lambda finding: grave.index(finding.level))


def _level(identity: str, value: float) -> tuple[Level, float]:
    warn, fail = THRESHOLDS[identity]
    if value > fail:
        return "fail", fail
    return ("warn" if value > warn else "ok"), warn


def _agreement(agreement: Agreement) -> Finding:
    level, threshold = _level("agreement", agreement.max_abs_z)
    count, size = agreement.n_parameters, agreement.max_abs_z
    text = (
        f"EM and the posterior agree on all {count} parameters to within {size:.2g} posterior sd."
        if level == "ok"
        else f"EM and the posterior differ by {size:.2g} posterior sd "
        f"in {agreement.worst_parameter}, the worst of {count} parameters."
    )
    return Finding(id="agreement", level=level, text=text, value=size, threshold=threshold)


def _certificate(certificate: Certificate) -> Finding:
    caught = certificate.n_draws_above > 0
    text = (
        f"EM is in a local optimum: {certificate.n_draws_above} of {certificate.n_draws} posterior "
        f"draws have a higher log-likelihood, the best by {-certificate.margin:.4g}: raise n_init."
        if caught
        else f"No posterior draw beats EM's log-likelihood: the best of {certificate.n_draws} "
        f"stays {certificate.margin:.2f} below it."
    )
    return Finding(
        id="certificate",
        level="fail" if caught else "ok",
        text=text,
        value=certificate.margin,
        threshold=-certificate.tolerance,
    )


def _em_optimum(em: EngineResult) -> Finding:
    n_best, n_init = em.diagnostics["n_best"], em.diagnostics["n_init"]
    missed = 1 - n_best / n_init
    level, threshold = _level("em-optimum", missed)
    if not em.diagnostics["converged"]:
        level = "fail"
        text = f"EM did not converge in {em.diagnostics['n_iter']} iterations: raise max_iter."
    else:
        text = f"{n_best} of {n_init} EM restarts reached the best optimum"
        text += "." if level == "ok" else ": the likelihood has other optima, raise n_init."
    return Finding(id="em-optimum", level=level, text=text, value=missed, threshold=threshold)


def _posterior(bayes: EngineResult) -> Iterator[Finding]:
    found = bayes.diagnostics
    r_hat, n_draws, divergent = found["max_r_hat"], found["n_draws"], found["n_divergent"]
    if r_hat is None:
        # A single chain has nothing to be compared with: as doubtful as chains that disagree.
        level, r_hat, threshold = "warn", 0.0, THRESHOLDS["posterior-r-hat"][0]
        text = "One chain cannot show that it has converged: draw at least two."
    else:
        level, threshold = _level("posterior-r-hat", r_hat)
        text = f"The chains agree with each other: largest R-hat {r_hat:.3f}."
        if level != "ok":
            text = f"The chains disagree: R-hat {r_hat:.3f}; draw longer or distrust them."
    yield Finding(id="posterior-r-hat", level=level, text=text, value=r_hat, threshold=threshold)
    ess = min(found["min_ess_bulk"], found["min_ess_tail"])
    level, threshold = _level("posterior-ess", 400 / ess)
    text = f"Every posterior summary rests on at least {ess:.0f} effective draws"
    text += "." if level == "ok" else ", fewer than the 400 recommended: draw more."
    yield Finding(id="posterior-ess", level=level, text=text, value=400 / ess, threshold=threshold)
    level, threshold = _level("posterior-divergences", divergent / n_draws)
    text = (
        f"{divergent} of {n_draws} draws diverged: the sampler may have missed part of the "
        "posterior."
        if divergent
        else "No divergent transitions."
    )
    yield Finding(
        id="posterior-divergences",
        level=level,
        text=text,
        value=divergent / n_draws,
        threshold=threshold,
    )


def _held_out(log_likelihood: LogLikelihoods, n_test: int) -> Iterator[Finding]:
    truth, em = log_likelihood.truth, log_likelihood.em
    if truth is None or em is None or truth.test is None or em.test is None:
        return
    loss = (truth.test - em.test) / n_test
    direction = "below" if loss >= 0 else "above"
    yield Finding(
        id="held-out",
        level="ok",
        text=f"On {n_test} held-out rows EM's log-likelihood is {abs(loss):.4f} a row "
        f"{direction} the truth's.",
        value=loss,
        threshold=0.0,
    )
