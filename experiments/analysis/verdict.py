"""From numbers to sentences: what to believe, and the number that each sentence rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.special import chdtri

from experiments.analysis.thresholds import GRAVEST_FIRST, MIN_ESS, THRESHOLDS, Threshold
from experiments.core.words import listed
from experiments.datasets.dataset import Dataset
from experiments.values.comparison import (
    Agreement,
    Certificate,
    DatasetInfo,
    EngineResult,
    Finding,
    LogLikelihoods,
)
from experiments.values.parameters import full_label
from experiments.values.roles import estimate_of, posterior_of
from gmm_em.parameter_names import ParameterLayout


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Put findings in the order in which they are told."""
    return sorted(findings, key=lambda finding: GRAVEST_FIRST.index(finding.level))


def doubts_about(dataset: Dataset) -> list[Finding]:
    """Return a warning for each sentence that a data set says of what may be a mistake in it."""
    return [
        Finding(id="data", level="warn", text=text, value=float(number), threshold=0.0)
        for number, text in enumerate(dataset.doubts, 1)
    ]


@dataclass(frozen=True)
class Judge:
    """Draws up the findings by a table of thresholds."""

    thresholds: Mapping[str, Threshold] = field(default_factory=lambda: THRESHOLDS)

    def findings(
        self,
        engines: Mapping[str, EngineResult],
        log_likelihood: LogLikelihoods,
        agreement: Agreement | None,
        certificate: Certificate | None,
        dataset: DatasetInfo,
        layout: ParameterLayout,
    ) -> list[Finding]:
        """Draw up the findings."""
        estimate, drawn = estimate_of(engines), posterior_of(engines)
        title = "" if estimate is None else engines[estimate].title
        posterior = [] if drawn is None else list(self._posterior(engines[drawn].diagnostics))
        if certificate is not None and certificate.n_collapsed:
            posterior.append(self._collapsed(certificate))
        findings: list[Finding] = []
        if agreement is not None:
            sound = all(finding.level != "fail" for finding in posterior)
            findings.append(self._agreement(title, agreement, dataset, layout, sound))
        if certificate is not None and certificate.margin is not None:
            findings.append(self._certificate(title, certificate, certificate.margin))
            findings.extend(self._posterior_and_optimum(title, certificate))
        if estimate is not None:
            findings.extend(self._optimum(title, engines[estimate].diagnostics))
        findings += posterior
        findings.extend(self._labels(engines))
        findings.extend(self._held_out(title, log_likelihood, dataset.n_test))
        return findings

    def _finding(self, identity: str, value: float, good: str, poor: str) -> Finding:
        """Judge a number by its threshold and say the sentence that goes with the level."""
        threshold = self.thresholds[identity]
        level = threshold.level(value)
        text = good if level == "ok" else poor
        return Finding(id=identity, level=level, text=text, value=value, threshold=threshold.warn)

    def _agreement(
        self,
        title: str,
        agreement: Agreement,
        dataset: DatasetInfo,
        layout: ParameterLayout,
        sound: bool,
    ) -> Finding:
        count, size = agreement.n_parameters, agreement.max_abs_z
        where = full_label(layout, agreement.worst_parameter, dataset.feature_names)
        finding = self._finding(
            "agreement",
            size,
            f"{title} and the posterior agree on all {count} parameters to within {size:.2g} "
            "posterior sd.",
            f"{title} and the posterior differ by {size:.2g} posterior sd in {where}, "
            f"the worst of {count} parameters.",
        )
        if sound or finding.level == "fail":
            return finding
        text = f"{title} lies within {size:.2g} posterior sd, but of a posterior not to be trusted."
        return finding.model_copy(update={"level": "warn", "text": text})

    def _certificate(self, title: str, certificate: Certificate, margin: float) -> Finding:
        better, runs = certificate.better_by, certificate.n_restarts
        count = certificate.n_draws - certificate.n_collapsed
        text = (
            f"{title} is in a local optimum: started from posterior draws it gets {better:.4g} "
            "higher in log-likelihood; raise n_init."
            if better
            else f"{title}'s optimum stands: none of {count} posterior draws is above it (the best "
            f"is {margin:.2f} below), nor does EM get higher from {runs} of them."
        )
        return Finding(
            id="certificate",
            level="fail" if better else "ok",
            text=text,
            value=better,
            threshold=certificate.tolerance,
        )

    def _labels(self, engines: Mapping[str, EngineResult]) -> Iterator[Finding]:
        if all(len(engine.mixture.weights) == 1 for engine in engines.values()):
            return

        def doubt(engine: EngineResult) -> float:
            return max(engine.matching.ambiguity, engine.matching.draws_ambiguity or 0.0)

        worst = max(engines.values(), key=doubt)
        yield self._finding(
            "labels",
            doubt(worst),
            "Which component is which is clear in every fit.",
            f"{_components(worst.matching.uncertain)} overlap: labels are uncertain (in "
            f"{worst.title} another assignment is nearly as good).",
        )

    def _posterior_and_optimum(self, title: str, certificate: Certificate) -> Iterator[Finding]:
        if certificate.em_mode_unvisited and certificate.margin is not None:
            yield Finding(
                id="posterior-incomplete",
                level="fail",
                text=f"{title} found a mode that no chain visited: the best draw stays "
                f"{certificate.margin:.4g} below it in log-likelihood; the posterior is "
                "incomplete.",
                value=2 * certificate.margin,
                threshold=float(chdtri(certificate.n_parameters, 0.5)),
            )
        if certificate.deviance_distance is not None and certificate.deviance_mean is not None:
            found = (
                f"mean {certificate.deviance_mean:.1f} for {certificate.n_parameters} parameters"
            )
            yield self._finding(
                "posterior-normal",
                certificate.deviance_distance,
                f"The posterior is close to normal (deviance: {found}): Wald intervals can serve.",
                f"The posterior is not yet normal at this sample size (deviance: {found}): do not "
                "trust Wald intervals.",
            )

    def _collapsed(self, certificate: Certificate) -> Finding:
        share = certificate.n_collapsed / certificate.n_draws
        text = (
            f"{certificate.n_collapsed} of {certificate.n_draws} posterior draws have collapsed "
            "onto a point or repeated values, where the likelihood is unbounded: fewer "
            "components, or a prior that keeps covariances from zero."
        )
        return self._finding("posterior-collapsed", share, text, text)

    def _optimum(self, title: str, found: Mapping[str, Any]) -> Iterator[Finding]:
        """Judge how many starts reached the best optimum, where an engine counts them."""
        if not {"n_best", "n_converged", "kinds_best"} <= found.keys():
            return
        reached = _search_sentence(title, found)
        finding = self._finding(
            "em-optimum",
            found["n_best"] / max(1, found["n_converged"]),
            f"{reached}.",
            f"{reached}: the likelihood has other optima, raise n_init.",
        )
        text = ""
        if found.get("spurious"):
            text = f"{title}'s optimum is not to be trusted: {found['spurious']}."
        elif not found.get("converged", True):
            text = f"{title} did not converge in {found['n_iter']} iterations: raise max_iter."
        yield finding.model_copy(update={"level": "fail", "text": text}) if text else finding

    def _posterior(self, found: Mapping[str, Any]) -> Iterator[Finding]:
        """Judge a posterior by what its engine reports of it, as far as it does."""
        if "max_r_hat" in found:
            yield self._r_hat(found["max_r_hat"])
        modes = found.get("label_free", {}).get("log_likelihood", {}).get("r_hat")
        if modes is not None and modes > self.thresholds["posterior-modes"].warn:
            text = (
                "The chains are in different modes, which no relabelling reconciles (R-hat of the "
                f"log-likelihood {modes:.3f}): their average means nothing."
            )
            yield self._finding("posterior-modes", modes, text, text)
        if {"min_ess_bulk", "min_ess_tail"} <= found.keys():
            yield self._effective_draws(found["min_ess_bulk"], found["min_ess_tail"])
        if {"n_divergent", "n_draws"} <= found.keys():
            yield self._divergences(found["n_divergent"], found["n_draws"])

    def _r_hat(self, r_hat: float | None) -> Finding:
        if r_hat is None:
            return Finding(
                id="posterior-r-hat",
                level="warn",
                text="One chain cannot show that it has converged: draw at least two.",
                value=1.0,
                threshold=self.thresholds["posterior-r-hat"].warn,
            )
        return self._finding(
            "posterior-r-hat",
            r_hat,
            f"The chains agree with each other: largest R-hat {r_hat:.3f}.",
            f"The chains disagree: R-hat {r_hat:.3f}; draw longer or distrust them.",
        )

    def _effective_draws(self, bulk: float | None, tail: float | None) -> Finding:
        ess = 0.0 if bulk is None or tail is None else min(bulk, tail)
        rests = f"Every posterior summary rests on at least {ess:.0f} effective draws"
        return self._finding(
            "posterior-ess",
            ess,
            f"{rests}.",
            f"{rests}, fewer than the {MIN_ESS:.0f} recommended: draw more.",
        )

    def _divergences(self, n_divergent: int, n_draws: int) -> Finding:
        return self._finding(
            "posterior-divergences",
            n_divergent / n_draws,
            "No divergent transitions.",
            f"{n_divergent} of {n_draws} draws diverged: the sampler may have missed part of the "
            "posterior.",
        )

    def _held_out(
        self, title: str, log_likelihood: LogLikelihoods, n_test: int
    ) -> Iterator[Finding]:
        truth, estimate = log_likelihood.truth, log_likelihood.em
        if truth is None or estimate is None or truth.test is None or estimate.test is None:
            return
        loss = (truth.test - estimate.test) / n_test
        direction = "below" if loss >= 0 else "above"
        yield Finding(
            id="held-out",
            level="ok",
            text=f"On {n_test} held-out rows {title}'s log-likelihood is {abs(loss):.4f} a row "
            f"{direction} the truth's.",
            value=loss,
            threshold=0.0,
        )


def _components(numbers: Sequence[int]) -> str:
    """Name components that could be exchanged; of a pair, one may be without a counterpart."""
    if len(numbers) < 2:
        return f"Component {''.join(map(str, numbers))} and one without a counterpart"
    return f"Components {listed([str(number) for number in numbers])}"


def _search_sentence(title: str, found: Mapping[str, Any]) -> str:
    """Say what a search met: who led to the best maximum, and how likely it missed one."""
    n_maxima, n_kinds = len(found["optima"]), found["kinds_best"]
    kinds = "1 kind" if n_kinds == 1 else f"{n_kinds} kinds"
    text = (
        f"{found['n_best']} of {found['n_converged']} {title} starts that led to a maximum led to "
        f"the best one, from {kinds} of start; "
    )
    text += "no other was met" if n_maxima == 1 else f"{n_maxima} maxima were met"
    if found["unseen"]:
        kind, worst = max(found["unseen"].items(), key=lambda item: item[1]["probability"])
        text += (
            f"; one more random start finds a new one with a probability of at most "
            f"{worst['probability']:.2f} ({worst['lower']:.2f} to {worst['upper']:.2f}, {kind})"
        )
    return text
