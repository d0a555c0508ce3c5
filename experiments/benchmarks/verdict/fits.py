"""Ready fits for planted situations: EM's own, and draws that stand for a posterior.

Draws come from the weighted likelihood bootstrap (Newton & Raftery 1994, *Journal of the Royal
Statistical Society* B 56, 3-48): EM climbs from a maximum with random row weights, which gives
about the posterior around that maximum in a second, without a sampler. What a sampler would report
of them is written beside them, so that a situation can report what it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit, central
from experiments.engines.fit import fit_engines
from experiments.values.parameters import Parameters, combine
from gmm_bayes import MixtureDraws
from gmm_em import DegenerateError, InformationError, Mixture, fit_em, standard_errors
from gmm_em.matching import assign, component_distances, distance_between

CHAINS, DRAWS = 2, 100
# Components of the planted clusters have variances about 1. A local optimum with a smaller one than
# this is a spike, on which draws would count as collapsed.
LEAST_VARIANCE = 0.1
# The same for a component on fewer rows.
FEWEST_ROWS = 15
# Draws with a variance so much smaller than the smallest at their maximum are left out.
SPIKE = 0.02
# What a sampler reports that did its work.
CLEAN: dict[str, Any] = {
    "max_r_hat": 1.002,
    "min_ess_bulk": 2000.0,
    "min_ess_tail": 1800.0,
    "n_divergent": 0,
    "label_free": {"log_likelihood": {"r_hat": 1.001}},
    "problems": [],
}


def em_fit(dataset: Dataset, n_components: int, seed: int, **options: Any) -> Fit:
    """Fit by the product's own EM engine, without a bootstrap."""
    settings = {"em": {"n_bootstrap": 0, **options}}
    return fit_engines(dataset, n_components, ["em"], settings, seed)["em"]


def em_at(dataset: Dataset, mixture: Mixture, seed: int) -> Fit:
    """Return EM's fit with another estimate, of which its search says that it is the best.

    This is what a search that was caught looks like: each of its starts led to one local optimum.
    """
    X, k = dataset.X, mixture.n_components
    usual = em_fit(dataset, k, seed, n_init=10)
    caught = {"n_best": 10, "n_converged": 10, "kinds_best": 5, "unseen": {}, "spurious": ""}
    optima = [{"log_likelihood": mixture.log_likelihood(X), "n_runs": 10}]
    errors = usual.uncertainty
    more: dict[str, Parameters] = {}
    try:
        errors = Parameters.of(standard_errors(X, mixture))
        more = {"information": errors}
    except InformationError:
        # A local optimum may be no interior one; the errors of the best then stand for its own.
        errors = usual.uncertainty
    return replace(
        usual,
        mixture=mixture,
        uncertainty=errors,
        more_uncertainty=more,
        diagnostics={**usual.diagnostics, **caught, "converged": True, "optima": optima},
    )


def local_optimum(X: FloatArray, n_components: int, rng: np.random.Generator) -> Mixture | None:
    """Return a local optimum of EM that lies well below the best; None if 200 starts find none."""
    best = fit_em(X, n_components, random_state=int(rng.integers(2**31))).log_likelihood
    spread = np.atleast_2d(np.cov(X, rowvar=False))
    for _ in range(200):
        start = Mixture(
            rng.dirichlet([2.0] * n_components),
            X[rng.choice(len(X), n_components, replace=False)],
            [spread * rng.uniform(0.02, 1.0) for _ in range(n_components)],
        )
        try:
            run = fit_em(X, n_components, init=start)
        except DegenerateError:
            # A collapse is no local optimum.
            continue
        thin = np.linalg.eigvalsh(run.mixture.covariances).min() < LEAST_VARIANCE
        few = run.mixture.weights.min() * len(X) < FEWEST_ROWS
        good = run.converged and not (run.spurious or thin or few)
        if good and run.log_likelihood < best - 10:
            return run.mixture
    return None


def gibbs_fit(dataset: Dataset, n_components: int, seed: int) -> Fit:
    """Draw the posterior under the default prior, in two short chains."""
    settings = {"bayes": {"sampler": "gibbs", "draws": 500, "tune": 200, "chains": CHAINS}}
    return fit_engines(dataset, n_components, ["bayes"], settings, seed)["bayes"]


def draws_around(
    X: FloatArray,
    mixture: Mixture,
    rng: np.random.Generator,
    n_draws: int = CHAINS * DRAWS,
    reach: float = np.inf,
) -> list[Mixture]:
    """Return mixtures spread about a maximum as the posterior around it is.

    Those farther from it than `reach` have left its hill, and are left out.
    """
    found: list[Mixture] = []
    least = SPIKE * np.linalg.eigvalsh(mixture.covariances).min()
    for _ in range(3 * n_draws):
        weights = rng.dirichlet(np.ones(len(X))) * len(X)
        try:
            made = fit_em(
                X, mixture.n_components, init=mixture, sample_weight=weights, tol=1e-6
            ).mixture
        except DegenerateError:
            # Some weights leave a small component nothing to rest on.
            continue
        if np.linalg.eigvalsh(made.covariances).min() < least:
            # Some weights lead on to a spike, where a posterior has no mass.
            continue
        if distance_between(mixture, made) > reach:
            continue
        found.append(made.permute(assign(component_distances(mixture, made))))
        if len(found) == n_draws:
            break
    return found


def posterior_fit(mixtures: Sequence[Mixture], n_chains: int = CHAINS, **reported: Any) -> Fit:
    """Make a posterior of draws, dealt to chains in order, and of what its sampler reports."""
    size = len(mixtures) // n_chains
    arrays = [
        np.stack([getattr(one, name) for one in mixtures[: n_chains * size]])
        for name in ("weights", "means", "covariances")
    ]
    draws = MixtureDraws(*(values.reshape(n_chains, size, *values.shape[1:]) for values in arrays))
    every = Parameters.of(draws)
    return Fit(
        title="posterior",
        mixture=draws.mean(),
        uncertainty=combine(lambda values: values.std(axis=(0, 1), ddof=1), every),
        intervals=central(every, axis=(0, 1)),
        seconds=1.0,
        diagnostics={**CLEAN, "n_draws": n_chains * size, **reported},
        draws=draws,
    )
