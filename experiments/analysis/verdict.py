"""From numbers to sentences: what to believe, and the number that each sentence rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.special import chdtri

from experiments.analysis.thresholds import GRAVEST_FIRST, THRESHOLDS, Threshold
from experiments.values.comparison import (
    Agreement,
    Certificate,
    DatasetInfo,
    EngineResult,
    Finding,
    LogLikelihoods,
)
from experiments.values.parameters import Layout


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
        layout: Layout,
    ) -> list[Finding]:
        """Draw up the findings, the gravest first."""
        posterior = list(self._posterior(engines["bayes"])) if "bayes" in engines else []
        if certificate is not None and certificate.n_collapsed:
            posterior.append(self._collapsed(certificate))
        findings: list[Finding] = []
        if agreement is not None:
            sound = all(finding.level != "fail" for finding in posterior)
            findings.append(self._agreement(agreement, dataset, layout, sound))
        if certificate is not None and certificate.margin is not None:
            findings.append(self._certificate(certificate, certificate.margin))
            findings.extend(self._posterior_and_optimum(certificate))
        if "em" in engines:
            findings.append(self._em_optimum(engines["em"]))
        findings += posterior
        findings.extend(self._labels(engines))
        findings.extend(self._held_out(log_likelihood, dataset.n_test))
        return sorted(findings, key=lambda finding: GRAVEST_FIRST.index(finding.level))

    def _finding(self, identity: str, value: float, good: str, poor: str) -> Finding:
        """Judge a number by its threshold and say the sentence that goes with the level."""
        threshold = self.thresholds[identity]
        level = threshold.level(value)
        text = good if level == "ok" else poor
        return Finding(id=identity, level=level, text=text, value=value, threshold=threshold.warn)

    def _agreement(
        self, agreement: Agreement, dataset: DatasetInfo, layout: Layout, sound: bool
    ) -> Finding:
        count, size = agreement.n_parameters, agreement.max_abs_z
        worst = agreement.worst_parameter
        where = f"{worst.partition('[')[0]} {layout.label(worst, dataset.feature_names)}"
        finding = self._finding(
            "agreement",
            size,
            f"EM and the posterior agree on all {count} parameters to within {size:.2g} "
            "posterior sd.",
            f"EM and the posterior differ by {size:.2g} posterior sd in {where}, "
            f"the worst of {count} parameters.",
        )
        if sound or finding.level == "fail":
            return finding
        text = f"EM lies within {size:.2g} posterior sd, but of a posterior not to be trusted."
        return finding.model_copy(update={"level": "warn", "text": text})

    def _certificate(self, certificate: Certificate, margin: float) -> Finding:
        better, runs = certificate.better_by, certificate.n_restarts
        count = certificate.n_draws - certificate.n_collapsed
        text = (
            f"EM is in a local optimum: started from posterior draws it gets {better:.4g} higher "
            "in log-likelihood; raise n_init."
            if better
            else f"EM's optimum stands: none of {count} posterior draws is above it (the best is "
            f"{margin:.2f} below), nor does EM get higher from {runs} of them."
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

    def _posterior_and_optimum(self, certificate: Certificate) -> Iterator[Finding]:
        if certificate.em_mode_unvisited and certificate.margin is not None:
            yield Finding(
                id="posterior-incomplete",
                level="fail",
                text="EM found a mode that no chain visited: the best draw stays "
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

    def _em_optimum(self, em: EngineResult) -> Finding:
        found = em.diagnostics
        reached = _search_sentence(found)
        finding = self._finding(
            "em-optimum",
            found["n_best"] / max(1, found["n_converged"]),
            f"{reached}.",
            f"{reached}: the likelihood has other optima, raise n_init.",
        )
        if found["spurious"]:
            text = f"EM's optimum is not to be trusted: {found['spurious']}."
            return finding.model_copy(update={"level": "fail", "text": text})
        if found["converged"]:
            return finding
        text = f"EM did not converge in {found['n_iter']} iterations: raise max_iter."
        return finding.model_copy(update={"level": "fail", "text": text})

    def _posterior(self, bayes: EngineResult) -> Iterator[Finding]:
        found = bayes.diagnostics
        r_hat, n_draws, n_divergent = found["max_r_hat"], found["n_draws"], found["n_divergent"]
        if r_hat is None:
            yield Finding(
                id="posterior-r-hat",
                level="warn",
                text="One chain cannot show that it has converged: draw at least two.",
                value=1.0,
                threshold=self.thresholds["posterior-r-hat"].warn,
            )
        else:
            yield self._finding(
                "posterior-r-hat",
                r_hat,
                f"The chains agree with each other: largest R-hat {r_hat:.3f}.",
                f"The chains disagree: R-hat {r_hat:.3f}; draw longer or distrust them.",
            )
        modes = found["label_free"]["log_likelihood"]["r_hat"]
        if modes is not None and modes > self.thresholds["posterior-modes"].warn:
            text = (
                "The chains are in different modes, which no relabelling reconciles (R-hat of the "
                f"log-likelihood {modes:.3f}): their average means nothing."
            )
            yield self._finding("posterior-modes", modes, text, text)
        if found["min_ess_bulk"] is None or found["min_ess_tail"] is None:
            ess = 0.0
        else:
            ess = min(found["min_ess_bulk"], found["min_ess_tail"])
        rests = f"Every posterior summary rests on at least {ess:.0f} effective draws"
        yield self._finding(
            "posterior-ess",
            ess,
            f"{rests}.",
            f"{rests}, fewer than the 400 recommended: draw more.",
        )
        yield self._finding(
            "posterior-divergences",
            n_divergent / n_draws,
            "No divergent transitions.",
            f"{n_divergent} of {n_draws} draws diverged: the sampler may have missed part of the "
            "posterior.",
        )

    def _held_out(self, log_likelihood: LogLikelihoods, n_test: int) -> Iterator[Finding]:
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


def _components(numbers: Sequence[int]) -> str:
    """Name components that could be exchanged; of a pair, one may be without a counterpart."""
    if len(numbers) < 2:
        return f"Component {''.join(map(str, numbers))} and one without a counterpart"
    return f"Components {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _search_sentence(found: dict[str, Any]) -> str:
    """Say what EM's search met: who led to the best maximum, and how likely it missed one."""
    n_maxima = len(found["optima"])
    text = (
        f"{found['n_best']} of {found['n_converged']} EM starts that led to a maximum led to the "
        f"best one, from {found['kinds_best']} kinds of start; "
    )
    text += "no other was met" if n_maxima == 1 else f"{n_maxima} maxima were met"
    if found["unseen"]:
        kind, worst = max(found["unseen"].items(), key=lambda item: item[1]["probability"])
        text += (
            f"; one more random start finds a new one with a probability of at most "
            f"{worst['probability']:.2f} ({worst['lower']:.2f} to {worst['upper']:.2f}, {kind})"
        )
    return text
