"""What is wrong with a posterior, by what its engine reports of it, as far as it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.analysis.thresholds import MIN_ESS
from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import listed
from experiments.values.comparison import Finding


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings about the posterior, causes first."""
    posterior = evidence.posterior
    if posterior is None:
        return
    found = posterior.diagnostics
    certificate = evidence.certificate
    if certificate is not None and certificate.n_collapsed:
        share = certificate.n_collapsed / certificate.n_draws
        yield from evidence.beyond(
            "posterior-collapsed",
            share,
            f"{certificate.n_collapsed} of {certificate.n_draws} posterior draws have collapsed "
            "onto a point or repeated values, where the likelihood is unbounded: fewer "
            "components, or a prior that keeps covariances from zero.",
        )
    yield from _modes(evidence, found)
    yield from _several_modes(evidence, found)
    if "max_r_hat" in found:
        yield _r_hat(evidence, found["max_r_hat"])
    else:
        yield Finding(
            id="posterior-unchecked",
            level="warn",
            text="Nothing is known of how well the posterior was drawn: its engine reports no "
            "R-hat.",
            value=1.0,
            threshold=0.0,
        )
    if {"min_ess_bulk", "min_ess_tail"} <= found.keys():
        yield _effective_draws(evidence, found["min_ess_bulk"], found["min_ess_tail"])
    if {"n_divergent", "n_draws"} <= found.keys():
        n_divergent, n_draws = found["n_divergent"], found["n_draws"]
        yield evidence.finding(
            "posterior-divergences",
            n_divergent / n_draws,
            "No divergent transitions.",
            f"{n_divergent} of {n_draws} draws diverged: the sampler may have missed part of the "
            "posterior.",
        )
    yield from _leave_one_out(evidence)


def what_the_sampler_says(evidence: Evidence, others: list[Finding]) -> Iterator[Finding]:
    """Yield the first problem that the sampler names, where no other finding has found one.

    Its first problem is the cause of those that follow. Most of them are found from numbers, too;
    what is left is what only the sampler knows: that the prior leaves the posterior improper, that
    an approximation is too far from the posterior, that a chain did not move.

    Parameters
    ----------
    evidence : Evidence
    others : list of Finding
        What was found of the posterior.
    """
    problems = [] if evidence.posterior is None else evidence.posterior.diagnostics.get("problems")
    if not problems or any(finding.level != "ok" for finding in others):
        return
    first = str(problems[0]).rstrip(".")
    yield Finding(
        id="posterior-sampler",
        level="fail",
        text=f"The sampler says that its draws are not to be trusted: {first}.",
        value=float(len(problems)),
        threshold=0.0,
    )


def _modes(evidence: Evidence, found: Mapping[str, Any]) -> Iterator[Finding]:
    modes = found.get("label_free", {}).get("log_likelihood", {}).get("r_hat")
    if modes is not None:
        yield from evidence.beyond(
            "posterior-modes",
            modes,
            "The chains are in different modes, which no relabelling reconciles (R-hat of the "
            f"log-likelihood {modes:.3f}): their average means nothing.",
        )


def _several_modes(evidence: Evidence, found: Mapping[str, Any]) -> Iterator[Finding]:
    """Say it where the sampler tells modes apart, and the second holds a share that counts."""
    masses = sorted((float(mode["mass"]) for mode in found.get("modes") or ()), reverse=True)
    if len(masses) > 1:
        least = evidence.thresholds["several-modes"].warn
        told = listed([f"{mass:.2g}" for mass in masses if mass > least])
        yield from evidence.beyond(
            "several-modes",
            masses[1],
            f"The posterior has several modes, which hold the shares {told} of its draws: the mean "
            "of all draws describes none of them.",
        )


def _r_hat(evidence: Evidence, r_hat: float | None) -> Finding:
    if r_hat is None:
        return Finding(
            id="posterior-r-hat",
            level="warn",
            text="One chain cannot show that it has converged: draw at least two.",
            value=1.0,
            threshold=evidence.thresholds["posterior-r-hat"].warn,
        )
    return evidence.finding(
        "posterior-r-hat",
        r_hat,
        f"The chains agree with each other: largest R-hat {r_hat:.3f}.",
        f"The chains disagree: R-hat {r_hat:.3f}; draw longer or distrust them.",
    )


def _effective_draws(evidence: Evidence, bulk: float | None, tail: float | None) -> Finding:
    ess = 0.0 if bulk is None or tail is None else min(bulk, tail)
    rests = f"Every posterior summary rests on at least {ess:.0f} effective draws"
    return evidence.finding(
        "posterior-ess",
        ess,
        f"{rests}.",
        f"{rests}, fewer than the {MIN_ESS:.0f} recommended: draw more.",
    )


def _leave_one_out(evidence: Evidence) -> Iterator[Finding]:
    bayes = evidence.log_likelihood.bayes
    loo = None if bayes is None else bayes.loo
    if loo is not None:
        of = "" if loo.n_scored is None else f" of the {loo.n_scored} that were scored"
        rows = "row" if loo.n_high_pareto_k == 1 and not of else "rows"
        yield from evidence.beyond(
            "loo",
            loo.max_pareto_k,
            f"Leave-one-out cannot be estimated for {loo.n_high_pareto_k} {rows}{of} "
            f"(largest Pareto k {loo.max_pareto_k:.2f}): single rows decide the posterior.",
        )
