"""Log-likelihoods of truth, EM and posterior side by side, with the errors of their differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from experiments.engines import Fit
from experiments.predictive import (
    HIGH_PARETO_K,
    leave_one_out,
    log_predictive,
    paired_differences,
)
from experiments.results import train_test
from experiments.schema import (
    EngineResult,
    LeaveOneOutValues,
    LogLikelihoods,
    PosteriorLogLikelihood,
    ScoreDifference,
    Spread,
)
from gmm_bayes import MixtureDraws

Floats = NDArray[np.float64]

# Pareto smoothing fits a tail: with fewer draws there is none.
MIN_LOO_DRAWS = 100


def log_likelihoods(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    results: Mapping[str, EngineResult],
    draws: Floats | None,
) -> LogLikelihoods:
    """Gather the log-likelihoods.

    Parameters
    ----------
    dataset : Dataset
    fits, results : mapping by engine
    draws : ndarray of shape (C, S) or None
        Log-likelihood of the fitted rows at each posterior draw.
    """
    posterior = fits["bayes"].draws if "bayes" in fits else None
    train = _scores(dataset, fits, dataset.X)
    test = {} if dataset.X_test is None else _scores(dataset, fits, dataset.X_test)
    bayes = None
    if posterior is not None and draws is not None:
        point = results["bayes"].log_likelihood
        held_out = dataset.X_test
        bayes = PosteriorLogLikelihood(
            at_point=point.train,
            at_point_test=point.test,
            draws=_spread(draws),
            draws_test=None if held_out is None else _spread(posterior.log_likelihood(held_out)),
            log_predictive=float(train["bayes"].sum()),
            log_predictive_test=float(test["bayes"].sum()) if test else None,
            loo=_leave_one_out(posterior, dataset.X),
        )
    return LogLikelihoods(
        truth=None if dataset.truth is None else train_test(dataset.truth, dataset),
        em=results["em"].log_likelihood if "em" in results else None,
        bayes=bayes,
        differences=_differences(train),
        differences_test=_differences(test),
    )


def _scores(dataset: Dataset, fits: Mapping[str, Fit], X: Floats) -> dict[str, Floats]:
    """Return the log score of each row: under the posterior, its predictive density."""
    scores = {} if dataset.truth is None else {"truth": dataset.truth.log_prob(X)}
    for name, fit in fits.items():
        draws = fit.draws
        scores[name] = fit.mixture.log_prob(X) if draws is None else log_predictive(draws, X)
    return scores


def _differences(scores: Mapping[str, Floats]) -> list[ScoreDifference]:
    return [ScoreDifference(**asdict(found)) for found in paired_differences(scores)]


def _leave_one_out(draws: MixtureDraws, X: Floats) -> LeaveOneOutValues | None:
    if len(draws) < MIN_LOO_DRAWS:
        return None
    loo = leave_one_out(draws, X)
    return LeaveOneOutValues(
        elpd=float(loo.elpd.sum()),
        se=float(np.sqrt(len(X)) * loo.elpd.std(ddof=1)),
        n_effective=loo.n_effective,
        max_pareto_k=float(loo.pareto_k.max()),
        n_high_pareto_k=int((loo.pareto_k > HIGH_PARETO_K).sum()),
        n_draws=loo.n_draws,
    )


def _spread(values: Floats) -> Spread:
    return Spread(
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)),
        max=float(values.max()),
        min=float(values.min()),
    )
