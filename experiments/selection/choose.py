"""Fit and compare several numbers of components, and choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.analysis.analyse import Analysis, Terms, analyse, dataset_info
from experiments.analysis.verdict.evidence import doubts_about, gravest_first
from experiments.core.errors import FitError, UsageError
from experiments.core.progress import Report, silent
from experiments.datasets.dataset import Dataset
from experiments.engines.fit import check_components, check_structures, fit_engines
from experiments.engines.registry import load_engine
from experiments.selection.criteria import judge_all, titles_of
from experiments.selection.structures import best_structure, chosen_structure
from experiments.selection.verdict import findings
from experiments.values.components import ComponentsValues


@dataclass(frozen=True)
class Choice:
    """What every criterion says, with the analyses that it was read from.

    Attributes
    ----------
    values : ComponentsValues
        What `components.json` holds.
    analyses : mapping of int to Analysis
        At each number of components that could be fitted.
    """

    values: ComponentsValues
    analyses: Mapping[int, Analysis]


def choose(
    dataset: Dataset,
    n_components: Sequence[int],
    engines: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    terms: Terms,
    structures: Sequence[str],
    progress: Report = silent,
) -> Choice:
    """Fit and compare at every number of components, then judge the numbers by every criterion.

    Of several structures EM's BIC chooses one first.

    Each number's fits are those that it would have alone, with the same seed.

    Parameters
    ----------
    dataset : Dataset
    n_components : sequence of int
        Numbers to try, each once.
    engines, options
        As `experiments.compare` takes them.
    terms : Terms
    structures : sequence of str
        Names of covariance structures; the structure of `terms` is not used.
    progress : callable
        Called with (stage, done, total) as the work goes on.

    Raises
    ------
    UsageError
        If a number, an engine or an option is not allowed, or no number could be fitted.
    """
    counts = _checked(n_components, len(dataset.X))
    check_structures(engines, structures)
    structure, said = structures[0], []
    if len(structures) > 1:
        own = options.get("em", {})
        found = best_structure(dataset, counts, structures, own, terms.seed, progress)
        structure, said = found.best.covariance_type, [chosen_structure(found)]
    terms = replace(terms, covariance_type=structure)
    options = _with_evidence(engines, options)
    experiment = terms.experiment or dataset.name
    analyses: dict[int, Analysis] = {}
    failures: dict[int, str] = {}
    for k in counts:

        def at(stage: str, done: int, total: int, k: int = k) -> None:
            progress(f"K = {k}: {stage}", done, total)

        try:
            fits = fit_engines(dataset, k, engines, options, terms.seed, at, terms.covariance_type)
        except FitError as error:
            # The first sentence of a message says why; advice may follow.
            reason = str(error).removeprefix(f"{dataset.name}: ")
            failures[k] = reason.partition(". ")[0].rstrip(".")
            continue
        analyses[k] = analyse(dataset, fits, replace(terms, experiment=f"{experiment}, K = {k}"))
    if not analyses:
        raise FitError(f"{dataset.name}: no number of components could be fitted: {failures}")
    true_components = None if dataset.truth is None else dataset.truth.n_components
    criteria = judge_all(analyses, failures)
    values = ComponentsValues(
        experiment=experiment,
        seed=terms.seed,
        dataset=dataset_info(dataset),
        covariance_type=terms.covariance_type,
        n_components=counts,
        true_components=true_components,
        criteria=criteria,
        failures={str(k): reason for k, reason in failures.items()},
        verdict=gravest_first(
            [
                *findings(
                    criteria, failures, true_components, _better_by(analyses), titles_of(analyses)
                ),
                *said,
                *doubts_about(dataset),
            ]
        ),
    )
    return Choice(values, analyses)


def several(given: Any) -> list[Any]:
    """Return one value, or several, as a list."""
    return [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)


def _with_evidence(
    engines: Sequence[str], options: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    """Ask for marginal likelihoods, which engines that can give one leave out of a single fit."""
    asked = {name: dict(options.get(name, {})) for name in engines if _has_evidence(name)}
    for settings in asked.values():
        if settings.get("evidence") is None:
            settings["evidence"] = True
    return {**options, **asked}


def _has_evidence(engine: str) -> bool:
    return "evidence" in load_engine(engine).settings.model_fields


def _better_by(analyses: Mapping[int, Analysis]) -> dict[int, float]:
    """Return by how much the certificate beat EM at each number that has one."""
    certificates = {k: found.values.certificate for k, found in analyses.items()}
    return {k: found.better_by for k, found in certificates.items() if found is not None}


def _checked(n_components: Sequence[int], n_samples: int) -> list[int]:
    counts = [check_components(count, n_samples) for count in n_components]
    if not counts or len(set(counts)) < len(counts):
        raise UsageError(f"n_components = {counts}: allowed is each number once, at least one")
    return sorted(counts)
