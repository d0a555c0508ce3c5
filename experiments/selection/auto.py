"""The choice of a number of components by its posterior, with the criteria set beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from experiments.analysis.analyse import Terms
from experiments.core.errors import FitError, UsageError
from experiments.core.progress import Report, silent
from experiments.core.seeds import stream
from experiments.datasets.dataset import Dataset
from experiments.engines.bayes_auto import USUAL_NUMBER
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines, ready_engines
from experiments.selection.choose import Choice, choose_among, with_evidence
from experiments.selection.posterior_of_k import in_words, under
from experiments.values.components import PosteriorOfK
from gmm_bayes import check_components_prior

BAYES_AUTO = "bayes-auto"
"""Name of the engine that draws the number of components."""

PROBABLE = 0.03
"""Numbers of components with at least this posterior probability are fitted."""

MOST_FITTED = 6
"""The most probable ones are fitted where more are that probable."""


def choose_by_posterior(
    dataset: Dataset,
    engines: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    terms: Terms,
    progress: Report = silent,
) -> Choice:
    """Draw the number of components, then fit, compare and judge the probable ones.

    Parameters
    ----------
    dataset : Dataset
    engines, options
        As `experiments.compare` takes them; the engine bayes-auto is one of them.
    terms : Terms
    progress : callable
        Called with (stage, done, total) as the work goes on.

    Raises
    ------
    UsageError
        If that engine is not named, or an engine or an option is not allowed.
    FitError
        If the posterior cannot be drawn.
    """
    if BAYES_AUTO not in engines:
        raise UsageError(
            f"n_components = 'auto' with engines = {list(engines)}: allowed with '{BAYES_AUTO}' "
            "among them"
        )
    if dataset.has_missing:
        raise UsageError(
            f"{dataset.name}: has missing values, which {BAYES_AUTO} cannot fit, allowed is a "
            "number of components and engines = ['em', 'bayes']"
        )
    options = with_evidence(engines, options)
    own = {BAYES_AUTO: options[BAYES_AUTO]}
    usual = min(USUAL_NUMBER, len(dataset.X))
    ready = ready_engines(dataset, usual, [BAYES_AUTO], own, terms.covariance_type)
    # The engine has more methods than an engine owes.
    engine = cast("Any", ready[BAYES_AUTO])
    start = time.perf_counter()
    try:
        model = engine.draw(
            dataset.X, stream(terms.seed, BAYES_AUTO), progress, terms.covariance_type
        )
    except ValueError as error:
        raise FitError(f"{dataset.name}: {BAYES_AUTO} cannot fit it: {error}") from error
    seconds = time.perf_counter() - start
    others = [name for name in engines if name != BAYES_AUTO]
    of_others = {name: found for name, found in options.items() if name != BAYES_AUTO}

    probabilities = model.n_components_probabilities_

    def fit_at(k: int, report: Report) -> Mapping[str, Fit]:
        fits: Mapping[str, Fit] = {}
        if others:
            how = (terms.seed, report, terms.covariance_type)
            fits = fit_engines(dataset, k, others, of_others, *how)
        # All numbers are drawn at once. Each has taken the time of its own draws.
        given = engine.given(model, k, seconds * probabilities[k])
        return {name: given if name == BAYES_AUTO else fits[name] for name in engines}

    counts = [
        k
        for k in sorted(probabilities, key=lambda k: -probabilities[k])
        if probabilities[k] >= PROBABLE and k <= len(dataset.X)
    ]
    found = _posterior_of_k(model, engine.options.components_prior)
    return choose_among(dataset, sorted(counts[:MOST_FITTED]), fit_at, terms, progress, found)


def _posterior_of_k(model: Any, table: Mapping[str, Any]) -> PosteriorOfK:
    """Return the posterior of the number of components as plain values."""
    rows = model.diagnostics_.label_free.loc[["n_components", "n_filled"]]
    ess = rows[["ess_bulk", "ess_tail"]].to_numpy(dtype=float)
    other, probabilities = under(table, model.n_components_probabilities_)
    numbers = np.array(list(model.n_components_probabilities_), dtype=float)
    of_prior = np.exp(check_components_prior(table).log_prob(numbers))
    return PosteriorOfK(
        engine=BAYES_AUTO,
        prior=in_words(table),
        prior_probabilities={f"{k:.0f}": float(p) for k, p in zip(numbers, of_prior, strict=True)},
        probabilities={str(k): p for k, p in model.n_components_probabilities_.items()},
        filled={str(k): p for k, p in model.n_filled_probabilities_.items()},
        other_prior=other,
        under_other_prior={str(k): p for k, p in probabilities.items()},
        effective_draws=float(np.nanmin(ess)) if np.isfinite(ess).any() else None,
        problems=list(model.diagnostics_.problems),
    )
