"""A structure of covariances chosen together with the number of components."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.analysis.analyse import Terms
from experiments.config.engines import EMSettings
from experiments.core.errors import FitError, UsageError
from experiments.core.progress import Report, silent
from experiments.core.seeds import stream
from experiments.core.words import listed
from experiments.datasets.dataset import Dataset
from experiments.engines.fit import check_components, check_structures
from experiments.selection.choose import Choice, choose
from experiments.values.comparison import Finding
from experiments.values.structures import StructureChoice, StructureValue
from gmm_em import select
from gmm_em.covariance.registry import first_of_family
from gmm_em.inference.selection import Candidate

# Numbers of components that every engine fits, of those that EM fitted alone.
MOST_KEPT = 3
# Half differences of BIC below this are "not worth more than a bare mention" (Kass & Raftery 1995).
CLEAR = 1.0
# With so many, structures of different names are different.
SEVERAL_FEATURES = 2


def choose_with_structure(
    dataset: Dataset,
    n_components: Sequence[int],
    covariance_types: Sequence[str],
    engines: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    terms: Terms,
    progress: Report = silent,
) -> Choice:
    """Choose a structure and the best few numbers of components by BIC, then fit these.

    EM fits every structure with every number of components. The structure of the smallest BIC is
    taken, and its `MOST_KEPT` numbers of components with the smallest BIC are fitted by every
    engine and judged by every criterion, as `choose` does.

    Parameters
    ----------
    dataset : Dataset
    n_components : sequence of int
        Each once.
    covariance_types : sequence of str
        Names of scikit-learn or of mclust, each structure once. With one feature there are two
        structures, and the first name of each is fitted.
    engines, options
        As `experiments.compare` takes them.
    terms : Terms
        Its structure is replaced by the one chosen.
    progress : callable
        Called with (stage, done, total) as the work goes on.

    Raises
    ------
    UsageError
        If a structure, a number, an engine or an option is not allowed.
    FitError
        If EM can fit none of the models.
    """
    check_structures(engines, covariance_types)
    found = screen(dataset, n_components, covariance_types, options.get("em", {}), terms, progress)
    own = replace(terms, covariance_type=found.chosen)
    known = (_finding(found, len(covariance_types)),)
    choice = choose(dataset, found.kept, engines, options, own, progress, known=known)
    return replace(choice, values=choice.values.model_copy(update={"structures": found}))


def screen(
    dataset: Dataset,
    n_components: Sequence[int],
    covariance_types: Sequence[str],
    settings: Mapping[str, Any],
    terms: Terms,
    progress: Report = silent,
) -> StructureChoice:
    """Fit every structure with every number of components by EM, and compare them by BIC.

    Parameters
    ----------
    settings : mapping
        Of EM, as in the table ``[em]`` of a config.
    """
    asked = _checked(covariance_types)
    kinds = list(dict.fromkeys(first_of_family(asked, dataset.X.shape[1]).values()))
    counts = sorted({check_components(k, len(dataset.X)) for k in n_components})
    options = EMSettings(**settings).model_dump(exclude={"n_bootstrap"})
    options["missing"] = "mar" if dataset.has_missing else "error"
    candidates = []
    models = [(kind, k) for kind in kinds for k in counts]
    for done, (kind, k) in enumerate(models):
        progress("Structures", done, len(models))
        candidates.append(_candidate(dataset, kind, k, options, terms.seed))
    progress("Structures", len(models), len(models))
    fitted = [c for c in candidates if c.result is not None]
    if not fitted:
        raise FitError(f"{dataset.name}: EM can fit no structure: {candidates[0].reason}")
    best = min(fitted, key=lambda candidate: candidate.bic)
    own = sorted((c for c in fitted if c.covariance_type == best.covariance_type), key=_bic)
    return StructureChoice(
        covariance_types=kinds,
        n_components=counts,
        values=[_value(candidate, best) for candidate in candidates],
        chosen=best.covariance_type,
        chosen_components=best.n_components,
        kept=sorted(c.n_components for c in own[:MOST_KEPT]),
    )


def _bic(candidate: Candidate) -> float:
    return candidate.bic


def _candidate(
    dataset: Dataset, kind: str, k: int, options: Mapping[str, Any], seed: int
) -> Candidate:
    """Fit one model; each has a stream of random numbers of its own."""
    own = stream(seed, f"structure {kind} {k}")
    try:
        return select(dataset.X, [k], kind, random_state=own, **options).candidates[0]
    except ValueError as error:
        none = math.nan
        return Candidate(k, kind, 0, none, none, none, none, None, str(error))


def _value(candidate: Candidate, best: Candidate) -> StructureValue:
    fitted = candidate.result is not None
    return StructureValue(
        covariance_type=candidate.covariance_type,
        n_components=candidate.n_components,
        n_parameters=candidate.n_parameters,
        log_likelihood=candidate.log_likelihood if fitted else None,
        aic=candidate.aic if fitted else None,
        bic=candidate.bic if fitted else None,
        icl=candidate.icl if fitted else None,
        worse_by=0.5 * (candidate.bic - best.bic) if fitted else None,
        reason=candidate.reason,
    )


def _checked(covariance_types: Sequence[str]) -> list[str]:
    kinds = list(covariance_types)
    if not kinds or len(set(kinds)) < len(kinds):
        raise UsageError(f"covariance_type = {kinds}: allowed is each name once, and at least one")
    for name, first in first_of_family(kinds, SEVERAL_FEATURES).items():
        if name != first:
            raise UsageError(
                f"covariance_type = {kinds}: '{first}' and '{name}' are names of one structure, "
                "allowed is one of them"
            )
    return kinds


def _finding(found: StructureChoice, n_asked: int) -> Finding:
    """Say which structure BIC chooses, and by how much; of how many names that were asked for."""
    others = [
        value
        for value in found.values
        if value.worse_by is not None and value.covariance_type != found.chosen
    ]
    said = f"BIC chooses {found.chosen} covariances, with {found.chosen_components} components"
    same = _same_in_one_feature(found, n_asked)
    if not others:
        none = "no other structure could be fitted" if len(found.covariance_types) > 1 else ""
        return Finding(
            id="structure",
            level="ok",
            text=f"{said}{none and f'; {none}'}.{same}",
            value=0.0,
            threshold=CLEAR,
        )
    second = min(others, key=lambda value: value.worse_by or 0.0)
    by = second.worse_by or 0.0
    text = (
        f"{said}; the best of another structure, {second.covariance_type} with "
        f"{second.n_components}, is worse by {by:.1f} in log-likelihood"
    )
    near = by < CLEAR
    text += f", which is no more than a bare mention: try both.{same}" if near else f".{same}"
    return Finding(
        id="structure", level="warn" if near else "ok", text=text, value=by, threshold=CLEAR
    )


def _same_in_one_feature(found: StructureChoice, n_asked: int) -> str:
    """Say that names asked for are the same structure, where they are."""
    if n_asked == len(found.covariance_types):
        return ""
    names = listed(found.covariance_types)
    are = "are one structure" if len(found.covariance_types) == 1 else "are two structures"
    return f" With one feature the {n_asked} names {are}: {names}."
