"""Fit and compare several numbers of components, and choose among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.analysis.analyse import Analysis, Terms, analyse, dataset_info
from experiments.analysis.by_size import ROW_SCORES, told_of_scores
from experiments.analysis.verdict.evidence import doubts_about, gravest_first
from experiments.core.errors import FitError, UsageError
from experiments.core.progress import Report, silent
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.engines.fit import check_components, check_structures, fit_engines
from experiments.engines.registry import load_engine
from experiments.selection.criteria import judge_all, titles_of
from experiments.selection.headline import conclude
from experiments.selection.posterior_of_k import findings_of_posterior
from experiments.selection.verdict import findings
from experiments.values.by_size import SizeChoice
from experiments.values.components import ComponentsValues, PosteriorOfK


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
    progress: Report = silent,
    most: int | None = None,
) -> Choice:
    """Fit and compare at every number of components, then judge the numbers by every criterion.

    Each number's fits are those that it would have alone, with the same seed.

    Parameters
    ----------
    dataset : Dataset
    n_components : sequence of int
        Numbers to try, each once.
    engines, options
        As `experiments.compare` takes them.
    terms : Terms
    progress : callable
        Called with (stage, done, total) as the work goes on.
    most : int, optional
        The most components that were tried, where EM alone has fitted more than these.

    Raises
    ------
    UsageError
        If a number, an engine or an option is not allowed, or no number could be fitted.
    """
    counts = _checked(n_components, len(dataset.X))
    check_structures(engines, [terms.covariance_type])
    options = with_evidence(engines, options)

    def fit_at(k: int, report: Report) -> Mapping[str, Fit]:
        return fit_engines(dataset, k, engines, options, terms.seed, report, terms.covariance_type)

    return choose_among(dataset, counts, fit_at, terms, progress, most=most)


def choose_among(
    dataset: Dataset,
    counts: Sequence[int],
    fit_at: Callable[[int, Report], Mapping[str, Fit]],
    terms: Terms,
    progress: Report,
    posterior_of_k: PosteriorOfK | None = None,
    most: int | None = None,
) -> Choice:
    """Compare the fits at every number of components, then judge the numbers by every criterion.

    Parameters
    ----------
    dataset : Dataset
    counts : sequence of int
        Numbers of components, ascending.
    fit_at : callable
        Returns the fits at a number, given a function to report to.
    terms : Terms
    progress : callable
    posterior_of_k : PosteriorOfK, optional
        The posterior of the number of components, where it was drawn.
    most : int, optional
        As `choose` takes it.

    Raises
    ------
    FitError
        If no number could be fitted.
    """
    experiment = terms.experiment or dataset.name
    analyses: dict[int, Analysis] = {}
    failures: dict[int, str] = {}
    for k in counts:

        def at(stage: str, done: int, total: int, k: int = k) -> None:
            progress(f"K = {k}: {stage}", done, total)

        try:
            fits = fit_at(k, at)
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
        n_components=list(counts),
        true_components=true_components,
        criteria=criteria,
        failures={str(k): reason for k, reason in failures.items()},
        choices=_choices(analyses),
        posterior_of_k=posterior_of_k,
        verdict=gravest_first(
            [
                *findings(
                    criteria,
                    failures,
                    true_components,
                    _better_by(analyses),
                    titles_of(analyses),
                    most,
                ),
                *findings_of_posterior(posterior_of_k, criteria),
                *doubts_about(dataset),
            ]
        ),
    )
    return Choice(with_headline(values, analyses), analyses)


def with_headline(values: ComponentsValues, analyses: Mapping[int, Analysis]) -> ComponentsValues:
    """Return the same choice with the one answer that it comes to."""
    own = {k: found.values.headline for k, found in analyses.items()}
    said = {k: headline for k, headline in own.items() if headline is not None}
    return values.model_copy(update={"headline": conclude(values, said)})


def with_evidence(
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


def _choices(analyses: Mapping[int, Analysis]) -> list[SizeChoice]:
    """Return what was chosen by the number of rows at any of the numbers, each thing once."""
    every = [choice for found in analyses.values() for choice in found.values.choices]
    once = {choice.subject: choice for choice in every}
    posteriors = [found.values.log_likelihood.bayes for found in analyses.values()]
    errors = [one.loo for one in posteriors if one is not None and one.loo is not None]
    sampled = [loo for loo in errors if loo.n_scored is not None]
    if sampled:
        # The error of the sample is another one for every number.
        once[ROW_SCORES] = told_of_scores(sampled[0].n_scored or 0, sampled)
    return list(once.values())


def _better_by(analyses: Mapping[int, Analysis]) -> dict[int, float]:
    """Return by how much the certificate beat EM at each number that has one."""
    certificates = {k: found.values.certificate for k, found in analyses.items()}
    return {k: found.better_by for k, found in certificates.items() if found is not None}


def _checked(n_components: Sequence[int], n_samples: int) -> list[int]:
    counts = [check_components(count, n_samples) for count in n_components]
    if not counts or len(set(counts)) < len(counts):
        raise UsageError(f"n_components = {counts}: allowed is each number once, at least one")
    return sorted(counts)
