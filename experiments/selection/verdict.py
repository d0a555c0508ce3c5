"""Sentences about the number of components: what each criterion chooses, and where they differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from experiments.analysis.verdict.evidence import gravest_first
from experiments.core.digits import with_uncertainty
from experiments.core.words import components, listed
from experiments.values.comparison import Finding
from experiments.values.components import Criterion, CriterionValue

# What each criterion asks: which number predicts new rows best, or which is true.
PREDICTIVE = ("aic", "em-held-out", "loo", "bayes-held-out")
TRUTHFUL = ("bic", "evidence")


def findings(
    criteria: Sequence[Criterion],
    failures: Mapping[int, str],
    true_components: int | None,
    better_by: Mapping[int, float] | None = None,
    titles: Mapping[str, str] | None = None,
    most: int | None = None,
) -> list[Finding]:
    """Draw up the findings, the gravest first.

    Parameters
    ----------
    criteria : sequence of Criterion
    failures : mapping of int to str
        Numbers of components that could not be fitted, and why.
    true_components : int or None
    better_by : mapping of int to float, optional
        How much higher than EM the posterior led at each number, in log-likelihood.
    titles : mapping of str to str, optional
        What sentences call each engine.
    most : int, optional
        The most components that were tried, where EM alone has fitted more than all engines.
    """
    found = [
        *_choice(criteria),
        *_truth(criteria, true_components),
        *_why(criteria),
        *_nearly_as_good(criteria),
        *_at_the_end(criteria, most),
        *_not_to_be_trusted(criteria, failures, titles or {}),
        *_local(better_by or {}),
        *_not_fitted(failures),
    ]
    return gravest_first(found)


def _choice(criteria: Sequence[Criterion]) -> Iterator[Finding]:
    chosen = by_choice(criteria)
    if not chosen:
        text = (
            "No criterion can choose: AIC, BIC and ICL are EM's, LOO and the marginal likelihood "
            "the posterior's, and neither has a fit to be trusted here."
        )
        yield _finding("choice", "warn", text, 0)
    elif len(chosen) == 1:
        [(k, titles)] = chosen.items()
        who = (
            f"All {len(titles)} criteria choose"
            if len(titles) > 1
            else (f"{_first_upper(titles[0])} chooses")
        )
        yield _finding("choice", "ok", f"{who} {components(k)}.", k)
    else:
        text = f"The criteria disagree: {'; '.join(each_choice(chosen))}."
        yield _finding("choice", "warn", text, len(chosen))


def _truth(criteria: Sequence[Criterion], true_components: int | None) -> Iterator[Finding]:
    if true_components is None or not criteria:
        return
    right = by_choice(criteria).get(true_components, [])
    who = (
        f"{listed(right)} {'finds' if len(right) == 1 else 'find'} it"
        if right
        else ("no criterion finds it")
    )
    text = f"The truth has {components(true_components)}: {who}."
    yield _finding("truth", "ok" if right else "warn", text, true_components)


def _why(criteria: Sequence[Criterion]) -> Iterator[Finding]:
    """Say what the criteria that disagree ask, for most disagreements are about the question."""
    chosen = {c.id: c.chosen for c in criteria if c.chosen is not None}
    bic, icl, evidence = (chosen.get(name) for name in ("bic", "icl", "evidence"))
    predictive = max((chosen[name] for name in PREDICTIVE if name in chosen), default=None)
    truthful = min((chosen[name] for name in TRUTHFUL if name in chosen), default=None)
    if icl is not None and bic is not None and icl < bic:
        text = (
            f"ICL chooses fewer than BIC, for components overlap: {bic} describe the density, "
            f"{icl} stand apart as clusters."
        )
        yield _finding("why-overlap", "ok", text, bic - icl)
    if predictive is not None and truthful is not None and predictive > truthful:
        text = (
            "AIC, LOO and held-out rows ask what predicts new rows best, and forgive a component "
            "too many; BIC and the marginal likelihood ask which number is true."
        )
        yield _finding("why-question", "ok", text, predictive - truthful)
    if bic is not None and evidence is not None and bic != evidence:
        text = (
            "The marginal likelihood depends on the prior, BIC on none: see what it chooses under "
            "another prior."
        )
        yield _finding("why-prior", "ok", text, abs(evidence - bic))


def _nearly_as_good(criteria: Sequence[Criterion]) -> Iterator[Finding]:
    """Say where fewer components would do, once for all criteria that say the same."""
    alike: dict[tuple[int, int], list[tuple[Criterion, CriterionValue]]] = defaultdict(list)
    for criterion in criteria:
        few, best = criterion.nearly_as_good, criterion.chosen
        if few is not None and best is not None and few < best:
            value = next(value for value in criterion.values if value.n_components == few)
            alike[best, few].append((criterion, value))
    for (best, few), found in alike.items():
        titles = [criterion.title for criterion, _ in found]
        by = listed([_amount(value) for _, value in found])
        text = (
            f"{_first_upper(listed(titles))} {'prefers' if len(titles) == 1 else 'prefer'} {best} "
            f"to {few} by {by} only: {few} would do."
        )
        worst = max(value.worse_by or 0.0 for _, value in found)
        yield _finding(f"{found[0][0].id}-nearly", "ok", text, worst, few)


def _amount(value: CriterionValue) -> str:
    assert value.worse_by is not None
    if value.worse_by_se is None:
        return f"{value.worse_by:.1f}"
    return with_uncertainty(value.worse_by, value.worse_by_se)


def _at_the_end(criteria: Sequence[Criterion], most: int | None) -> Iterator[Finding]:
    ends = {criterion.values[-1].n_components for criterion in criteria if criterion.values}
    ends = ends if most is None else ends & {most}
    for end in ends:
        titles = [c.title for c in criteria if c.chosen == end and len(c.values) > 1]
        if titles:
            text = f"{_first_upper(who_choose(titles))} the most that was tried, {end}: try more."
            yield _finding("range", "warn", text, end, end)


def _not_to_be_trusted(
    criteria: Sequence[Criterion], failures: Mapping[int, str], titles: Mapping[str, str]
) -> Iterator[Finding]:
    """Say which fits no criterion was allowed to choose, and why."""
    for engine in dict.fromkeys(criterion.engine for criterion in criteria):
        title = titles.get(engine, engine)
        own = [criterion for criterion in criteria if criterion.engine == engine]
        doubts: dict[str, list[int]] = defaultdict(list)
        for k, reason in _doubts(own).items():
            if k not in failures:
                doubts[reason].append(k)
        for reason, counts in doubts.items():
            text = (
                f"At K = {listed(list(map(str, counts)))} {title} is not to be trusted, "
                f"because {reason}; it is left out of every choice that rests on it."
            )
            yield _finding(f"{engine}-doubt", "warn", text, len(counts))


def _not_fitted(failures: Mapping[int, str]) -> Iterator[Finding]:
    alike: dict[str, list[int]] = defaultdict(list)
    for k, reason in failures.items():
        alike[reason].append(k)
    for reason, counts in alike.items():
        text = f"K = {listed(list(map(str, counts)))} could not be fitted: {reason}."
        yield _finding("not-fitted", "warn", text, len(counts))


def _local(better_by: Mapping[int, float]) -> Iterator[Finding]:
    """Say where EM's criteria are of a local optimum, and by how much it falls short."""
    short = {k: gain for k, gain in better_by.items() if gain > 0}
    if short:
        where = listed([f"{k} (by {gain:.1f})" for k, gain in short.items()])
        text = (
            f"Posterior draws lead to a higher likelihood than EM's at K = {where}: AIC, BIC and "
            "ICL judge a local optimum there; raise em.n_init."
        )
        yield _finding("em-local", "warn", text, max(short.values()))


def _doubts(criteria: Iterable[Criterion]) -> dict[int, str]:
    return {
        value.n_components: value.reason
        for criterion in criteria
        for value in criterion.values
        if value.value is not None and value.reason
    }


def by_choice(criteria: Sequence[Criterion]) -> dict[int, list[str]]:
    """Return the titles of the criteria that choose a number, for each number that one chooses."""
    chosen: dict[int, list[str]] = defaultdict(list)
    for criterion in criteria:
        if criterion.chosen is not None:
            chosen[criterion.chosen].append(criterion.title)
    return chosen


def _finding(identity: str, level: str, text: str, value: float, threshold: float = 0.0) -> Finding:
    return Finding.model_validate(
        {"id": identity, "level": level, "text": text, "value": value, "threshold": threshold}
    )


def who_choose(titles: Sequence[str]) -> str:
    """Say that criteria choose something, which is to follow."""
    return f"{listed(titles)} {'chooses' if len(titles) == 1 else 'choose'}"


def each_choice(chosen: Mapping[int, Sequence[str]]) -> list[str]:
    """Say of each number which criteria choose it, the smallest number first."""
    return [f"{who_choose(titles)} {k}" for k, titles in sorted(chosen.items())]


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
