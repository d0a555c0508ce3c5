"""The decision table: which conditions lead to which answer.

The table stands in `docs/how-to/verdict.md`, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import chdtri

from experiments.analysis.verdict.conditions import OF_THE_OPTIMUM, OF_THE_POSTERIOR
from experiments.analysis.verdict.evidence import Evidence
from experiments.core.words import after_colon, mind
from experiments.values.comparison import Finding
from experiments.values.headline import Believe, Headline


@dataclass(frozen=True)
class Grounds:
    """What the decision table is applied to.

    Attributes
    ----------
    evidence : Evidence
    findings : sequence of Finding
        Everything that was found, whether or not it is said.
    """

    evidence: Evidence
    findings: Sequence[Finding]

    def failed(self, *names: str) -> bool:
        """Whether one of these findings has failed."""
        return any(f.id in names and f.level == "fail" for f in self.findings)

    def doubtful(self, *names: str) -> bool:
        """Whether one of these findings is a warning, or has failed."""
        return any(f.id in names and f.level != "ok" for f in self.findings)

    @property
    def optimum_fails(self) -> bool:
        """Whether there is an estimate, and it is not to be trusted."""
        return self.failed(*OF_THE_OPTIMUM)

    @property
    def posterior_fails(self) -> bool:
        """Whether there is a posterior, and it is not to be trusted."""
        return self.failed(*OF_THE_POSTERIOR)

    @property
    def draws_stay_away(self) -> bool:
        """Whether no draw comes as near to EM's optimum as half of a normal posterior would."""
        found = self.evidence.certificate
        if found is None or found.shortfall is None:
            return False
        return 2 * found.shortfall > float(chdtri(found.n_parameters, 0.5))

    @property
    def has_estimate(self) -> bool:
        """Whether a point estimate was made."""
        return self.evidence.estimate is not None

    @property
    def has_posterior(self) -> bool:
        """Whether a posterior was drawn."""
        return self.evidence.posterior is not None

    def first(self, *names: str) -> Finding | None:
        """Return the gravest finding of these names, of equally grave ones the first named."""
        for level in ("fail", "warn", "ok"):
            for name in names:
                for finding in self.findings:
                    if finding.id == name and finding.level == level:
                        return finding
        return None


@dataclass(frozen=True)
class Row:
    """A row of the decision table; the first whose condition holds gives the answer.

    Attributes
    ----------
    name : str
    when : str
        The condition in words.
    holds : callable
        The same as code.
    believe : {"both", "em", "posterior", "neither"}
    causes : tuple of str
        Findings, of which the gravest is told as the reason.
    command : str
        What would settle it; empty where the reason's own remedy does, or nothing is to be settled.
    """

    name: str
    when: str
    holds: Callable[[Grounds], bool]
    believe: Believe
    causes: tuple[str, ...] = ()
    command: str = ""


# What settles the finding that an answer rests on.
REMEDIES = {
    "certificate": "gmm-compare run CONFIG --set em.n_init=300",
    "em-optimum": "gmm-compare run CONFIG --set em.n_init=300 --set em.max_iter=10000",
    "equal-maxima": "gmm-compare fit DATA -k 1-{more}",
    "posterior-collapsed": "gmm-compare run CONFIG --set bayes.prior.kind=inverse-wishart",
    "posterior-sampler": "gmm-compare run CONFIG --set bayes.sampler=nuts "
    "--set bayes.prior.kind=inverse-wishart",
    "posterior-modes": "gmm-compare run CONFIG --set bayes.sampler=smc",
    "posterior-incomplete": "gmm-compare run CONFIG --set bayes.sampler=smc",
    "posterior-r-hat": "gmm-compare run CONFIG --set bayes.tune=4000 --set bayes.draws=4000",
    "posterior-divergences": "gmm-compare run CONFIG --set bayes.tune=4000 --set bayes.sampler=smc",
    "posterior-ess": "gmm-compare run CONFIG --set bayes.draws=8000",
    "rows": "gmm-compare fit DATA -k {fewer} --covariance diag",
    "shape": "gmm-compare fit DATA -k 1-{more}",
    "support": "gmm-compare fit DATA -k 1-{k}",
    "prior": "gmm-compare run CONFIG --set bayes.prior.kind=inverse-wishart",
    "agreement": "gmm-compare fit DATA -k 1-{k}",
    "outliers": "gmm-compare fit DATA -k 1-{more}",
}

