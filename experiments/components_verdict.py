"""Sentences about the number of components: what each criterion chooses, and where they differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.components_schema import Criterion
from experiments.parameters import with_uncertainty
from experiments.schema import Finding
from experiments.verdict import GRAVEST_FIRST

if TYPE_CHECKING:
    from experiments.comparison import Comparison


def findings(
    criteria: Sequence[Criterion],
    comparisons: Mapping[int, Comparison],
    failures: Mapping[int, str],
    true_components: int | None,
) -> list[Finding]:
    """Draw up the findings, the gravest first."""
    found = [
        *_choice(criteria),
        *_truth(criteria, true_components),
        *_nearly_as_good(criteria),
        *_at_the_end(criteria),
        *_not_to_be_trusted(comparisons),
        *(
            _finding("not-fitted", "warn", f"K = {k} could not be fitted: {reason}.", k)
            for k, reason in failures.items()
        ),
    ]
    return sorted(found, key=lambda finding: GRAVEST_FIRST.index(finding.level))


def _choice(criteria: Sequence[Criterion]) -> Iterator[Finding]:
    chosen = _by_choice(criteria)
    if len(chosen) == 1:
        k = next(iter(chosen))
        text = f"All {len(criteria)} criteria choose {k} components." if len(criteria) > 1 else (
            f"{_first_upper(criteria[0].title)} chooses {k} components."
        )  # fmt: skip
        yield _finding("choice", "ok", text.replace("1 components", "1 component"), k)
    elif chosen:
        parts = [f"{_listed(titles)} {_choose(titles)} {k}" for k, titles in sorted(chosen.items())]
        text = f"The criteria disagree: {'; '.join(parts)}."
        yield _finding("choice", "warn", text, len(chosen))


def _truth(criteria: Sequence[Criterion], true_components: int | None) -> Iterator[Finding]:
    if true_components is None or not criteria:
        return
    right = _by_choice(criteria).get(true_components, [])
    who = f"{_listed(right)} {'finds' if len(right) == 1 else 'find'} it" if right else (
        "no criterion finds it"
    )  # fmt: skip
    text = f"The truth has {true_components} components: {who}."
    text = text.replace("has 1 components", "has 1 component")
    yield _finding("truth", "ok" if right else "warn", text, true_components)


def _nearly_as_good(criteria: Sequence[Criterion]) -> Iterator[Finding]:
    for criterion in criteria:
        few, best = criterion.within_error, criterion.chosen
        if few is None or best is None or few >= best:
            continue
        value = next(value for value in criterion.values if value.n_components == few)
        if value.worse_by is None or value.worse_by_se is None:
            continue
        text = (
            f"{_first_upper(criterion.title)} prefers {best} to {few} by "
            f"{with_uncertainty(value.worse_by, value.worse_by_se)} only, no more than one "
            f"standard error: {few} would do."
        )
        yield _finding(f"{criterion.id}-error", "ok", text, value.worse_by, value.worse_by_se)


def _at_the_end(criteria: Sequence[Criterion]) -> Iterator[Finding]:
    ends = {criterion.values[-1].n_components for criterion in criteria if criterion.values}
    for end in ends:
        titles = [c.title for c in criteria if c.chosen == end and len(c.values) > 1]
        if titles:
            text = (
                f"{_first_upper(_listed(titles))} {_choose(titles)} the most that was tried, "
                f"{end}: try more."
            )
            yield _finding("range", "warn", text, end, end)


def _not_to_be_trusted(comparisons: Mapping[int, Comparison]) -> Iterator[Finding]:
    doubtful = [
        k
        for k, comparison in comparisons.items()
        if any(f.level == "fail" and f.id.startswith("posterior") for f in comparison.verdict)
    ]
    if doubtful:
        text = (
            f"At K = {_listed(list(map(str, doubtful)))} the posterior is not to be trusted (see "
            "its own verdict): nor are LOO and the marginal likelihood there."
        )
        yield _finding("posterior", "warn", text, len(doubtful))


def _by_choice(criteria: Sequence[Criterion]) -> dict[int, list[str]]:
    chosen: dict[int, list[str]] = defaultdict(list)
    for criterion in criteria:
        if criterion.chosen is not None:
            chosen[criterion.chosen].append(criterion.title)
    return chosen


def _finding(identity: str, level: str, text: str, value: float, threshold: float = 0.0) -> Finding:
    return Finding.model_validate(
        {"id": identity, "level": level, "text": text, "value": value, "threshold": threshold}
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join([part for part in (", ".join(words[:-1]), words[-1]) if part])


def _choose(titles: Sequence[str]) -> str:
    return "chooses" if len(titles) == 1 else "choose"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
