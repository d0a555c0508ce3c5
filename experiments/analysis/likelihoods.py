"""Log-likelihoods of truth, EM and posterior side by side, with the errors of their differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from experiments.analysis.engine_result import train_test
from experiments.analysis.prediction import (
    HIGH_PARETO_K,
    LeaveOneOut,
    Scores,
    paired_differences,
    score,
)
from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.values.comparison import (
    EngineResult,
    LeaveOneOutValues,
    LogLikelihoods,
    PosteriorLogLikelihood,
    ScoreDifference,
    Spread,
)
from gmm_em.e_step import observed


@dataclass(frozen=True)
class RowScores:
    """Log scores row by row, for pairing with those of other fits of the same rows.

    Attributes
    ----------
    test : mapping of str to ndarray of shape (n_test,)
        Of each row held out, by engine, and of the truth; the posterior's predictive density.
    loo : ndarray of shape (n_samples,) or None
        The posterior's, each fitted row left out in turn.
    """

    test: Mapping[str, FloatArray] = field(default_factory=dict)
    loo: FloatArray | None = None


def log_likelihoods(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    results: Mapping[str, EngineResult],
    posterior: Scores | None,
) -> tuple[LogLikelihoods, RowScores]:
    """Gather the log-likelihoods, and those of single rows that comparisons of fits need.

    Parameters
    ----------
    dataset : Dataset
    fits, results : mapping by engine
    posterior : Scores or None
        Of the fitted rows under the posterior.
    """
    draws, held_out = fits["bayes"].draws if "bayes" in fits else None, dataset.X_test
    train = _pointwise(dataset, fits, dataset.X, posterior)
    bayes, test = None, {}
    scores_test = None if held_out is None or draws is None else score(draws, held_out)
    if held_out is not None:
        test = _pointwise(dataset, fits, held_out, scores_test)
    if draws is not None and posterior is not None:
        point = results["bayes"].log_likelihood
        bayes = PosteriorLogLikelihood(
            at_point=point.train,
            at_point_test=point.test,
            draws=_spread(posterior.draws),
            draws_test=None if scores_test is None else _spread(scores_test.draws),
            log_predictive=float(posterior.predictive.sum()),
            log_predictive_test=None
            if scores_test is None
            else float(scores_test.predictive.sum()),
            loo=None if posterior.loo is None else _leave_one_out(posterior.loo, len(draws)),
        )
    values = LogLikelihoods(
        truth=None if dataset.truth is None else train_test(dataset.truth, dataset),
        em=results["em"].log_likelihood if "em" in results else None,
        bayes=bayes,
        differences=_differences(train),
        differences_test=_differences(test),
    )
    loo = None if posterior is None or posterior.loo is None else posterior.loo.elpd
    return values, RowScores(test, loo)


def _pointwise(
    dataset: Dataset, fits: Mapping[str, Fit], X: FloatArray, posterior: Scores | None
) -> dict[str, FloatArray]:
    """Return the log score of each row: under the posterior, its predictive density."""
    scores = {} if dataset.truth is None else {"truth": observed.log_prob(dataset.truth, X)}
    for name, fit in fits.items():
        if name == "bayes" and posterior is not None:
            scores[name] = posterior.predictive
        else:
            scores[name] = observed.log_prob(fit.mixture, X)
    return scores


def _differences(scores: Mapping[str, FloatArray]) -> list[ScoreDifference]:
    return [ScoreDifference(**asdict(found)) for found in paired_differences(scores)]


def _leave_one_out(loo: LeaveOneOut, n_draws: int) -> LeaveOneOutValues:
    return LeaveOneOutValues(
        elpd=float(loo.elpd.sum()),
        se=float(np.sqrt(len(loo.elpd)) * loo.elpd.std(ddof=1)) if len(loo.elpd) > 1 else 0.0,
        n_effective=loo.n_effective,
        max_pareto_k=float(min(loo.pareto_k.max(), np.finfo(np.float64).max)),
        n_high_pareto_k=int((loo.pareto_k > HIGH_PARETO_K).sum()),
        n_draws=n_draws,
    )


def _spread(values: FloatArray) -> Spread:
    return Spread(
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)),
        max=float(values.max()),
        min=float(values.min()),
    )
