"""Which findings may be said beside which others.

A cause silences what follows from it: where draws have collapsed, that chains disagree is no news.
A good word is said only where what it rests on is sound: nothing is normal, and nothing agrees,
beside a posterior that is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from experiments.values.comparison import Finding

# What makes a posterior one that is not to be trusted, where it fails; causes come first.
OF_THE_POSTERIOR = (
    "posterior-collapsed",
    "posterior-sampler",
    "posterior-modes",
    "posterior-incomplete",
    "posterior-r-hat",
    "posterior-divergences",
    "posterior-ess",
    "posteriors",
)
# The same of the estimate.
OF_THE_OPTIMUM = ("certificate", "equal-maxima", "em-optimum")
# And of both.
OF_THE_ROWS = ("rows", "shape")

EVERYTHING = (*OF_THE_POSTERIOR, *OF_THE_OPTIMUM)


@dataclass(frozen=True)
class Condition:
    """When a finding may be said.

    Attributes
    ----------
    unless_failed : tuple of str
        It follows from these: where one of them has failed it is not said at any level.
    good_unless_failed : tuple of str
        A good word rests on these: where one of them has failed it is not said.
    good_unless_doubtful : tuple of str
        The same, where a warning is enough.
    mild_unless_failed : tuple of str
        Where one of these has failed, it is said only if it has failed itself.
    """

    unless_failed: tuple[str, ...] = ()
    good_unless_failed: tuple[str, ...] = ()
    good_unless_doubtful: tuple[str, ...] = ()
    mild_unless_failed: tuple[str, ...] = ()


CONDITIONS: Mapping[str, Condition] = {
    "posterior-sampler": Condition(("posterior-collapsed",)),
    "posterior-modes": Condition(("posterior-collapsed", "posterior-sampler")),
    "posterior-incomplete": Condition(("posterior-collapsed",)),
    "posterior-r-hat": Condition(
        ("posterior-collapsed", "posterior-sampler", "posterior-modes", "equal-maxima"),
        ("posterior-incomplete",),
    ),
    "posterior-ess": Condition(
        (
            "posterior-collapsed",
            "posterior-sampler",
            "posterior-modes",
            "posterior-r-hat",
            "equal-maxima",
        ),
        ("posterior-incomplete",),
    ),
    "posterior-divergences": Condition(("posterior-collapsed", "posterior-sampler")),
    # Draws that are not to be trusted themselves say nothing of other programs.
    "posteriors": Condition(tuple(name for name in OF_THE_POSTERIOR if name != "posteriors")),
    "posteriors-apart": Condition(OF_THE_POSTERIOR),
    "several-modes": Condition((*OF_THE_POSTERIOR, "equal-maxima")),
    "certificate": Condition(("em-optimum",), (*OF_THE_POSTERIOR, "equal-maxima"), ("em-optimum",)),
    "em-optimum": Condition(mild_unless_failed=("certificate", "equal-maxima")),
    "agreement": Condition(EVERYTHING, OF_THE_ROWS, ("prior", "several-modes")),
    "prior": Condition(EVERYTHING),
    "posterior-normal": Condition(
        EVERYTHING,
        (),
        (
            *OF_THE_ROWS,
            "agreement",
            "prior",
            "labels",
            "support",
            "loo",
            "outliers",
            "several-modes",
        ),
    ),
    "labels": Condition(EVERYTHING),
    "loo": Condition(OF_THE_POSTERIOR),
    "outliers": Condition(OF_THE_OPTIMUM),
    "shape": Condition(OF_THE_OPTIMUM, (), ("outliers", "support", "rows")),
    "recovery": Condition(EVERYTHING),
}


def may_be_said(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out what follows from something graver, and good words that rest on what is unsound.

    Parameters
    ----------
    findings : iterable of Finding
        Everything that was found.
    """
    every = list(findings)
    failed = {finding.id for finding in every if finding.level == "fail"}
    doubtful = {finding.id for finding in every if finding.level != "ok"}

    def said(finding: Finding) -> bool:
        condition = CONDITIONS.get(finding.id, Condition())
        if failed.intersection(condition.unless_failed):
            return False
        if finding.level != "fail" and failed.intersection(condition.mild_unless_failed):
            return False
        unsound = failed.intersection(condition.good_unless_failed)
        return finding.level != "ok" or not (
            unsound or doubtful.intersection(condition.good_unless_doubtful)
        )

    return [finding for finding in every if said(finding)]
