"""From fits, and a truth where there is one, to the values of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from experiments.analysis.agreement import agree, joint_distance
from experiments.analysis.assignments import Assignments, assign, summarise_clusters
from experiments.analysis.by_size import rows_scored, told_of_scores
from experiments.analysis.certificate import certify
from experiments.analysis.distances import DensityComparison
from experiments.analysis.engine_result import engine_result
from experiments.analysis.illustrate import drawn_rows, illustrate
from experiments.analysis.likelihoods import RowScores, log_likelihoods
from experiments.analysis.matching import Matching, in_one_order
from experiments.analysis.outliers import decided_by_outliers
from experiments.analysis.posteriors import PosteriorsCompared, compare_posteriors
from experiments.analysis.prediction import RowSample, Scores, score, score_sample
from experiments.analysis.shape import check_shape
from experiments.analysis.summary import summarise
from experiments.analysis.support import support
from experiments.analysis.thresholds import thresholds_with
from experiments.analysis.verdict.evidence import Evidence, doubts_about, gravest_first
from experiments.analysis.verdict.judge import judge
from experiments.analysis.verdict.programs import trusted_pairs
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.storage.layout import COMPARISON, POSTERIOR
from experiments.values.base import ParameterValues
from experiments.values.by_size import SizeChoice
from experiments.values.certificate import Certificate
from experiments.values.checks import OutlierValues, ShapeValues
from experiments.values.clusters import ClusterValues
from experiments.values.comparison import (
    Agreement,
    ComparisonValues,
    DatasetInfo,
    EngineResult,
    LogLikelihoods,
)
from experiments.values.illustration import NOTHING
from experiments.values.nulls import null_reasons
from experiments.values.roles import estimate_of, posterior_of
from gmm_em import Mixture
from gmm_em.core.threads import single_threaded_blas
from gmm_em.e_step import observed
from gmm_em.parameter_names import ParameterLayout

# Rows drawn for the Monte Carlo estimate of a distance between two densities.
DENSITY_SAMPLES = 20_000
# Draws of a posterior that its shape is checked by.
SHAPE_DRAWS = 100


@dataclass(frozen=True)
class Terms:
    """What a comparison is made under, apart from the data and the fits.

    Attributes
    ----------
    experiment : str
        Name of the experiment; by default the data set's.
    seed : int
        The seed that the fits were made with.
    covariance_type : str
        What the covariances of all fits leave free.
    thresholds : mapping of str to (warn, fail)
        Entries that replace those of `experiments.analysis.thresholds.THRESHOLDS`.
    full : bool
        Whether all rows are treated in full, however many they are.
    choices : tuple of SizeChoice
        What was chosen for the fits because the rows are many.
    """

    experiment: str = ""
    seed: int = 0
    covariance_type: str = "full"
    thresholds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    full: bool = False
    choices: tuple[SizeChoice, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """What a comparison found, with the fits that it was made from.

    Attributes
    ----------
    values : ComparisonValues
        What `comparison.json` holds.
    fits : mapping of str to Fit
        By engine, their components in the order of `values`.
    row_scores : RowScores
        Log scores row by row, which the choice of a number of components pairs.
    assignments : Assignments or None
        Which component each row belongs to; None where only the numbers were wanted.
    """

    values: ComparisonValues
    fits: Mapping[str, Fit]
    row_scores: RowScores
    assignments: Assignments | None = None

    def write_into(self, folder: Path) -> None:
        """Write `comparison.json` and, where there is one, `posterior.nc` into a folder."""
        write_values(self.values, self.fits, folder)


def write_values(values: ComparisonValues, fits: Mapping[str, Fit], folder: Path) -> None:
    """Write `comparison.json` and, of a fit with a posterior, `posterior.nc` into a folder."""
    (folder / COMPARISON).write_text(values.to_json() + "\n", encoding="utf-8")
    for fit in fits.values():
        if fit.posterior is not None:
            fit.posterior.to_netcdf(folder / POSTERIOR, engine="h5netcdf")


@single_threaded_blas()
def analyse(
    dataset: Dataset, fits: Mapping[str, Fit], terms: Terms, *, illustrated: bool = True
) -> Analysis:
    """Compare ready fits of one data set.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to Fit
        By engine; all with the same number of components, at least one.
    terms : Terms
    illustrated : bool, default True
        Whether to choose what the report draws, and to say why a value is null; without it there
        is no report.

    Raises
    ------
    UsageError
        If there are no fits, or a threshold is not allowed.
    """
    thresholds = thresholds_with(terms.thresholds)
    if not fits:
        raise UsageError("no fits to compare, allowed is at least one")
    fits, matchings = in_one_order(dataset.truth, fits)
    info = dataset_info(dataset)
    n_components = next(iter(fits.values())).mixture.n_components
    layout = ParameterLayout(n_components, info.n_features, terms.covariance_type)
    results = _results(dataset, fits, matchings, layout, terms.seed)
    posterior = posterior_of(fits)
    scores = _scores(dataset, fits, terms)
    draws_log_likelihood = None if posterior is None else scores[posterior].draws
    likelihoods, row_scores = log_likelihoods(dataset, fits, results, scores)
    agreement, certificate = _estimate_and_posterior(
        dataset, fits, layout, draws_log_likelihood, terms
    )
    evidence = Evidence(
        engines=results,
        log_likelihood=likelihoods,
        agreement=agreement,
        certificate=certificate,
        support=support(fits[_leading(fits)].mixture, dataset.X, layout),
        outliers=_outliers(dataset, fits, layout),
        dataset=info,
        layout=layout,
        thresholds=thresholds,
        posteriors=_posteriors(fits, terms),
    )
    verdict = judge(evidence)
    pairs = [pair.to_values() for pair in trusted_pairs(evidence)]
    assignments = assign(dataset, fits) if illustrated else None
    values = ComparisonValues(
        experiment=terms.experiment or dataset.name,
        seed=terms.seed,
        dataset=info,
        n_components=n_components,
        covariance_type=terms.covariance_type,
        truth=None if dataset.truth is None else ParameterValues.of(dataset.truth),
        engines=results,
        log_likelihood=likelihoods,
        agreement=agreement,
        certificate=certificate,
        choices=_told_of_size(scores, likelihoods, terms),
        support=evidence.support,
        outliers=evidence.outliers,
        posteriors=pairs,
        headline=verdict.headline,
        verdict=gravest_first([*verdict.findings, *doubts_about(dataset)]),
        summary=summarise(results, likelihoods, agreement, certificate, pairs),
        clusters=None if assignments is None else _clusters(assignments, dataset, fits),
        reasons={},
        illustration=illustrate(
            dataset, fits, layout, None if posterior is None else scores[posterior], terms.seed
        )
        if illustrated
        else NOTHING,
    )
    if illustrated:
        values = values.model_copy(update={"reasons": null_reasons(values)})
    return Analysis(values, fits, row_scores, assignments)


def _scores(dataset: Dataset, fits: Mapping[str, Fit], terms: Terms) -> dict[str, Scores]:
    """Score the rows under every posterior: all of them, or where they are many some."""
    drawn = {name: fit for name, fit in fits.items() if fit.draws is not None}
    n_rows, posterior = len(dataset.X), posterior_of(fits)
    n_draws = max((len(fit.draws) for fit in drawn.values() if fit.draws), default=0)
    n_scored = n_rows if terms.full else rows_scored(n_rows, n_draws)
    found = {}
    for name, fit in drawn.items():
        assert fit.draws is not None
        # Only the posterior that is compared is left out of row by row.
        alone = name == posterior
        if n_scored == n_rows:
            found[name] = score(fit.draws, dataset.X, leave_one_out=alone)
            continue
        known = observed.log_prob(fit.mixture, dataset.X)
        sample = RowSample.draw(n_scored, known, stream(terms.seed, "scored rows"))
        found[name] = score_sample(
            fit.draws, dataset.X, sample, fit.log_likelihood, leave_one_out=alone
        )
    return found


def _told_of_size(
    scores: Mapping[str, Scores], found: LogLikelihoods, terms: Terms
) -> list[SizeChoice]:
    """Say what was chosen by the number of rows, for the fits and for the comparison."""
    samples = [one.sample for one in scores.values() if one.sample is not None]
    loo = None if found.bayes is None else found.bayes.loo
    errors = [] if loo is None else [loo]
    return [*terms.choices, *(told_of_scores(len(sample.rows), errors) for sample in samples[:1])]


def _clusters(found: Assignments, dataset: Dataset, fits: Mapping[str, Fit]) -> ClusterValues:
    """Sum up the assignments of the rows."""
    drawn = drawn_rows(dataset, next(iter(fits.values())).mixture)
    return summarise_clusters(found, fits, drawn.tolist())


def _results(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    matchings: Mapping[str, Matching],
    layout: ParameterLayout,
    seed: int,
) -> dict[str, EngineResult]:
    """Say what each engine found, against the truth where it is known."""
    densities, leading = None, _leading(fits)
    if dataset.truth is not None:
        densities = DensityComparison(dataset.truth, DENSITY_SAMPLES, stream(seed, "densities"))
    return {
        name: engine_result(
            name,
            dataset,
            fit,
            matchings[name],
            layout,
            densities,
            _shape(fit, dataset, seed) if name == leading else None,
        )
        for name, fit in fits.items()
    }


def _leading(fits: Mapping[str, Fit]) -> str:
    """Name the fit that rows are counted and shapes are checked by: the estimate, if there is one.

    It does not depend on whether a sampler did its work.
    """
    return estimate_of(fits) or posterior_of(fits) or next(iter(fits))


def _shape(fit: Fit, dataset: Dataset, seed: int) -> ShapeValues | None:
    """Check the shape of the components of an estimate, or of draws spread through the chains."""
    mixtures = [fit.mixture]
    if fit.draws is not None:
        every = np.linspace(0, len(fit.draws) - 1, min(SHAPE_DRAWS, len(fit.draws))).astype(int)
        mixtures = [fit.draws[int(i)] for i in every]
    return check_shape(mixtures, dataset.X, stream(seed, "shape"))


def _outliers(
    dataset: Dataset, fits: Mapping[str, Fit], layout: ParameterLayout
) -> OutlierValues | None:
    """Say what a maximum of the likelihood owes to outlying rows."""
    estimate, posterior = estimate_of(fits), posterior_of(fits)
    if estimate is None or not fits[estimate].maximum_likelihood or dataset.has_missing:
        return None
    errors = fits[posterior or estimate].uncertainty or fits[estimate].uncertainty
    if errors is None:
        return None
    return decided_by_outliers(fits[estimate], errors, dataset.X, layout)


def _estimate_and_posterior(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    layout: ParameterLayout,
    log_likelihoods: FloatArray | None,
    terms: Terms,
) -> tuple[Agreement | None, Certificate | None]:
    """Set the point estimate against the posterior, where both were fitted.

    A posterior draw of a higher likelihood says something against an estimate only if that is
    meant to have the highest, so that other estimates have no certificate.
    """
    names = estimate_of(fits), posterior_of(fits)
    estimate, posterior = (None if name is None else fits[name] for name in names)
    if estimate is None or posterior is None or posterior.draws is None or log_likelihoods is None:
        return None, None
    draws, agreement, certificate = posterior.draws, None, None
    joint = joint_distance(estimate.mixture, draws, layout)
    if posterior.uncertainty is not None:
        agreement = agree(estimate, posterior, draws, joint, layout)
    if estimate.maximum_likelihood:
        certificate = certify(
            estimate.mixture,
            dataset.X,
            draws,
            log_likelihoods,
            layout.n_free,
            joint,
            covariance_type=terms.covariance_type,
            seed=stream(terms.seed, "certificate"),
            modes=_modes(posterior),
        )
    return agreement, certificate


def _posteriors(fits: Mapping[str, Fit], terms: Terms) -> PosteriorsCompared | None:
    """Compare every two posteriors, where there are two or more."""
    if sum(fit.draws is not None for fit in fits.values()) < 2:
        return None
    return compare_posteriors(fits, terms.covariance_type, terms.seed)


def _modes(posterior: Fit) -> list[Mixture]:
    """Return the modes that a posterior's sampler reports, visited by its chains or not."""
    return [
        Mixture(mode["weights"], mode["means"], mode["covariances"])
        for mode in posterior.diagnostics.get("modes") or ()
        # A posterior made elsewhere may tell the masses of its modes only.
        if "means" in mode
    ]


def dataset_info(dataset: Dataset) -> DatasetInfo:
    """Say what was fitted."""
    return DatasetInfo(
        name=dataset.name,
        n_samples=dataset.X.shape[0],
        n_features=dataset.X.shape[1],
        n_test=0 if dataset.X_test is None else len(dataset.X_test),
        sha256=dataset.sha256,
        feature_names=list(dataset.feature_names),
        note=dataset.note,
    )
