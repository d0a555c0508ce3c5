"""Ways to choose the number of components, each from the comparisons at every number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from experiments.analysis.analyse import Analysis
from experiments.analysis.prediction import paired_gap
from experiments.core.types import FloatArray, IntArray
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
        The terms whose sum `value` is, where those of two numbers of components pair; of a sample
        where the sum is estimated from it.
    reason : str
        Why there is no value, or why it is not to be trusted.
    n_rows : int or None
        Number of terms of the whole sum, where `rows` are a sample.
    places : ndarray of int or None
        Which of all terms `rows` are, where they are a sample. A number of components with few
        draws has all terms, beside others with a sample.
    sampling_se : float
        Error of `value` that comes of the sample.
    """

    value: float | None
    se: float | None = None
    rows: FloatArray | None = None
    reason: str = ""
    n_rows: int | None = None
    sampling_se: float = 0.0
    places: IntArray | None = None

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
    id, title : str
    engine : str
        Name of the engine whose fits it judges.
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
        return Criterion(
            id=self.id,
            title=self.title,
            engine=self.engine,
            higher_is_better=self.unit > 0,
            values=values,
            chosen=best,
            nearly_as_good=min(good_enough(values), default=None),
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


def good_enough(values: Sequence[CriterionValue]) -> list[int]:
    """Return the numbers of components that are as good as the best, or no worse than by chance."""
    return [
        v.n_components
        for v in values
        if v.worse_by is not None and v.worse_by <= max(NEGLIGIBLE, v.worse_by_se or 0.0)
    ]


def _error_of_difference(score: Score, best: Score) -> float | None:
    if score is best and best.se is not None:
        return 0.0
    if score.rows is not None and best.rows is not None:
        places = score.places if best.places is None else best.places
        gap = paired_gap(best.rows, score.rows, places)
        over_rows = np.sqrt(score.n_rows or len(gap)) * gap.std(ddof=1)
        return float(np.linalg.norm([over_rows, score.sampling_se, best.sampling_se]))
    if score.se is None or best.se is None:
        return None
    return float(np.hypot(score.se, best.se))


def _information(engine: str, key: str) -> Callable[[Analysis], Score]:
    def score(analysis: Analysis) -> Score:
        result = analysis.values.engines[engine]
        value = result.diagnostics.get(key)
        return Score(value, reason="" if value is not None else f"{result.title} reports no {key}")

    return score


def _held_out(engine: str) -> Callable[[Analysis], Score]:
    def score(analysis: Analysis) -> Score:
        rows = analysis.row_scores.test.get(engine)
        return Score(None, reason="no rows were held out") if rows is None else Score.over(rows)

    return score


def _loo(analysis: Analysis) -> Score:
    rows, bayes = analysis.row_scores.loo, analysis.values.log_likelihood.bayes
    if rows is None or bayes is None or bayes.loo is None:
        return Score(None, reason="too few posterior draws")
    said = {finding.id for finding in analysis.values.verdict}
    reason = "Pareto k is too high for single rows" if "loo" in said else ""
    return Score(
        bayes.loo.elpd,
        bayes.loo.se,
        rows,
        reason,
        analysis.values.dataset.n_samples,
        bayes.loo.sampling_se or 0.0,
        analysis.row_scores.loo_rows,
    )


def _evidence(engine: str) -> Callable[[Analysis], Score]:
    def score(analysis: Analysis) -> Score:
        found = analysis.values.engines[engine].diagnostics
        value = found.get("log_marginal_likelihood")
        if value is None:
            reason = found.get("no_log_marginal_likelihood", "it was not asked for")
            return Score(None, reason=reason)
        return Score(value, found.get("log_marginal_likelihood_se"))

    return score


def _posterior_of_k(engine: str) -> Callable[[Analysis], Score]:
    def score(analysis: Analysis) -> Score:
        found = analysis.values.engines[engine].diagnostics
        value = found.get("log_posterior_of_k")
        reason = "" if value is not None else "the number of components was given"
        return Score(value, found.get("log_posterior_of_k_se"), reason=reason)

    return score


def rules_for_estimate(engine: str, title: str) -> Iterator[Rule]:
    """Yield the criteria that judge the fits of a point estimate, which tables call `title`."""
    yield Rule("aic", "AIC", engine, _information(engine, "aic"), unit=-2.0)
    yield Rule("bic", "BIC", engine, _information(engine, "bic"), unit=-2.0)
    yield Rule("icl", "ICL", engine, _information(engine, "icl"), unit=-2.0)
    yield Rule("em-held-out", f"held-out log-likelihood of {title}", engine, _held_out(engine))


def rules_for_posterior(engine: str, title: str) -> Iterator[Rule]:
    """Yield the criteria that judge a posterior, which sentences call `title`."""
    yield Rule("posterior-k", "log posterior probability", engine, _posterior_of_k(engine))
    yield Rule("loo", "LOO", engine, _loo)
    yield Rule("evidence", "marginal likelihood", engine, _evidence(engine))
    yield Rule("bayes-held-out", f"held-out log-likelihood of {title}", engine, _held_out(engine))


# If one of these findings fails, criteria that rest on the posterior mean nothing. R-hat of the
# parameters is not among them: criteria rest on densities, which do not depend on labels.
POSTERIOR_DOUBTS = {
    "posterior-sampler": "its sampler says that its draws are not to be trusted",
    "posterior-modes": "the chains are in different modes",
    "posterior-collapsed": "draws have collapsed",
    "posterior-divergences": "too many draws diverged",
    "posterior-incomplete": "no chain visited {estimate}'s mode",
}


def doubt_about(analysis: Analysis, engine: str) -> str:
    """Say why the fit of an engine is not to be trusted; empty where it is."""
    engines = analysis.values.engines
    failed = {finding.id for finding in analysis.values.verdict if finding.level == "fail"}
    if "rows" in failed:
        return "there are fewer rows than parameters"
    estimate = analysis.values.estimate
    title = "" if estimate is None else engines[estimate].title
    if engine == analysis.values.posterior:
        reasons = [text for name, text in POSTERIOR_DOUBTS.items() if name in failed]
        return listed([text.format(estimate=title) for text in reasons])
    if engine != estimate or "em-optimum" not in failed:
        return ""
    found = engines[engine].diagnostics
    reasons = [] if found.get("converged", True) else [f"{title} did not converge"]
    reasons += [f"{title}'s optimum is spurious"] if found.get("spurious") else []
    return listed(reasons)


def judge_all(analyses: Mapping[int, Analysis], failures: Mapping[int, str]) -> list[Criterion]:
    """Evaluate every criterion of the engines fitted that has a value somewhere."""
    # All numbers of components were fitted by the same engines.
    values, titles = next(iter(analyses.values())).values, titles_of(analyses)
    rules: list[Rule] = []
    if values.estimate is not None:
        rules += rules_for_estimate(values.estimate, titles[values.estimate])
    if values.posterior is not None:
        rules += rules_for_posterior(values.posterior, titles[values.posterior])
    criteria = []
    for rule in rules:
        doubts = {k: doubt_about(analysis, rule.engine) for k, analysis in analyses.items()}
        said = {k: doubt for k, doubt in doubts.items() if doubt}
        criteria.append(rule.judge(analyses, failures, said))
    return [found for found in criteria if any(v.value is not None for v in found.values)]


def titles_of(analyses: Mapping[int, Analysis]) -> dict[str, str]:
    """Return what a sentence calls each engine: its title, or the posterior."""
    values = next(iter(analyses.values())).values
    titles = {name: engine.title for name, engine in values.engines.items()}
    return {**titles, values.posterior: "the posterior"} if values.posterior else titles
