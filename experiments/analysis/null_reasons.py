"""Why a value of `comparison.json` is null: a sentence for every one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.values.comparison import ComparisonValues

NO_TRUTH = "no truth is known"
NO_TEST = "no rows were held out"

# Of the first pattern that a null's dotted path matches.
REASONS: tuple[tuple[str, str], ...] = (
    (r"truth", NO_TRUTH),
    (r"engines\.[^.]+\.(uncertainty|intervals)", "this engine gives a point estimate only"),
    (r"engines\.[^.]+\.(errors|density_errors|clustering)", NO_TRUTH),
    (
        r"engines\.[^.]+\.coverage",
        "this engine gives no intervals, or there is no truth of as many components",
    ),
    (r"engines\.[^.]+\.errors\.weight_kl", "infinite: a weight of the truth is estimated as zero"),
    (r"engines\.[^.]+\.errors\..+", "the engine lacks this component of the truth"),
    (r"engines\.[^.]+\.matching\.partners\..+", "the truth lacks this component"),
    (r"engines\.[^.]+\.matching\.distance", "the first engine of a comparison without a truth"),
    (r"engines\.[^.]+\.matching\.second_distance", "there is no other assignment"),
    (r"engines\.[^.]+\.matching\.draws_ambiguity", "no draws, or only one component"),
    (r"engines\.[^.]+\.diagnostics\..+", "undefined for this fit"),
    (r"log_likelihood\.truth", NO_TRUTH),
    (r"log_likelihood\.(em|bayes)", "this engine was not fitted"),
    (r"log_likelihood\.bayes\.loo", "too few posterior draws to smooth their tail"),
    (r".+[._]test", NO_TEST),
    (r"agreement|certificate", "EM and the posterior were not both fitted"),
    (
        r"agreement\.joint",
        "fewer posterior draws than twice the parameters, or a parameter without spread",
    ),
    (r"certificate\..+", "every posterior draw has collapsed"),
    (r"illustration\..+", "this fit has nothing of the kind to draw, or it is undefined"),
)


def null_reasons(comparison: ComparisonValues) -> dict[str, str]:
    """Return a reason for each null by its dotted path; list elements count from 0."""
    return {path: _reason(path) for path in _nulls(comparison.model_dump(mode="json"), "")}


def _reason(path: str) -> str:
    return next(reason for pattern, reason in REASONS if re.fullmatch(pattern, path))


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _nulls(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and not path.startswith("illustration"):
        for index, part in enumerate(value):
            yield from _nulls(part, f"{path}.{index}")
    elif isinstance(value, list):
        # What is drawn has thousands of numbers: one reason for all of a list.
        yield from sorted({found for part in value for found in _nulls(part, path)})
