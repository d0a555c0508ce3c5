"""A structure of covariances chosen together with the number of components."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.analysis.analyse import Terms
from experiments.analysis.verdict.evidence import gravest_first
from experiments.config.engines import EMSettings
from experiments.core.errors import FitError, UsageError
from experiments.core.missing import treatment_of_missing
from experiments.core.progress import Report, silent
from experiments.core.seeds import stream
from experiments.core.words import listed
from experiments.datasets.dataset import Dataset
from experiments.engines.fit import check_components, check_structures
from experiments.selection.choose import Choice, choose, with_headline
from experiments.values.comparison import Finding
from experiments.values.components import ComponentsValues
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
    most = max(found.n_components)
    choice = choose(dataset, found.kept, engines, options, own, progress, most)
    found = without(found, _doubts(choice.values))
    verdict = gravest_first([*choice.values.verdict, _finding(found, len(covariance_types))])
    values = choice.values.model_copy(update={"structures": found, "verdict": verdict})
    return replace(choice, values=with_headline(values, choice.analyses))


def _doubts(values: ComponentsValues) -> dict[int, str]:
    """Return the numbers at which BIC's fit turned out not to be trusted, and why."""
    return {
        value.n_components: value.reason
        for criterion in values.criteria
        if criterion.id == "bic"
        for value in criterion.values
        if value.value is not None and value.reason
    }


def without(found: StructureChoice, doubts: Mapping[int, str]) -> StructureChoice:
    """Return the choice where the chosen structure is not to be trusted at some numbers.

    The structure stays, because it is the one that every engine has fitted.

    Parameters
    ----------
    found : StructureChoice
    doubts : mapping of int to str
        Why the fit at a number of components is not to be trusted.
    """
    values = [
        value.model_copy(update={"worse_by": None, "reason": doubts[value.n_components]})
        if value.covariance_type == found.chosen and value.n_components in doubts
        else value
        for value in found.values
    ]
    nearest = min((v.worse_by for v in values if v.worse_by is not None), default=0.0)
    values = [
        v if v.worse_by is None else v.model_copy(update={"worse_by": v.worse_by - nearest})
        for v in values
    ]
    own = [v for v in values if v.covariance_type == found.chosen and v.worse_by is not None]
    best = min(own, key=lambda value: value.worse_by or 0.0, default=None)
    chosen = found.chosen_components if best is None else best.n_components
    return found.model_copy(update={"values": values, "chosen_components": chosen})


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
    options["missing"] = treatment_of_missing(dataset.X)
    candidates = []
    models = [(kind, k) for kind in kinds for k in counts]
    for done, (kind, k) in enumerate(models):
        progress("Structures", done, len(models))
        candidates.append(_candidate(dataset, kind, k, options, terms.seed))
    progress("Structures", len(models), len(models))
    fitted = [c for c in candidates if c.result is not None]
    if not fitted:
        raise FitError(f"{dataset.name}: EM can fit no structure: {candidates[0].reason}")
    doubts = {id(c): _doubt(c, len(dataset.X)) for c in fitted}
    # Where no fit is to be trusted, the best of them is fitted further, and none is chosen.
    best = min(fitted, key=lambda c: (bool(doubts[id(c)]), c.bic))
    alike = [c for c in fitted if c.covariance_type == best.covariance_type]
    own = sorted(alike, key=lambda c: (bool(doubts[id(c)]), c.bic))
    return StructureChoice(
        covariance_types=kinds,
        n_components=counts,
        values=[_value(c, best, doubts.get(id(c), "")) for c in candidates],
        chosen=best.covariance_type,
        chosen_components=best.n_components,
        kept=sorted(c.n_components for c in own[:MOST_KEPT]),
    )


def _doubt(candidate: Candidate, n_samples: int) -> str:
    """Say why a fit is not to be trusted; empty where it is. A verdict fails for the same."""
    result = candidate.result
    if n_samples < candidate.n_parameters:
        return "there are fewer rows than parameters"
    if result is not None and not result.converged:
        return "EM did not converge"
    return "EM's optimum is spurious" if result is not None and result.spurious else ""


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


def _value(candidate: Candidate, best: Candidate, doubt: str) -> StructureValue:
    fitted = candidate.result is not None
    return StructureValue(
        covariance_type=candidate.covariance_type,
        n_components=candidate.n_components,
        n_parameters=candidate.n_parameters,
        log_likelihood=candidate.log_likelihood if fitted else None,
        aic=candidate.aic if fitted else None,
        bic=candidate.bic if fitted else None,
        icl=candidate.icl if fitted else None,
        worse_by=0.5 * (candidate.bic - best.bic) if fitted and not doubt else None,
        reason=candidate.reason or doubt,
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
    own = [v for v in found.values if v.covariance_type == found.chosen]
    if all(value.worse_by is None for value in own):
        return Finding(
            id="structure",
            level="warn",
            text=f"BIC can choose no structure: no fit of {found.chosen} covariances, which have "
            "the smallest one, is to be trusted.",
            value=0.0,
            threshold=CLEAR,
        )
    others = [
        value
        for value in found.values
        if value.worse_by is not None and value.covariance_type != found.chosen
    ]
    said = f"BIC chooses {found.chosen} covariances, with {found.chosen_components} components"
    same = _same_in_one_feature(found, n_asked)
    if not others:
        alone = len(found.covariance_types) == 1
        none = "" if alone else "; no other structure has a fit to be trusted"
        return Finding(
            id="structure",
            level="ok",
            text=f"{said}{none}.{same}",
            value=0.0,
            threshold=CLEAR,
        )
    second = min(others, key=lambda value: value.worse_by or 0.0)
    mine = min(value.worse_by for value in own if value.worse_by is not None)
    by = (second.worse_by or 0.0) - mine
    other = (
        f"the best of another structure, {second.covariance_type} with {second.n_components}, is"
    )
    if by < 0:
        # Fits that were made later have shown that what was chosen first is not to be trusted.
        end = f"better by {-by:.1f} in log-likelihood: try it."
    else:
        end = f"worse by {by:.1f} in log-likelihood"
        end += ", which is no more than a bare mention: try both." if by < CLEAR else "."
    return Finding(
        id="structure",
        level="warn" if by < CLEAR else "ok",
        text=f"{said}; {other} {end}{same}",
        value=by,
        threshold=CLEAR,
    )


def _same_in_one_feature(found: StructureChoice, n_asked: int) -> str:
    """Say that names asked for are the same structure, where they are."""
    if n_asked == len(found.covariance_types):
        return ""
    names = listed(found.covariance_types)
    are = "are one structure" if len(found.covariance_types) == 1 else "are two structures"
    return f" With one feature the {n_asked} names {are}: {names}."
