"""Whether EM's estimate is the maximum of the likelihood, as far as anyone has looked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import listed
from experiments.values.certificate import Certificate
from experiments.values.comparison import Finding
from gmm_em.fitting.maxima import Unseen


class Search(NamedTuple):
    """What a search for the maximum met.

    Attributes
    ----------
    n_best, n_converged : int
        Starts that led to the best maximum, and to any.
    n_kinds : int
        Kinds of start among those that led to the best.
    n_maxima : int
    unseen : Unseen
        How likely one more random start finds a maximum that was not met, all kinds together.
    """

    n_best: int
    n_converged: int
    n_kinds: int
    n_maxima: int
    unseen: Unseen

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Search | None:
        """Read what an engine reports of its search; None where it reports nothing of it."""
        if not {"n_best", "n_converged", "kinds_best", "optima"} <= found.keys():
            return None
        runs = [optimum["n_runs"] for optimum in found["optima"]]
        kinds = found.get("unseen") or {}
        n_starts = sum(one["n_starts"] for one in kinds.values())
        n_once = sum(round(one["probability"] * one["n_starts"]) for one in kinds.values())
        if not n_starts:
            n_starts, n_once = max(1, sum(runs)), sum(n_runs == 1 for n_runs in runs)
        return cls(
            found["n_best"],
            found["n_converged"],
            found["kinds_best"],
            len(runs),
            Unseen.of(n_starts, n_once),
        )

    @property
    def chance(self) -> float:
        """The number that is judged: 1 where only one start led to the best maximum.

        Otherwise the chance that one more start finds a maximum which was not met, from n starts
        with r maxima that were met once: (r + 1/2) / (n + 1), so that few starts are not certain.
        """
        if self.n_best <= 1:
            return 1.0
        return (self.unseen.n_once + 0.5) / (self.unseen.n_starts + 1)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield what is known of EM's optimum."""
    if evidence.estimate is None:
        return
    search = Search.of(evidence.estimate.diagnostics)
    certificate = evidence.certificate
    if certificate is not None:
        yield _certificate(evidence, certificate, search)
        yield from _equal_maxima(evidence, certificate)
    if search is not None:
        yield _search(evidence, search, evidence.estimate.diagnostics)


def _certificate(evidence: Evidence, certificate: Certificate, search: Search | None) -> Finding:
    title, better = evidence.title, certificate.better_by
    if certificate.stopped_short:
        return Finding(
            id="certificate",
            level="warn",
            text=f"{title} stopped {certificate.stopped_short:.2g} in log-likelihood below the top "
            "of its own hill, and nothing higher than that top was found: fit it with a smaller "
            "tolerance.",
            value=certificate.stopped_short,
            threshold=certificate.tolerance,
        )
    text = (
        f"{title} is in a local optimum: {_origin(certificate)} gets {better:.4g} higher in "
        "log-likelihood; raise n_init."
        if better
        else f"{title}'s optimum stands: nothing better was found from "
        f"{listed(list(_where_it_was_sought(certificate, search)))}."
    )
    return Finding(
        id="certificate",
        level="fail" if better else "ok",
        text=text,
        value=better,
        threshold=certificate.tolerance,
    )


def _origin(certificate: Certificate) -> str:
    """Say where something better was found."""
    if certificate.n_draws_above:
        return "started from posterior draws it"
    return "started from posterior draws or from starts of the comparison's own it"


def _where_it_was_sought(certificate: Certificate, search: Search | None) -> Iterator[str]:
    if search is not None:
        kinds = "1 kind" if search.n_kinds == 1 else f"{search.n_kinds} kinds"
        yield f"{search.n_converged} starts ({search.n_best} led to it, of {kinds})"
    if certificate.margin is not None:
        count = certificate.n_draws - certificate.n_collapsed
        yield f"{count} posterior draws (the best is {certificate.margin:.2f} below)"
    if certificate.n_other_restarts:
        yield f"{certificate.n_other_restarts} other starts"


def _equal_maxima(evidence: Evidence, certificate: Certificate) -> Iterator[Finding]:
    count = certificate.n_equal
    if count:
        others = "1 other maximum is" if count == 1 else f"{count} other maxima are"
        yield Finding(
            id="equal-maxima",
            level="fail",
            text=f"{others} as high as {evidence.title}'s, with another mixture: the rows cannot "
            "tell them apart, and no single one is the answer.",
            value=float(count),
            threshold=0.0,
        )


def _search(evidence: Evidence, search: Search, found: Mapping[str, Any]) -> Finding:
    title, sentence = evidence.title, _sentence(evidence.title, search)
    # The likelihood of a single Gaussian has one maximum, which any start finds.
    chance = search.chance if evidence.layout.n_components > 1 else 0.0
    finding = evidence.finding("em-optimum", chance, f"{sentence}.", f"{sentence}: raise n_init.")
    text = ""
    if found.get("spurious"):
        text = f"{title}'s optimum is not to be trusted: {found['spurious']}."
    elif not found.get("converged", True):
        text = f"{title} did not converge in {found['n_iter']} iterations: raise max_iter."
    return finding.model_copy(update={"level": "fail", "text": text}) if text else finding


def _sentence(title: str, search: Search) -> str:
    """Say what a search met: who led to the best maximum, and how likely it missed one."""
    kinds = "1 kind" if search.n_kinds == 1 else f"{search.n_kinds} kinds"
    met = "no other was met" if search.n_maxima == 1 else f"{search.n_maxima} maxima were met"
    unseen = search.unseen
    return (
        f"{search.n_best} of {search.n_converged} {title} starts that led to a maximum led to the "
        f"best one, from {kinds} of start; {met}; one more start finds a new one with a "
        f"probability of about {unseen.probability:.2f} ({unseen.lower:.2f} to "
        f"{unseen.upper:.2f})"
    )
