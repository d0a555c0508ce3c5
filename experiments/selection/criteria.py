"""Ways to choose the number of components, each from the comparisons at every number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from experiments.analysis.analyse import Analysis
from experiments.core.types import FloatArray
from experiments.core.words import listed
from experiments.values.components import Criterion, CriterionValue

# A difference in log-likelihood "not worth more than a bare mention" (Kass & Raftery 1995, section
# 3.2); for half a difference of BIC or AIC, Raftery (1995) and Burnham & Anderson (2002) agree.
NEGLIGIBLE = 1.0


class Score(NamedTuple):
    """What a criterion says of one comparison.

    Attributes
    ----------
    value : float or None
    se : float or None
        Standard error of `value`.
    rows : ndarray or None
        The terms whose sum `value` is, where those of two numbers of components pair.
    reason : str
        Why there is no value, or why it is not to be trusted.
    """

    value: float | None
    se: float | None = None
    rows: FloatArray | None = None
    reason: str = ""

    @classmethod
    def over(cls, rows: FloatArray) -> Score:
        """Sum terms, one a row."""
        se = float(np.sqrt(len(rows)) * rows.std(ddof=1)) if len(rows) > 1 else None
        return cls(float(rows.sum()), se, rows)


@dataclass(frozen=True)
class Rule:
    """A criterion: how it is called, and how it is read off a comparison.

    Attributes
    ----------
    id, title, engine : str
    score : callable
        From an analysis to a `Score`.
    unit : float
        One unit of a log-likelihood on the criterion's scale: 1, or -2 for a deviance, of which
        less is better.
    """

    id: str
    title: str
    engine: str
    score: Callable[[Analysis], Score]
    unit: float = 1.0

    def judge(
        self,
        analyses: Mapping[int, Analysis],
        failures: Mapping[int, str],
        doubts: Mapping[int, str],
    ) -> Criterion:
        """Evaluate the criterion at every number of components, and choose.

        Parameters
        ----------
        analyses : mapping of int to Analysis
        failures : mapping of int to str
            Numbers that could not be fitted, and why.
        doubts : mapping of int to str
            Numbers at which the engine's fit is not to be trusted, and why: none of them is chosen.
        """
        scores = {k: self.score(analysis) for k, analysis in analyses.items()}
        scores |= {k: Score(None, reason=reason) for k, reason in failures.items()}
        for k, doubt in doubts.items():
            scores[k] = scores[k]._replace(reason=scores[k].reason or doubt)
        # The smallest of several equally good numbers.
        known = {
            k: score.value / self.unit
            for k, score in sorted(scores.items())
            if score.value is not None and not score.reason
        }
        best = max(known, key=lambda k: known[k]) if known else None
        values = [
            self._value(k, score, None if best is None else scores[best])
            for k, score in sorted(scores.items())
        ]
        near = [
            v.n_components
            for v in values
            if v.worse_by is not None and v.worse_by <= max(NEGLIGIBLE, v.worse_by_se or 0.0)
        ]
        return Criterion(
            id=self.id,
            title=self.title,
            engine=self.engine,
            higher_is_better=self.unit > 0,
            values=values,
            chosen=best,
            nearly_as_good=min(near, default=None),
        )

    def _value(self, n_components: int, score: Score, best: Score | None) -> CriterionValue:
        worse = error = None
        if score.value is not None and not score.reason and best and best.value is not None:
            worse = (best.value - score.value) / self.unit
            error = _error_of_difference(score, best)
        return CriterionValue(
            n_components=n_components,
            value=score.value,
            se=score.se,
            worse_by=worse,
            worse_by_se=error,
            reason=score.reason,
        )


def _error_of_difference(score: Score, best: Score) -> float | None:
    if score is best and best.se is not None:
        return 0.0
    if score.rows is not None and best.rows is not None:
        gap = best.rows - score.rows
        return float(np.sqrt(len(gap)) * gap.std(ddof=1))
    if score.se is None or best.se is None:
        return None
    return float(np.hypot(score.se, best.se))


def _information(key: str) -> Callable[[Analysis], Score]:
    def score(analysis: Analysis) -> Score:
        value = analysis.values.engines["em"].diagnostics.get(key)
        return Score(value, reason="" if value is not None else f"EM reports no {key}")

    return score


def _held_out(engine: str) -> Callable[[Analysis], Score]:
    def score(analysis: Analysis) -> Score:
        rows = analysis.row_scores.test.get(engine)
        return Score(None, reason="no rows were held out") if rows is None else Score.over(rows)

    return score


def _loo(analysis: Analysis) -> Score:
    rows = analysis.row_scores.loo
    return Score(None, reason="too few posterior draws") if rows is None else Score.over(rows)


def _evidence(analysis: Analysis) -> Score:
    found = analysis.values.engines["bayes"].diagnostics
    value = found.get("log_marginal_likelihood")
    if value is None:
        return Score(None, reason=found.get("no_log_marginal_likelihood", "it was not asked for"))
    return Score(value, found.get("log_marginal_likelihood_se"))


RULES = (
    Rule("aic", "AIC", "em", _information("aic"), unit=-2.0),
    Rule("bic", "BIC", "em", _information("bic"), unit=-2.0),
    Rule("icl", "ICL", "em", _information("icl"), unit=-2.0),
    Rule("em-held-out", "held-out log-likelihood of EM", "em", _held_out("em")),
    Rule("loo", "LOO", "bayes", _loo),
    Rule("evidence", "marginal likelihood", "bayes", _evidence),
    Rule(
        "bayes-held-out",
        "held-out log-likelihood of the posterior",
        "bayes",
        _held_out("bayes"),
    ),
)


# Findings that, where they fail, leave no sense in what rests on the fit. That parameters have not
# converged is none of them: densities do not ask which component is which.
DOUBTS = {
    "em": {
        "em-converged": "EM did not converge",
        "em-spurious": "EM's optimum is spurious",
    },
    "bayes": {
        "posterior-modes": "the chains are in different modes",
        "posterior-collapsed": "draws have collapsed",
        "posterior-divergences": "too many draws diverged",
        "posterior-incomplete": "no chain visited EM's mode",
    },
}


def doubt_about(analysis: Analysis, engine: str) -> str:
    """Say why the fit of an engine is not to be trusted; empty where it is."""
    failed = {finding.id for finding in analysis.values.verdict if finding.level == "fail"}
    if engine == "em" and "em-optimum" in failed:
        found = analysis.values.engines["em"].diagnostics
        failed |= {"em-spurious"} if found["spurious"] else set()
        failed |= set() if found["converged"] else {"em-converged"}
    return listed([text for id_, text in DOUBTS[engine].items() if id_ in failed])


def judge_all(analyses: Mapping[int, Analysis], failures: Mapping[int, str]) -> list[Criterion]:
    """Evaluate every criterion of the engines fitted that has a value somewhere."""
    engines = {name for analysis in analyses.values() for name in analysis.values.engines}
    doubts = {
        engine: {k: doubt for k, found in analyses.items() if (doubt := doubt_about(found, engine))}
        for engine in DOUBTS
        if engine in engines
    }
    found = [
        rule.judge(analyses, failures, doubts[rule.engine])
        for rule in RULES
        if rule.engine in engines
    ]
    return [rule for rule in found if any(value.value is not None for value in rule.values)]