DECISIONS: tuple[Row, ...] = (
    Row(
        "rows",
        "there are fewer rows than parameters",
        lambda grounds: grounds.failed("rows"),
        "neither",
        ("rows",),
    ),
    Row(
        "neither-sound",
        "EM's optimum fails, and the posterior fails or was not drawn",
        lambda grounds: (
            grounds.optimum_fails and (grounds.posterior_fails or not grounds.has_posterior)
        ),
        "neither",
        (*OF_THE_OPTIMUM, *OF_THE_POSTERIOR),
    ),
    Row(
        "equal-maxima",
        "another maximum is as high as EM's",
        lambda grounds: grounds.failed("equal-maxima"),
        "neither",
        ("equal-maxima",),
    ),
    Row(
        "posterior-alone-fails",
        "only a posterior was drawn, and it fails",
        lambda grounds: grounds.posterior_fails and not grounds.has_estimate,
        "neither",
        OF_THE_POSTERIOR,
    ),
    Row(
        "shape",
        "the rows have another shape than a Gaussian mixture's",
        lambda grounds: grounds.failed("shape") and not grounds.optimum_fails,
        "neither",
        ("shape",),
    ),
    Row(
        "optimum-fails",
        "EM's optimum fails, and the posterior holds",
        lambda grounds: grounds.optimum_fails,
        "posterior",
        OF_THE_OPTIMUM,
    ),
    Row(
        "posterior-fails",
        "the posterior fails, and EM's optimum holds",
        lambda grounds: grounds.posterior_fails,
        "em",
        OF_THE_POSTERIOR,
    ),
    Row(
        "no-posterior",
        "no posterior was drawn, and nothing speaks against EM's optimum",
        lambda grounds: not grounds.has_posterior,
        "em",
        ("em-optimum", "shape"),
    ),
    Row(
        "no-estimate",
        "only a posterior was drawn, and nothing speaks against it",
        lambda grounds: not grounds.has_estimate,
        "posterior",
        ("posterior-r-hat", "posterior-ess"),
    ),
    Row(
        "several-modes",
        "the posterior has several modes, and its chains visited them alike",
        lambda grounds: grounds.doubtful("several-modes"),
        "posterior",
        ("several-modes",),
    ),
    Row(
        "support",
        "a component rests on too few rows, and the two differ or no draw comes near EM's optimum",
        lambda grounds: (
            grounds.doubtful("support")
            and (grounds.doubtful("agreement", "prior") or grounds.draws_stay_away)
        ),
        "posterior",
        ("support",),
    ),
    Row(
        "prior",
        "the prior holds the posterior away from the maximum, or narrows it",
        lambda grounds: grounds.doubtful("prior"),
        "em",
        ("prior",),
    ),
    Row(
        "they-differ",
        "both hold, and they differ: the likelihood is not normal around its maximum",
        lambda grounds: grounds.doubtful("agreement"),
        "posterior",
        ("agreement",),
    ),
    Row(
        "both",
        "none of these",
        lambda grounds: True,
        "both",
        ("agreement",),
    ),
)

# What the answer begins with.
SAID: dict[Believe, str] = {
    "both": "Believe both",
    "em": "Believe {estimate}",
    "posterior": "Believe the posterior",
    "neither": "Believe neither yet",
}


def decide(
    evidence: Evidence, findings: Sequence[Finding], said_findings: Sequence[Finding]
) -> Headline:
    """Apply the decision table.

    Parameters
    ----------
    evidence : Evidence
    findings : sequence of Finding
        Everything that was found, whether or not it is said.
    said_findings : sequence of Finding
        What of it is said: caveats are taken from these.
    """
    grounds = Grounds(evidence, findings)
    row = next(row for row in DECISIONS if row.holds(grounds))
    cause = grounds.first(*row.causes)
    said = SAID[row.believe].format(estimate=evidence.title)
    text = f"{said}." if cause is None else f"{said}: {after_colon(cause.text, evidence.title)}"
    caveats = [] if row.believe == "neither" else _caveats(Grounds(evidence, said_findings), cause)
    k = evidence.layout.n_components
    settled = row.name in ("both", "no-posterior", "no-estimate") and not caveats
    remedy = cause if cause is not None and cause.level != "ok" else next(iter(caveats), None)
    command = "" if settled or remedy is None else REMEDIES.get(remedy.id, "")
    return Headline(
        believe=row.believe,
        reason=row.name,
        text=" ".join([text, *mind([after_colon(c.text, evidence.title) for c in caveats])]),
        command=command.format(k=k, more=k + 2, fewer=f"1-{k - 1}" if k > 2 else "1"),
    )


def _caveats(grounds: Grounds, cause: Finding | None) -> list[Finding]:
    """Return the warnings that what is believed comes with, other than the reason itself."""
    names = "recovery", "support", "rows", "shape", "outliers", "em-optimum", "posterior-r-hat"
    found = [grounds.first(name) for name in (*names, "posteriors")]
    return [one for one in found if one is not None and one.level != "ok" and one is not cause]
