"""Log-likelihoods of truth, estimate and posterior, with the errors of their differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from experiments.analysis.engine_result import train_test
from experiments.analysis.prediction import (
    LeaveOneOut,
    Scores,
    paired_differences,
    score,
)
from experiments.core.types import FloatArray, IntArray
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.values.comparison import (
    DrawSummary,
    EngineResult,
    LeaveOneOutValues,
    LogLikelihoods,
    PosteriorLogLikelihood,
    ScoreDifference,
    TrainTest,
)
from experiments.values.roles import estimate_of, posterior_of
from gmm_bayes.core.limits import MAX_PARETO_K
from gmm_em.e_step import observed


@dataclass(frozen=True)
class RowScores:
    """Log scores row by row, for pairing with those of other fits of the same rows.

    Attributes
    ----------
    test : mapping of str to ndarray of shape (n_test,)
        Of each row held out, by engine, and of the truth; the posterior's predictive density.
    loo : ndarray of shape (n_scored,) or None
        The posterior's, each fitted row left out in turn; of a sample where that was scored.
    loo_rows : ndarray of int, shape (n_scored,) or None
        The places of the rows of that sample; None where all were scored.
    """

    test: Mapping[str, FloatArray] = field(default_factory=dict)
    loo: FloatArray | None = None
    loo_rows: IntArray | None = None


def log_likelihoods(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    results: Mapping[str, EngineResult],
    scores: Mapping[str, Scores],
) -> tuple[LogLikelihoods, RowScores]:
    """Gather the log-likelihoods, and those of single rows that comparisons of fits need.

    Parameters
    ----------
    dataset : Dataset
    fits, results : mapping by engine
    scores : mapping by engine
        Of the fitted rows, under each posterior.
    """
    estimate, posterior = estimate_of(fits), posterior_of(fits)
    held_out, scores_test, test = dataset.X_test, {}, {}
    if held_out is not None:
        scores_test = {
            name: score(fit.draws, held_out) for name, fit in fits.items() if fit.draws is not None
        }
        test = _pointwise(dataset, fits, held_out, scores_test)
    bayes, loo = None, None
    if posterior is not None:
        loo = scores[posterior].loo
        bayes = _posterior(
            results[posterior].log_likelihood, scores[posterior], scores_test.get(posterior)
        )
    values = LogLikelihoods(
        truth=None if dataset.truth is None else train_test(dataset.truth, dataset),
        em=None if estimate is None else results[estimate].log_likelihood,
        bayes=bayes,
        differences=_differences(_pointwise(dataset, fits, dataset.X, scores), _rows(scores)),
        differences_test=_differences(test),
    )
    return values, RowScores(test, None if loo is None else loo.elpd, _rows(scores))


def _posterior(point: TrainTest, fitted: Scores, held_out: Scores | None) -> PosteriorLogLikelihood:
    return PosteriorLogLikelihood(
        at_point=point.train,
        at_point_test=point.test,
        draws=_summary(fitted.draws),
        draws_test=None if held_out is None else _summary(held_out.draws),
        log_predictive=fitted.total(fitted.predictive)[0],
        log_predictive_test=None if held_out is None else float(held_out.predictive.sum()),
        loo=None if fitted.loo is None else _leave_one_out(fitted.loo, fitted),
    )


def _rows(scores: Mapping[str, Scores]) -> IntArray | None:
    """Return the places of the rows that were scored; None where all were."""
    samples = [found.sample for found in scores.values() if found.sample is not None]
    return samples[0].rows if samples else None


def _pointwise(
    dataset: Dataset, fits: Mapping[str, Fit], X: FloatArray, scores: Mapping[str, Scores]
) -> dict[str, FloatArray]:
    """Return the log score of each row: under a posterior, its predictive density."""
    found = {} if dataset.truth is None else {"truth": observed.log_prob(dataset.truth, X)}
    for name, fit in fits.items():
        drawn = scores.get(name)
        found[name] = observed.log_prob(fit.mixture, X) if drawn is None else drawn.predictive
    return found


def _differences(
    scores: Mapping[str, FloatArray], rows: IntArray | None = None
) -> list[ScoreDifference]:
    return [ScoreDifference(**asdict(found)) for found in paired_differences(scores, rows)]


def _leave_one_out(loo: LeaveOneOut, scores: Scores) -> LeaveOneOutValues:
    elpd, sampling_se = scores.total(loo.elpd)
    n_scored, n_rows = len(loo.elpd), scores.n_rows
    return LeaveOneOutValues(
        elpd=elpd,
        se=float(np.sqrt(n_rows) * loo.elpd.std(ddof=1)) if n_scored > 1 else 0.0,
        n_effective=n_rows / n_scored * loo.n_effective,
        max_pareto_k=float(min(loo.pareto_k.max(), np.finfo(np.float64).max)),
        n_high_pareto_k=int((loo.pareto_k > MAX_PARETO_K).sum()),
        n_draws=scores.draws.size,
        n_scored=None if scores.sample is None else n_scored,
        sampling_se=None if scores.sample is None else sampling_se,
    )


def _summary(values: FloatArray) -> DrawSummary:
    return DrawSummary(
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)),
        max=float(values.max()),
        min=float(values.min()),
    )
