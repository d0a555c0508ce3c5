"""The section that goes through the numbers of components, one at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from experiments.report.comparison.coordinates import chosen_features
from experiments.report.comparison.data_and_mixtures import data_figure
from experiments.report.page.blocks import Block, Facts, Folded, Note, Picture, Slide, Slides
from experiments.report.verdict import HeadlineBox, VerdictList
from experiments.values.comparison import ComparisonValues
from experiments.values.components import ComponentsValues
from experiments.values.selection_rows import BEST, DOUBTFUL, cell

# Numbers to go through, the nearest to the one that most criteria choose: each has a figure.
MOST_SHOWN = 8
# Features that are drawn pair by pair, the same at every number.
MOST_FEATURES = 3


def each_number(
    found: ComponentsValues, comparisons: Mapping[int, ComparisonValues]
) -> Iterator[Block]:
    """Yield a slider over the numbers, with mixtures, criteria and verdict at each.

    Parameters
    ----------
    found : ComponentsValues
    comparisons : mapping of int to ComparisonValues
        At each number that could be fitted; without any, nothing is yielded.
    """
    if not comparisons:
        return
    first = _favourite(found, comparisons)
    shown = sorted(sorted(comparisons, key=lambda k: (abs(k - first), k))[:MOST_SHOWN])
    if len(shown) < len(comparisons):
        yield Note(f"These are the {MOST_SHOWN} numbers nearest to {first}.")
    features = _features(comparisons[first])
    slides = [Slide(f"K = {k}", list(_slide(found, k, comparisons[k], features))) for k in shown]
    yield Slides("numbers", "Components", slides, first=shown.index(first))


def _favourite(found: ComponentsValues, comparisons: Mapping[int, ComparisonValues]) -> int:
    """Return the number to believe; without one that most criteria choose, else the smallest."""
    believed = None if found.headline is None else found.headline.n_components
    if believed is not None and believed in comparisons:
        return believed
    votes = Counter(c.chosen for c in found.criteria if c.chosen in comparisons)
    return min(comparisons, key=lambda k: (-votes[k], k))


def _features(comparison: ComparisonValues) -> list[str]:
    """Return the features that are drawn at every number: those that tell most at one of them."""
    names = comparison.dataset.feature_names
    return [names[i] for i in chosen_features(comparison, None)[:MOST_FEATURES]]


def _slide(
    found: ComponentsValues, k: int, comparison: ComparisonValues, features: list[str]
) -> Iterator[Block]:
    if comparison.headline is not None:
        yield HeadlineBox(comparison.headline)
    yield Facts(list(_criteria(found, k)))
    if comparison.illustration.points:
        yield Picture(
            f"mixture-{k}",
            data_figure(comparison, features),
            f"The data with the {k} components of each fit.",
        )
    yield Folded(f"Findings at K = {k}", [VerdictList(comparison.verdict)])


def _criteria(found: ComponentsValues, k: int) -> Iterator[tuple[str, str]]:
    """Yield each criterion with how much worse than its best this number is."""
    for criterion in found.criteria:
        value = next(value for value in criterion.values if value.n_components == k)
        said = cell(criterion, value)
        if said == BEST:
            said = "the best"
        elif said == DOUBTFUL:
            said = f"not to be trusted: {value.reason}"
        elif value.worse_by is None:
            said = value.reason or "none"
        else:
            said = f"{said} worse than K = {criterion.chosen}, in log-likelihood"
        yield criterion.title, said
