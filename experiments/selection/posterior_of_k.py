"""Sentences about the posterior of the number of components, and what it owes to its prior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.core.words import listed
from experiments.values.comparison import Finding
from experiments.values.components import Criterion, PosteriorOfK
from gmm_bayes import check_components_prior

UNIFORM = {"kind": "uniform", "max": 30}
"""Prior of the number of components that another one is compared with."""

USUAL = {"kind": "beta-negative-binomial"}
"""What a uniform prior is compared with: the default of the engine bayes-auto."""

WORTH_NAMING = 0.05
"""Numbers of a smaller probability are not named one by one."""

FEW = 10
"""With fewer effective draws of a number its probability under another prior is rough."""


def in_words(table: Mapping[str, Any]) -> str:
    """Return a prior of the number of components in words, such as ``uniform (max 30)``."""
    values = check_components_prior(table).to_dict()
    kind = values.pop("kind")
    return f"{kind} ({', '.join(f'{name} {value:g}' for name, value in values.items())})"


def under(
    table: Mapping[str, Any], probabilities: Mapping[int, float]
) -> tuple[str, dict[int, float]]:
    """Return another prior in words, and the probabilities that it would have led to.

    The posterior is proportional to the prior times the marginal likelihoods, so that the ratio of
    the two priors is all that changes. Numbers that were not drawn have none.
    """
    prior = check_components_prior(table)
    other = UNIFORM if prior.kind != UNIFORM["kind"] else USUAL
    numbers = np.array(sorted(probabilities), dtype=float)
    logs = np.log([probabilities[int(k)] for k in numbers])
    logs += check_components_prior(other).log_prob(numbers) - prior.log_prob(numbers)
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    return in_words(other), {int(k): float(p) for k, p in zip(numbers, shares, strict=True)}


def findings_of_posterior(
    found: PosteriorOfK | None, criteria: Sequence[Criterion]
) -> Iterator[Finding]:
    """Yield the findings about the posterior of the number of components.

    Parameters
    ----------
    found : PosteriorOfK or None
        None where the numbers were given, of which there is nothing to say.
    criteria : sequence of Criterion
        What the criteria choose, which is set against the most probable number.
    """
    if found is None:
        return
    best = _mode(found.probabilities)
    yield _finding(
        "posterior-k",
        "ok",
        f"The number of components is {_with_probabilities(found.probabilities)} under the prior "
        f"{found.prior}.",
        float(found.probabilities[best]),
    )
    filled = _mode(found.filled)
    yield _finding(
        "posterior-filled",
        "ok",
        f"The number of components that have rows is {_with_probabilities(found.filled)}.",
        float(found.filled[filled]),
    )
    yield from _owed_to_the_prior(found, best)
    yield from _against_the_criteria(found, criteria)
    if found.problems:
        yield _finding(
            "posterior-k-doubt",
            "warn",
            f"The posterior of the number of components is not to be trusted: {found.problems[0]}.",
            float(len(found.problems)),
        )


def _owed_to_the_prior(found: PosteriorOfK, best: str) -> Iterator[Finding]:
    other = _mode(found.under_other_prior)
    text = (
        f"Under the prior {found.other_prior} it would be "
        f"{_with_probabilities(found.under_other_prior)}"
    )
    if other != best:
        text += f": the prior decides between {best} and {other}"
    if (found.effective_draws or 0.0) * found.probabilities[other] < FEW:
        text += f"; few draws have {other}, so that this is rough"
    yield _finding("posterior-k-prior", "ok" if other == best else "warn", f"{text}.", int(other))


def _against_the_criteria(found: PosteriorOfK, criteria: Sequence[Criterion]) -> Iterator[Finding]:
    """Say why criteria choose other numbers than the most probable one."""
    best = int(_mode(found.probabilities))
    chosen = {
        c.id: (c.title, c.chosen)
        for c in criteria
        if c.chosen is not None and c.chosen != best and c.id != "posterior-k"
    }
    if not chosen:
        return
    reasons = []
    if int(_mode(found.filled)) != best:
        reasons.append("components may have no rows, and criteria count those that do")
    if "icl" in chosen and chosen["icl"][1] < best:
        reasons.append("several components together may make the shape of one cluster")
    if _mode(found.under_other_prior) != str(best) or "evidence" in chosen:
        reasons.append("the posterior contains the prior of the number")
    if {"aic", "loo", "em-held-out", "bayes-held-out"} & set(chosen):
        reasons.append("AIC, LOO and held-out rows ask for prediction")
    if "bic" in chosen:
        reasons.append("BIC approximates a marginal likelihood without a prior")
    which = listed([f"{title} ({k})" for title, k in chosen.values()])
    text = f"Other than the most probable number, {best}, {_choose(chosen)} {which}"
    text += f": {'; '.join(reasons)}." if reasons else "."
    yield _finding("posterior-k-why", "ok", text, float(len(chosen)))


def _choose(chosen: Mapping[str, Any]) -> str:
    return "chooses" if len(chosen) == 1 else "choose"


def _mode(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)


def _with_probabilities(probabilities: Mapping[str, float]) -> str:
    """Name the probable numbers with their probabilities, the most probable first."""
    order = sorted(probabilities, key=lambda k: -probabilities[k])
    named = [k for k in order if probabilities[k] >= WORTH_NAMING] or order[:1]
    parts = [f"{k} with probability {probabilities[k]:.2f}" for k in named]
    rest = 1.0 - sum(probabilities[k] for k in named)
    if rest >= 0.005:
        parts.append(f"another one with {rest:.2f}")
    return " or ".join([part for part in (", ".join(parts[:-1]), *parts[-1:]) if part])


def _finding(identity: str, level: str, text: str, value: float) -> Finding:
    return Finding.model_validate(
        {"id": identity, "level": level, "text": text, "value": value, "threshold": 0.0}
    )
